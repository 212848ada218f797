//! `GET /status`: the state of data and service, as a page. It is there in an outage too, with the
//! status 503.

use snapshot::Coverage;

use super::as_of;
use crate::live::{Current, Health};
use crate::page::{self, Covered, Holdings, Lang, StatusView};
use crate::refusal::Refusal;
use crate::render;
use crate::reply::{Media, Reply};

/// The page.
pub fn answer(lang: Lang, current: Result<&Current, Refusal>, health: Health) -> Reply {
    let mut view = StatusView {
        holdings: None,
        refresh_failed: health.refresh_failed,
        old: health.old,
    };
    match current {
        Ok(current) => {
            let coverage = current.snapshot.texts().coverage.iter();
            let coverage: Vec<Covered<'_>> = coverage.map(|it| covered(current, it)).collect();
            let counts = current.snapshot.manifest().counts;
            view.holdings = Some(Holdings {
                certificates: counts.certificates,
                withdrawn: counts.withdrawn,
                coverage: &coverage,
                as_of: as_of(current),
            });
            Reply::ok(Media::Html, page::status(lang, &view))
        }
        Err(refusal) => {
            let html = page::status(lang, &view);
            let reply = Reply::new(refusal.status(), refusal.outcome(), Media::Html, html);
            render::complete(reply, refusal)
        }
    }
}

fn covered<'s>(current: &'s Current, coverage: &'s Coverage) -> Covered<'s> {
    let institution = current.snapshot.institution(&coverage.institution);
    Covered {
        code: coverage.institution.as_str(),
        name: institution.map_or("", |institution| &institution.name),
        certificates: coverage.certificates,
        latest_review_on: coverage.latest_review_on,
    }
}
