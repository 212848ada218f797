//! The catalogue of institutions: views, search and page.

use askama::Template;
use certificate::Date;

use super::{AsOf, Lang, english_kind, finish, top_level};

/// The catalogue of evaluation institutions, in the order given.
#[derive(Clone, Copy, Debug)]
pub struct InstitutionsView<'a> {
    /// Those that fit the search.
    pub institutions: &'a [Institution<'a>],
    /// How many are in the catalogue, whatever was searched for.
    pub listed: usize,
    /// How many have been removed from it.
    pub removed: usize,
    /// Codes of the cities to choose from.
    pub cities: &'a [&'a str],
    /// What was searched for.
    pub search: Search<'a>,
    /// The state of the register that answered.
    pub as_of: AsOf,
}

/// What a person searched the catalogue for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search<'a> {
    /// Words of the name or part of the code, as typed.
    pub words: &'a str,
    /// Code of a city; empty for all.
    pub city: &'a str,
    /// In the catalogue, or removed; `None` for both.
    pub listing: Option<Listing>,
}

/// Whether an institution is in the catalogue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Listing {
    /// It is.
    Listed,
    /// It was, or is not yet.
    Removed,
}

/// One institution of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Institution<'a> {
    /// Positions 1–13 of its certificate numbers.
    pub code: &'a str,
    /// Its present name.
    pub name: &'a str,
    /// Division code of its city (GB/T 2260), for example `440100`.
    pub city: &'a str,
    /// 技师学院 or 高级技工学校.
    pub kind: &'a str,
    /// The highest level it may certify, `2` or `3`.
    pub top_level: char,
    /// 备案日期.
    pub filed_on: Date,
    /// Whether it was in the catalogue at `published_at`.
    pub in_catalogue: bool,
    /// 移出日期, which may lie ahead.
    pub removed_on: Option<Date>,
    /// 移出原因; empty when there is none.
    pub removal_reason: &'a str,
    /// Certificates in the register, withdrawn ones included.
    pub certificates: u64,
    /// 审核日期 of its newest reviewed row.
    pub latest_review_on: Option<Date>,
}

impl Listing {
    /// Both, in the order of the form.
    const ALL: [Self; 2] = [Self::Listed, Self::Removed];

    /// The value of the parameter `state`.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listing| listing.code() == code)
    }

    fn code(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Removed => "removed",
        }
    }
}

impl Search<'_> {
    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.city.is_empty() && self.listing.is_none()
    }

    /// The search as the end of an address that begins with another parameter, so that it lasts
    /// when the language changes.
    fn kept(&self) -> String {
        let mut kept = form_urlencoded::Serializer::new(String::new());
        for (key, value) in [
            ("q", self.words),
            ("city", self.city),
            ("state", self.listing.map_or("", Listing::code)),
        ] {
            if !value.is_empty() {
                kept.append_pair(key, value);
            }
        }
        let kept = kept.finish();
        if kept.is_empty() {
            kept
        } else {
            format!("&{kept}")
        }
    }
}

/// The catalogue of institutions.
pub fn institutions(lang: Lang, view: &InstitutionsView<'_>) -> String {
    finish(&InstitutionsPage {
        lang,
        path: "/institutions",
        view,
        as_of: Some(view.as_of),
    })
}

#[derive(Template)]
#[template(path = "institutions.html")]
struct InstitutionsPage<'a> {
    lang: Lang,
    path: &'static str,
    view: &'a InstitutionsView<'a>,
    as_of: Option<AsOf>,
}
