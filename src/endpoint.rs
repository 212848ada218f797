//! The endpoints, one file each: read what was sent, ask the snapshot, give it a form.
//!
//! They are plain functions of their arguments: no socket, no clock, no await, and no second look
//! at which snapshot is live. Only that of lists awaits, because another thread does its work.

pub mod about;
pub mod asset;
pub mod bulk;
pub mod bulk_page;
pub mod bulk_template;
mod csv_cell;
pub mod form;
pub mod home;
pub mod institutions;
pub mod institutions_data;
pub mod livez;
pub mod lookup;
pub mod metrics;
pub mod openapi;
pub mod readyz;
pub mod statistics;
pub mod statistics_data;
pub mod status;
pub mod status_page;

use crate::live::Current;
use crate::page::{self, Lang};
use crate::refusal::Refusal;
use crate::render;
use crate::reply::{Media, Reply};

/// The state of the register, as pages show it.
fn as_of(current: &Current) -> page::AsOf {
    page::AsOf {
        generation: current.snapshot.generation(),
        epoch: current.snapshot.epoch(),
        published_at: current.snapshot.published_at(),
    }
}

/// The page of an outage in the place of the page at `path`, which needs a snapshot.
fn outage(lang: Lang, path: &'static str, refusal: Refusal) -> Reply {
    let html = page::absent(lang, path);
    let reply = Reply::new(refusal.status(), refusal.outcome(), Media::Html, html);
    render::complete(reply, refusal)
}
