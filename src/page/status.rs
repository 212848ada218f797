//! The state of data and service: view and page.

use askama::Template;
use certificate::Date;

use super::{AsOf, Lang, finish};

/// The state of the service. In neutral words: reasons are for the operator.
#[derive(Clone, Copy, Debug)]
pub struct StatusView<'a> {
    /// What the register holds; `None` while nothing can be answered.
    pub holdings: Option<Holdings<'a>>,
    /// The last attempt to take newer data failed.
    pub refresh_failed: bool,
    /// The data have not been published anew for longer than a day.
    pub old: bool,
}

/// What the register holds.
#[derive(Clone, Copy, Debug)]
pub struct Holdings<'a> {
    /// All certificates, withdrawn ones included.
    pub certificates: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
    /// By institution.
    pub coverage: &'a [Covered<'a>],
    /// Which state it is.
    pub as_of: AsOf,
}

/// What the register holds of one institution.
#[derive(Clone, Copy, Debug)]
pub struct Covered<'a> {
    /// Positions 1–13 of its certificate numbers.
    pub code: &'a str,
    /// Its present name.
    pub name: &'a str,
    /// Its certificates, withdrawn ones included.
    pub certificates: u64,
    /// 审核日期 of its newest reviewed row.
    pub latest_review_on: Date,
}

/// The state of data and service.
pub fn status(lang: Lang, view: &StatusView<'_>) -> String {
    finish(&StatusPage {
        lang,
        path: "/status",
        view,
        as_of: view.holdings.map(|holdings| holdings.as_of),
    })
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    lang: Lang,
    path: &'static str,
    view: &'a StatusView<'a>,
    as_of: Option<AsOf>,
}
