//! `GET /statistics`: the register in counts, as a page with charts.

use super::{as_of, outage};
use crate::live::Current;
use crate::page::{self, Counted, Key, Lang, StatisticsView};
use crate::refusal::Refusal;
use crate::reply::{Media, Reply};
use crate::statistics::{Statistics, Tally};

/// How many occupations have a line of their own.
const OCCUPATIONS_NAMED: usize = 20;

/// The page, or that of an outage.
pub fn answer(lang: Lang, current: Result<&Current, Refusal>) -> Reply {
    match current {
        Ok(current) => Reply::ok(Media::Html, counts(lang, current)),
        Err(refusal) => outage(lang, "/statistics", refusal),
    }
}

fn counts(lang: Lang, current: &Current) -> String {
    let found = current.statistics();
    let cities: Vec<Counted<'_>> = found
        .cities
        .iter()
        .map(|(code, tally)| counted(Key::City(code), *tally))
        .collect();
    let codes: Vec<String> = found
        .occupations
        .iter()
        .map(|it| it.0.code.to_string())
        .collect();
    let level = |(code, tally): &(char, Tally)| counted(Key::Level(*code), *tally);
    let year = |(year, tally): &(i16, Tally)| counted(Key::Year(*year), *tally);
    page::statistics(
        lang,
        &StatisticsView {
            certificates: found.total.certificates,
            withdrawn: found.total.withdrawn,
            // The exchange is not in this release, so nothing has been reported yet.
            reported: 0,
            acknowledged: 0,
            cities: &cities,
            occupations: &occupations(found, &codes),
            levels: &found.levels.iter().map(level).collect::<Vec<_>>(),
            years: &found.years.iter().map(year).collect::<Vec<_>>(),
            as_of: as_of(current),
        },
    )
}

/// The most frequent ones, and the rest in one line.
fn occupations<'s>(found: &'s Statistics, codes: &'s [String]) -> Vec<Counted<'s>> {
    let named = found.occupations.len().min(OCCUPATIONS_NAMED);
    let (first, rest) = found.occupations.split_at(named);
    let mut lines: Vec<Counted<'_>> = first
        .iter()
        .zip(codes)
        .map(|((occupation, tally), code)| {
            let name = &occupation.name;
            counted(Key::Occupation { code, name }, *tally)
        })
        .collect();
    if !rest.is_empty() {
        let sum = rest.iter().map(|(_, tally)| *tally).sum();
        lines.push(counted(Key::OtherOccupations(rest.len()), sum));
    }
    lines
}

fn counted(key: Key<'_>, tally: Tally) -> Counted<'_> {
    Counted {
        key,
        certificates: tally.certificates,
        withdrawn: tally.withdrawn,
    }
}
