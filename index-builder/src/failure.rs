//! How a command ends: the exit codes of the contract, and the failures that lead to them.
//!
//! Each floor has its own error enum; here they meet, get an exit code, and become one line of
//! text. A rejected row is not a failure but an entry of a report.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::ledger::LedgerError;
use crate::registry::RegistryError;

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
    /// The ledger is not usable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
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
            Self::Ledger(error) => error.exit(),
        }
    }

    /// The failure and what caused it, in one line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line.replace(['\n', '\r'], " ")
    }
}
