//! `GET /institutions`: the catalogue of evaluation institutions, as a page that can be searched.
//!
//! The query holds names of institutions, no personal data; it is not logged all the same.

use std::borrow::Cow;

use certificate::tidy;
use snapshot::Institution;

use super::{as_of, outage};
use crate::answer::in_catalogue;
use crate::live::Current;
use crate::page::{self, InstitutionsView, Lang, Listing};
use crate::refusal::Refusal;
use crate::reply::{Media, Reply};

/// Those that fit the query, by code, or the page of an outage.
pub fn answer(lang: Lang, query: &str, current: Result<&Current, Refusal>) -> Reply {
    match current {
        Ok(current) => Reply::ok(Media::Html, catalogue(lang, &Filter::parse(query), current)),
        Err(refusal) => outage(lang, "/institutions", refusal),
    }
}

fn catalogue(lang: Lang, filter: &Filter<'_>, current: &Current) -> String {
    let institutions = &current.snapshot.texts().institutions;
    let rows: Vec<page::Institution<'_>> = institutions.iter().map(|it| row(current, it)).collect();
    let mut cities: Vec<&str> = rows.iter().map(|row| row.city).collect();
    cities.sort_unstable();
    cities.dedup();
    let listed = rows.iter().filter(|row| row.in_catalogue).count();
    let removed = rows.len() - listed;
    let shown: Vec<page::Institution<'_>> =
        rows.into_iter().filter(|row| filter.admits(row)).collect();
    page::institutions(
        lang,
        &InstitutionsView {
            institutions: &shown,
            listed,
            removed,
            cities: &cities,
            search: page::Search {
                words: &filter.words,
                city: &filter.city,
                listing: filter.listing,
            },
            as_of: as_of(current),
        },
    )
}

/// What was asked for: `q` (words of the name, or part of the code), `city`, `state`.
#[derive(Default)]
struct Filter<'a> {
    words: Cow<'a, str>,
    city: Cow<'a, str>,
    listing: Option<Listing>,
}

impl<'a> Filter<'a> {
    /// An unknown state is none; of a key that stands twice the last counts.
    fn parse(query: &'a str) -> Self {
        let mut filter = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "q" => filter.words = value,
                "city" => filter.city = value,
                "state" => filter.listing = Listing::parse(&value),
                _ => {}
            }
        }
        filter
    }

    fn admits(&self, institution: &page::Institution<'_>) -> bool {
        let name = tidy(institution.name).to_uppercase();
        let wanted = tidy(&self.words).to_uppercase();
        let mut words = wanted.split_whitespace();
        words.all(|word| name.contains(word) || institution.code.contains(word))
            && (self.city.is_empty() || institution.city == self.city)
            && self
                .listing
                .is_none_or(|listing| institution.in_catalogue == (listing == Listing::Listed))
    }
}

fn row<'s>(current: &'s Current, institution: &'s Institution) -> page::Institution<'s> {
    let coverage = current.snapshot.coverage(&institution.code);
    page::Institution {
        code: institution.code.as_str(),
        name: &institution.name,
        city: &institution.city,
        kind: &institution.kind,
        top_level: institution.top_level,
        filed_on: institution.filed_on,
        in_catalogue: in_catalogue(institution, current.day),
        removed_on: institution.removed_on,
        removal_reason: institution.removal_reason.as_deref().unwrap_or_default(),
        certificates: coverage.map_or(0, |coverage| coverage.certificates),
        latest_review_on: coverage.map(|coverage| coverage.latest_review_on),
    }
}

#[cfg(test)]
mod tests {
    use certificate::Date;

    use super::*;

    fn institution<'a>(name: &'a str, city: &'a str, in_catalogue: bool) -> page::Institution<'a> {
        page::Institution {
            code: "J000044000001",
            name,
            city,
            kind: "技师学院",
            top_level: '2',
            filed_on: Date::constant(2020, 4, 1),
            in_catalogue,
            removed_on: None,
            removal_reason: "",
            certificates: 0,
            latest_review_on: None,
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let school = institution("广州市ABC技师学院", "440100", true);
        for (query, admitted) in [
            ("", true),
            ("lang=en&x=y", true),
            ("q=%E5%B9%BF%E5%B7%9E", true),
            ("q=%E5%B9%BF%E5%B7%9E+%E6%8A%80%E5%B8%88", true),
            ("q=%E6%B7%B1%E5%9C%B3", false),
            ("q=abc", true),
            ("q=%EF%BC%A1%EF%BC%A2", true),
            ("q=j000044000001", true),
            ("q=J000044000002", false),
            ("city=440100", true),
            ("city=440300", false),
            ("city=440100&q=%E6%B7%B1%E5%9C%B3", false),
            ("state=listed", true),
            ("state=removed", false),
            ("state=nonsense", true),
            ("q=%FF", false),
        ] {
            assert_eq!(Filter::parse(query).admits(&school), admitted, "{query}");
        }
        let removed = institution("某校", "440100", false);
        assert!(Filter::parse("state=removed").admits(&removed));
        assert!(!Filter::parse("state=listed").admits(&removed));
    }
}
