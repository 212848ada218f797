//! The public pages: plain data in, a whole HTML document out.
//!
//! It knows no HTTP and no snapshot: status codes, headers and the choice of the language by
//! `Accept-Language` are the server's, and every view borrows texts that somebody else looked up.
//! Nor does it know a clock. Both languages of a sentence stand side by side in the template
//! (`lang.say("…", "…")`), so that a page cannot be complete in one of them only.
//!
//! What citizens typed goes back only into the fields of the form, escaped like everything else;
//! the pages that carry it must be answered with `Cache-Control: no-store`.
//!
//! Reading order: [`Lang`], then a view and the function that renders it, page by page.

use askama::Template;
use certificate::{Date, Level};
use jiff::Timestamp;

mod about;
pub mod asset;
mod bulk;
mod catalogue;
mod division;
mod english;
mod form;
mod language;
mod statistics;
mod status;

pub use about::{AboutView, LocalOffice, about};
pub use bulk::{BulkView, bulk};
pub use catalogue::{Institution, InstitutionsView, Listing, Search, institutions};
pub use form::{Refusal, Typed};
pub use language::Lang;
pub use statistics::{Counted, Key, StatisticsView, statistics};
pub use status::{Covered, Holdings, StatusView, status};

use form::Form;

/// Which state of the register a page speaks of.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    /// Number of the generation.
    pub generation: u64,
    /// Number of the epoch that made it live.
    pub epoch: u64,
    /// When it went live.
    pub published_at: Timestamp,
}

/// The page with the form (`GET /`, and `POST /` when the question was refused).
#[derive(Clone, Copy, Debug, Default)]
pub struct HomeView<'a> {
    /// What stood in the form, to be put back.
    pub typed: Typed<'a>,
    /// Why the question was refused, if it was.
    pub refusal: Option<Refusal<'a>>,
    /// `None` while the server has no generation yet.
    pub as_of: Option<AsOf>,
}

/// The certificates that match, newest `issued_on` first.
#[derive(Clone, Copy, Debug)]
pub struct ResultView<'a> {
    /// At least one.
    pub certificates: &'a [Certificate<'a>],
    /// The state of the register that answered.
    pub as_of: AsOf,
}

/// One certificate as a look-up shows it (the fields of `POST /v1/lookup`).
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// Canonical, 22 characters.
    pub number: &'a str,
    /// Masked: first character and one `*`.
    pub holder_name: &'a str,
    /// Code of the occupation, for example `4-04-05-05`.
    pub occupation_code: &'a str,
    /// Name of the occupation.
    pub occupation_name: &'a str,
    /// 工种/职业方向; empty when there is none.
    pub direction: &'a str,
    /// Position 16 of the number.
    pub level_code: char,
    /// Both halves: `三级/高级工`.
    pub level_name: &'a str,
    /// Positions 1–13 of the number.
    pub institution_code: &'a str,
    /// Its present name.
    pub institution_name: &'a str,
    /// Whether the institution was in the catalogue at `published_at`.
    pub in_catalogue: bool,
    /// 发证日期.
    pub issued_on: Date,
    /// Name of the review centre (审核机构).
    pub reviewed_by: &'a str,
    /// 审核日期.
    pub reviewed_on: Date,
    /// In force or not.
    pub status: Status,
    /// Reason of the newest operation, where it has one.
    pub reason: Option<&'a str>,
    /// Where it stands with the national look-up.
    pub national: National,
}

/// Whether a certificate is in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// 有效.
    Valid,
    /// 已撤销, with the day.
    Withdrawn {
        /// Day of the review that withdrew it.
        on: Date,
    },
}

/// State in the national look-up (全国联网查询), with the day it was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum National {
    /// 尚未报送.
    NotReported,
    /// 已报送.
    Reported(Date),
    /// 全国可查.
    Acknowledged(Date),
    /// 被退回.
    Refused(Date),
}

