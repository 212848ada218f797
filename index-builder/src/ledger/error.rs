//! What can go wrong with a ledger, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Exit;

/// Why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// The bytes of a file are not those that were written.
    #[error("{} is damaged at byte {offset_bytes}: {problem}; restore it from a backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The first damage, or the beginning of the part that holds it.
        offset_bytes: u64,
        /// What does not hold.
        problem: &'static str,
    },
    /// The derived index is damaged.
    #[error("{} is damaged at byte {offset_bytes}; remove it, it is rebuilt from the batches", path.display())]
    Index {
        /// Which segment.
        path: PathBuf,
        /// The block.
        offset_bytes: u64,
    },
    /// A batch within the chain is not there.
    #[error("{} is missing; restore it from a backup", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is no ledger where one was named.
    #[error("{} is not there; name the ledger's directory, `accept` makes a new one", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// A directory that holds something else.
    #[error("{} is not empty and not a ledger; name another directory", path.display())]
    NotALedger {
        /// The directory.
        path: PathBuf,
    },
    /// Somebody else holds the lock.
    #[error("somebody else is accepting into {}; try again when they are done", path.display())]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// Somebody was accepting, or was killed at it.
    #[error("the ledger's index lacks batches; try again, or let the next `accept` add them")]
    Unindexed,
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// A verb: read, write, create.
        doing: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LedgerError {
    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Damaged { .. }
            | Self::Index { .. }
            | Self::Missing { .. }
            | Self::Absent { .. } => Exit::Input,
            Self::NotALedger { .. } => Exit::Usage,
            Self::Busy { .. } | Self::Unindexed => Exit::Busy,
            Self::Io { .. } => Exit::Io,
        }
    }

    pub(super) fn damaged(path: &Path, offset_bytes: u64, problem: &'static str) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            offset_bytes,
            problem,
        }
    }

    /// Adds to an `io::Error` what it forgets.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
