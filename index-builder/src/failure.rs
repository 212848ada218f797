//! How a command ends: the exit codes of the contract, and the failures that lead to them.
//!
//! Each floor has its own error enum; here they meet, get an exit code, and become one line of
//! text. A rejected row is not a failure but an entry of a report.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use snapshot::keyfile::KeyFileError;
use snapshot::{FileError, StoreError};

use crate::compile::CompileError;
use crate::gate::RollError;
use crate::inbox::InboxError;
use crate::ledger::LedgerError;
use crate::registry::RegistryError;
use spreadsheet::SpreadsheetError;

/// Exit codes, the same for every command. The order is that of the numbers: with several files
/// the largest wins.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, but rows were rejected.
    Rejected,
    /// Refused by a guard, nothing changed.
    Refused,
    /// Wrong usage or configuration.
    Usage,
    /// Bad input, nothing changed.
    Input,
    /// A bug.
    Bug,
    /// The system refused to read or write.
    Io,
    /// Somebody else is publishing or accepting.
    Busy,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An argument that clap could not judge.
    #[error("{0}")]
    Usage(String),
    /// A guard of `publish` said no.
    #[error("{0}")]
    Refused(String),
    /// What was to be read is not what it should be.
    #[error("{0}")]
    Input(String),
    /// The system refused. The path is here because `io::Error` forgets it.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// A verb: read, write, create.
        doing: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The registry is not usable.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The school roll is not usable.
    #[error(transparent)]
    Roll(#[from] RollError),
    /// A batch cannot be read, for a reason that is not its fault.
    #[error(transparent)]
    Source(#[from] SpreadsheetError),
    /// The inbox is not usable.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The ledger is not usable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A key file is not usable.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The store is not usable, or somebody else is using it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// Says a line on stderr. When that cannot be written, on a full disk for one, the exit code has
/// to be enough: `eprintln` would panic.
pub(crate) fn complain(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

impl Exit {
    /// The number the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejected => 1,
            Self::Refused => 2,
            Self::Usage => 64,
            Self::Input => 65,
            Self::Bug => 70,
            Self::Io => 74,
            Self::Busy => 75,
        }
    }
}

impl Failure {
    /// The code of this failure.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Refused(_) => Exit::Refused,
            Self::Input(_) => Exit::Input,
            Self::Io { .. } => Exit::Io,
            Self::Registry(error) => error.exit(),
            Self::Roll(error) => error.exit(),
            Self::Source(SpreadsheetError::Io { .. }) => Exit::Io,
            Self::Source(_) => Exit::Input,
            Self::Inbox(error) => error.exit(),
            Self::Ledger(error) => error.exit(),
            Self::KeyFile(KeyFileError::File(error)) => file_exit(error),
            Self::KeyFile(_) => Exit::Usage,
            Self::Store(error) => store_exit(error),
            Self::Compile(error) => error.exit(),
        }
    }

    /// The failure and what caused it, in one line.
    pub(crate) fn line(&self) -> String {
        Self::chain(self).replace(['\n', '\r'], " ")
    }

    /// An error and its causes.
    pub(crate) fn chain(error: &dyn Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// The exit code that an error of the store leads to.
pub(crate) fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::File(error) => file_exit(error),
        StoreError::Busy { .. } => Exit::Busy,
        _ => Exit::Input,
    }
}

/// A file that is missing or has other bytes is bad input; whatever else the system says is not.
fn file_exit(error: &FileError) -> Exit {
    match error {
        FileError::Io { .. } if !error.is_not_found() => Exit::Io,
        _ => Exit::Input,
    }
}