/// No match. Everything but `typed` follows from the number that was asked, never from what the
/// register holds about it: the page must not tell which factor was wrong.
#[derive(Clone, Copy, Debug)]
pub struct MissView<'a> {
    /// What stood in the form, to be corrected.
    pub typed: Typed<'a>,
    /// The institution named by the number.
    pub institution: AskedInstitution<'a>,
    /// Whom to call: the institution's review centre, else the provincial centre.
    pub office: Option<Office<'a>>,
    /// The state of the register that answered.
    pub as_of: AsOf,
}

/// What positions 1–13 of the asked number say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AskedInstitution<'a> {
    /// No number was asked.
    NotAsked,
    /// No institution of the registry has this code.
    Unknown,
    /// An institution of the registry.
    Known {
        /// Its present name.
        name: &'a str,
        /// 审核日期 of its newest reviewed row; `None` before its first.
        latest_review_on: Option<Date>,
    },
}

/// A review centre as a place to ask.
#[derive(Clone, Copy, Debug)]
pub struct Office<'a> {
    /// Its name.
    pub name: &'a str,
    /// As in the registry; may be empty.
    pub phone: &'a str,
    /// As in the registry; may be empty.
    pub address: &'a str,
}

/// The form, with the refusal beside its field.
pub fn home(lang: Lang, view: &HomeView<'_>) -> String {
    finish(&HomePage {
        lang,
        path: "/",
        form: Form::new(lang, view.typed, view.refusal),
        as_of: view.as_of,
    })
}

/// The certificates that match: status first, then what the register says.
pub fn result(lang: Lang, view: &ResultView<'_>) -> String {
    let withdrawn = |certificate: &&Certificate<'_>| certificate.status != Status::Valid;
    finish(&ResultPage {
        lang,
        path: "/",
        certificates: view.certificates,
        withdrawn: view.certificates.iter().filter(withdrawn).count(),
        as_of: Some(view.as_of),
    })
}

/// No match, why that may be, and whom to ask.
pub fn miss(lang: Lang, view: &MissView<'_>) -> String {
    finish(&MissPage {
        lang,
        path: "/",
        form: Form::new(lang, view.typed, None),
        institution: view.institution,
        office: view.office,
        as_of: Some(view.as_of),
    })
}

/// No answer at all (no generation, damaged data, overload), with the question ready to be sent
/// again.
pub fn outage(lang: Lang, typed: &Typed<'_>) -> String {
    finish(&OutagePage {
        lang,
        path: "/",
        form: Some(Form::new(lang, *typed, None)),
        as_of: None,
    })
}

/// The same in the place of the page at `path`, which asks no question.
pub fn absent(lang: Lang, path: &'static str) -> String {
    finish(&OutagePage {
        lang,
        path,
        form: None,
        as_of: None,
    })
}

/// An address that does not exist.
pub fn not_found(lang: Lang) -> String {
    finish(&NotFoundPage {
        lang,
        path: "/",
        as_of: None,
    })
}

fn finish(page: &impl Template) -> String {
    page.render()
        .expect("writing into a String fails only when a Display does, and none of ours does")
}

// Every page extends layout.html, which reads `lang`, `path` (where the language switch leads)
// and `as_of`.

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    lang: Lang,
    path: &'static str,
    form: Form<'a>,
    as_of: Option<AsOf>,
}

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage<'a> {
    lang: Lang,
    path: &'static str,
    certificates: &'a [Certificate<'a>],
    withdrawn: usize,
    as_of: Option<AsOf>,
}

#[derive(Template)]
#[template(path = "miss.html")]
struct MissPage<'a> {
    lang: Lang,
    path: &'static str,
    form: Form<'a>,
    institution: AskedInstitution<'a>,
    office: Option<Office<'a>>,
    as_of: Option<AsOf>,
}

#[derive(Template)]
#[template(path = "outage.html")]
struct OutagePage<'a> {
    lang: Lang,
    path: &'static str,
    /// `None` in the place of a page that asks no question.
    form: Option<Form<'a>>,
    as_of: Option<AsOf>,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundPage {
    lang: Lang,
    path: &'static str,
    as_of: Option<AsOf>,
}

