//! One file per command: the arguments a person types, and the work they start.
//!
//! Each has `Args` and `run(args, &Context) -> Result<Exit, Failure>`. What several commands do
//! lives on the floors below, not here.

pub(crate) mod accept;
pub(crate) mod check;
pub(crate) mod gc;
mod judging;
pub(crate) mod keys;
pub(crate) mod point;
pub(crate) mod publish;
pub(crate) mod sample;
pub(crate) mod show;
pub(crate) mod verify;
pub(crate) mod watch;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use snapshot::Store;

use crate::failure::Failure;

/// What every command is given beside its arguments.
pub(crate) struct Context {
    /// The time of this run.
    pub(crate) now: jiff::Timestamp,
    /// The time it is, for a run without an end.
    pub(crate) clock: fn() -> jiff::Timestamp,
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

/// Makes the directories above one that a command makes itself.
pub(crate) fn create_parents(path: &Path) -> Result<(), Failure> {
    let parents = path.parent().unwrap_or(path);
    fs::create_dir_all(parents).map_err(|source| Failure::Io {
        doing: "create",
        path: parents.to_owned(),
        source,
    })
}

/// Opens a store that must be there.
///
/// # Errors
///
/// Bad input when no directory of that name exists.
pub(crate) fn existing_store(path: &Path) -> Result<Store, Failure> {
    if path.is_dir() {
        return Ok(Store::open(path));
    }
    let path = path.display();
    Err(Failure::Input(format!(
        "{path} is not there; name the store that `publish` wrote"
    )))
}

/// Reads `--store`: a path, or a `file://` URL with an absolute one.
pub(crate) fn store_directory(text: &str) -> Result<PathBuf, &'static str> {
    match text.split_once("://") {
        None if text.is_empty() => Err("name a directory"),
        None => Ok(PathBuf::from(text)),
        Some(("file", path)) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some(_) => Err("give a directory, or file:// and an absolute path"),
    }
}
