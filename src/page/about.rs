//! What is published and why, privacy, and whom to ask: view and page.

use askama::Template;

use super::{AsOf, Lang, Office, finish};

/// The page about this service.
#[derive(Clone, Copy, Debug)]
pub struct AboutView<'a> {
    /// The review centres, in the order given; none while there is no generation.
    pub offices: &'a [LocalOffice<'a>],
    /// The state of the register they are from.
    pub as_of: Option<AsOf>,
}

/// A review centre and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct LocalOffice<'a> {
    /// Division code: 440000 for the provincial centre, else a city.
    pub division: &'a str,
    /// Where to ask.
    pub office: Office<'a>,
}

/// The page about this service.
pub fn about(lang: Lang, view: &AboutView<'_>) -> String {
    finish(&AboutPage {
        lang,
        path: "/about",
        offices: view.offices,
        as_of: view.as_of,
    })
}

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage<'a> {
    lang: Lang,
    path: &'static str,
    offices: &'a [LocalOffice<'a>],
    as_of: Option<AsOf>,
}
