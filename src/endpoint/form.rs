//! `POST /`: the form, filled in; one question, answered as a page.
//!
//! What was typed goes back into the fields of the page and nowhere else.

use std::borrow::Cow;

use bytes::Bytes;
use certificate::holder::mask;
use snapshot::{Question, Status};

use super::as_of;
use crate::answer::{self, Answer, Certificate, Prefix};
use crate::live::Current;
use crate::page::{self, AskedInstitution, HomeView, Lang, MissView, National, Office, ResultView};
use crate::question::{self, Typed};
use crate::refusal::Refusal;
use crate::render;
use crate::reply::{Media, Reply};

/// Answers the question in the form. A body that could not be read and a snapshot that is not
/// there come in as refusals, because they too are shown as pages.
pub fn answer(
    lang: Lang,
    body: Result<Bytes, Refusal>,
    current: Result<&Current, Refusal>,
    holder_search: bool,
) -> Reply {
    let (body, unread) = match body {
        Ok(body) => (body, None),
        Err(refusal) => (Bytes::new(), Some(refusal)),
    };
    let fields = Fields::parse(&body);
    let answered = match unread {
        None => ask(lang, current, &fields.typed(), holder_search),
        Some(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| refused(lang, current.ok(), &fields.typed(), refusal))
}

fn ask(
    lang: Lang,
    current: Result<&Current, Refusal>,
    typed: &Typed<'_>,
    holder_search: bool,
) -> Result<Reply, Refusal> {
    let question = question::parse(typed, holder_search)?;
    let current = current?;
    match answer::answer(current, &question).map_err(Refusal::Damaged)? {
        Answer::Match(certificates) => Ok(matching(lang, current, &certificates)),
        Answer::NoMatch(prefix) => Ok(missing(lang, current, typed, &question, prefix.as_ref())),
    }
}

fn matching(lang: Lang, current: &Current, certificates: &[Certificate<'_>]) -> Reply {
    let texts: Vec<Owned> = certificates.iter().map(Owned::new).collect();
    let shown: Vec<page::Certificate<'_>> = certificates
        .iter()
        .zip(&texts)
        .map(|(certificate, texts)| texts.show(certificate))
        .collect();
    let view = ResultView {
        certificates: &shown,
        as_of: as_of(current),
    };
    let mut reply = Reply::ok(Media::Html, page::result(lang, &view));
    reply.outcome = "match";
    reply
}

fn missing(
    lang: Lang,
    current: &Current,
    typed: &Typed<'_>,
    question: &Question,
    prefix: Option<&Prefix<'_>>,
) -> Reply {
    let institution = match prefix {
        Some(prefix) => AskedInstitution::Known {
            name: &prefix.institution.name,
            latest_review_on: prefix.latest_review_on,
        },
        None if question.number().is_some() => AskedInstitution::Unknown,
        None => AskedInstitution::NotAsked,
    };
    let centre = answer::office(current, prefix.map(|prefix| prefix.institution));
    let view = MissView {
        typed: put_back(typed),
        institution,
        office: centre.map(|centre| Office {
            name: &centre.name,
            phone: &centre.phone,
            address: &centre.address,
        }),
        as_of: as_of(current),
    };
    let mut reply = Reply::ok(Media::Html, page::miss(lang, &view));
    reply.outcome = "no_match";
    reply
}

fn refused(lang: Lang, current: Option<&Current>, typed: &Typed<'_>, refusal: Refusal) -> Reply {
    let html = if refusal.status().is_server_error() {
        page::outage(lang, &put_back(typed))
    } else {
        let shown = page::Refusal {
            code: refusal.code(),
            field: refusal.field(),
            detail: &refusal.detail(),
        };
        page::home(
            lang,
            &HomeView {
                typed: put_back(typed),
                refusal: Some(shown),
                as_of: current.map(as_of),
            },
        )
    };
    let reply = Reply::new(refusal.status(), refusal.outcome(), Media::Html, html);
    render::complete(reply, refusal)
}

fn put_back<'a>(typed: &Typed<'a>) -> page::Typed<'a> {
    page::Typed {
        certificate_number: typed.certificate_number,
        name: typed.name,
        id_type: typed.id_type,
        id_number: typed.id_number,
    }
}

/// The four fields as decoded; others are ignored, of one that stands twice the last counts.
#[derive(Default)]
struct Fields<'a> {
    certificate_number: Cow<'a, str>,
    name: Cow<'a, str>,
    id_number: Cow<'a, str>,
    id_type: Cow<'a, str>,
}

impl<'a> Fields<'a> {
    /// Bytes that are no UTF-8 become U+FFFD, which no factor accepts: they are refused, never
    /// looked up.
    fn parse(body: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "certificate_number" => fields.certificate_number = value,
                "name" => fields.name = value,
                "id_number" => fields.id_number = value,
                "id_type" => fields.id_type = value,
                _ => {}
            }
        }
        fields
    }

    fn typed(&self) -> Typed<'_> {
        Typed {
            certificate_number: &self.certificate_number,
            name: &self.name,
            id_number: &self.id_number,
            id_type: &self.id_type,
        }
    }
}

/// The texts of a certificate that are made for the page.
struct Owned {
    holder_name: String,
    occupation_code: String,
    level_name: String,
}

impl Owned {
    fn new(certificate: &Certificate<'_>) -> Self {
        Self {
            holder_name: mask(certificate.initial),
            occupation_code: certificate.occupation.code.to_string(),
            level_name: certificate.level_name(),
        }
    }

    fn show<'a>(&'a self, certificate: &'a Certificate<'_>) -> page::Certificate<'a> {
        page::Certificate {
            number: certificate.number.as_str(),
            holder_name: &self.holder_name,
            occupation_code: &self.occupation_code,
            occupation_name: &certificate.occupation.name,
            direction: certificate.direction,
            level_code: certificate.number.level_character(),
            level_name: &self.level_name,
            institution_code: certificate.institution.code.as_str(),
            institution_name: &certificate.institution.name,
            in_catalogue: certificate.in_catalogue,
            issued_on: certificate.issued_on,
            reviewed_by: certificate.centre_name,
            reviewed_on: certificate.reviewed_on,
            status: match (certificate.status, certificate.status_on) {
                (Status::Valid, _) => page::Status::Valid,
                (Status::Withdrawn, on) => page::Status::Withdrawn {
                    on: on.unwrap_or(certificate.reviewed_on),
                },
            },
            reason: certificate.reason,
            // The exchange is not in this release, so nothing has been reported yet.
            national: National::NotReported,
        }
    }
}