/// The answer of the result page in one line, for the heading and the window title.
fn verdict(lang: Lang, found: usize, withdrawn: usize) -> String {
    match (lang, found, withdrawn) {
        (Lang::Zh, 1, 0) => "查到1本证书：有效".to_owned(),
        (Lang::Zh, 1, _) => "查到1本证书：已撤销".to_owned(),
        (Lang::Zh, _, 0) => format!("查到{found}本证书，全部有效"),
        (Lang::Zh, _, _) => format!("查到{found}本证书，其中{withdrawn}本已撤销"),
        (Lang::En, 1, 0) => "One certificate found: in force".to_owned(),
        (Lang::En, 1, _) => "One certificate found: withdrawn".to_owned(),
        (Lang::En, _, 0) => format!("{found} certificates found, all in force"),
        (Lang::En, _, _) => format!("{found} certificates found, {withdrawn} of them withdrawn"),
    }
}

/// One step on the way of a certificate to the national look-up.
struct Step {
    title: &'static str,
    state: StepState,
    on: Option<Date>,
}

#[derive(Clone, Copy, PartialEq)]
enum StepState {
    Done,
    Open,
    /// The national system sent it back.
    Refused,
}

/// 审核 → 发布 → 已报送 → 全国可查. The register keeps no day of first publication, and of the
/// national steps only the day of the newest.
fn timeline(lang: Lang, certificate: &Certificate<'_>) -> [Step; 4] {
    use StepState::{Done, Open, Refused};
    let step = |title, state, on| Step { title, state, on };
    let sent = lang.say("已报送", "Reported");
    let found = lang.say("全国可查", "Found nationally");
    let (reported, visible) = match certificate.national {
        National::NotReported => (step(sent, Open, None), step(found, Open, None)),
        National::Reported(on) => (step(sent, Done, Some(on)), step(found, Open, None)),
        National::Acknowledged(on) => (step(sent, Done, None), step(found, Done, Some(on))),
        National::Refused(on) => (
            step(sent, Done, None),
            step(lang.say("被退回", "Returned"), Refused, Some(on)),
        ),
    };
    let reviewed = step(
        lang.say("审核", "Reviewed"),
        Done,
        Some(certificate.reviewed_on),
    );
    [
        reviewed,
        step(lang.say("发布", "Published"), Done, None),
        reported,
        visible,
    ]
}

impl Step {
    fn class(&self) -> &'static str {
        match self.state {
            StepState::Done => "is-done",
            StepState::Open => "is-open",
            StepState::Refused => "is-refused",
        }
    }

    /// What the mark in front of the step says, for those who do not see it.
    fn spoken(&self, lang: Lang) -> &'static str {
        match self.state {
            StepState::Done => lang.say("已完成", "done"),
            StepState::Open => lang.say("未到", "not yet"),
            StepState::Refused => lang.say("未通过", "refused"),
        }
    }
}

/// The level in English beside its Chinese name, on English pages.
fn english_level(lang: Lang, code: char) -> Option<&'static str> {
    match lang {
        Lang::Zh => None,
        Lang::En => english::level(code),
    }
}

/// 最高等级 of an institution.
fn top_level(lang: Lang, code: char) -> String {
    match (lang, Level::from_code(code)) {
        (_, None) => code.to_string(),
        (Lang::Zh, Some(level)) => level.name(),
        (Lang::En, Some(level)) => english::level(code).map_or_else(|| level.name(), str::to_owned),
    }
}

/// The kind of an institution in English, on English pages.
fn english_kind(lang: Lang, kind: &str) -> Option<&'static str> {
    match lang {
        Lang::Zh => None,
        Lang::En => english::kind(kind),
    }
}

impl Office<'_> {
    /// The phone as the target of a `tel:` link, when it is one number and nothing else.
    fn dialable(&self) -> Option<String> {
        let plain = self
            .phone
            .chars()
            .all(|c| c.is_ascii_digit() || " -()+".contains(c));
        let digits: String = self
            .phone
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect();
        (plain && (7..=15).contains(&digits.len())).then_some(digits)
    }
}

#[cfg(test)]
mod tests;
