//! One file per command: the arguments a person types, and the work they start.
//!
//! Each has `Args` and `run(args, &Context) -> Result<Exit, Failure>`. What several commands do
//! lives on the floors below, not here.

pub(crate) mod accept;
pub(crate) mod check;
pub(crate) mod keys;
pub(crate) mod publish;
pub(crate) mod sample;
pub(crate) mod show;
pub(crate) mod verify;

use std::io::{self, Write};
use std::path::Path;

use crate::failure::Failure;

/// What every command is given beside its arguments.
pub(crate) struct Context {
    /// The time of this run.
    pub(crate) now: jiff::Timestamp,
    /// Print a machine-readable report instead of the summary.
    pub(crate) json: bool,
}

/// Prints a command's answer. A reader that closed the pipe has seen enough; that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Io {
            doing: "write to",
            path: Path::new("stdout").to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}
