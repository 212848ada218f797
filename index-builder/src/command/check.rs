//! Placeholder of `check`.

use super::Context;
use crate::failure::{Exit, Failure};

/// Not written yet.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, _context: &Context) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
