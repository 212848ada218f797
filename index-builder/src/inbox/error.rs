//! Why an inbox cannot be watched.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Exit;

/// None of these loses a file: what was not filed away stays in the inbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboxError {
    /// There is no such directory; to make one would hide a mistyped name for ever.
    #[error("{} is not there; name the directory that batches are delivered into", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// Another `watch` has the lock.
    #[error("somebody else is watching {}; one at a time", path.display())]
    Busy {
        /// The directory.
        path: PathBuf,
    },
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

impl InboxError {
    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Absent { .. } => Exit::Input,
            Self::Busy { .. } => Exit::Busy,
            Self::Io { .. } => Exit::Io,
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
