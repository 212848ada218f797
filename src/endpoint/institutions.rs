//! `GET /institutions`: the catalogue of evaluation institutions, as a page.

use snapshot::Institution;

use super::as_of;
use crate::answer::in_catalogue;
use crate::live::Current;
use crate::page::{self, InstitutionsView, Lang};
use crate::refusal::Refusal;
use crate::render;
use crate::reply::{Media, Reply};

/// All of them by code, removed ones included, or the page of an outage.
pub fn answer(lang: Lang, current: Result<&Current, Refusal>) -> Reply {
    match current {
        Ok(current) => Reply::ok(Media::Html, catalogue(lang, current)),
        Err(refusal) => {
            let html = page::outage(lang, &page::Typed::default());
            let reply = Reply::new(refusal.status(), refusal.outcome(), Media::Html, html);
            render::complete(reply, refusal)
        }
    }
}

fn catalogue(lang: Lang, current: &Current) -> String {
    let institutions = current.snapshot.texts().institutions.iter();
    let rows: Vec<page::Institution<'_>> = institutions.map(|one| row(current, one)).collect();
    page::institutions(
        lang,
        &InstitutionsView {
            institutions: &rows,
            as_of: as_of(current),
        },
    )
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
