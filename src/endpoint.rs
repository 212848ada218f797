//! The endpoints, one file each: read what was sent, ask the snapshot, give it a form.
//!
//! They are plain functions of their arguments: no socket, no clock, no await, and no second look
//! at which snapshot is live. Only that of lists awaits, because another thread does its work.

pub mod asset;
pub mod bulk;
pub mod form;
pub mod home;
pub mod institutions;
pub mod institutions_data;
pub mod livez;
pub mod lookup;
pub mod metrics;
pub mod openapi;
pub mod readyz;
pub mod status;

use crate::live::Current;
use crate::page;

/// The state of the register, as pages show it.
fn as_of(current: &Current) -> page::AsOf {
    page::AsOf {
        generation: current.snapshot.generation(),
        epoch: current.snapshot.epoch(),
        published_at: current.snapshot.published_at(),
    }
}
