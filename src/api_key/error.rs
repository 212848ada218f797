//! Why the file of API keys cannot be used or changed. No text holds anything of a key.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong. `Display` is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// The system refused. The path is here because `io::Error` forgets it.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner could read the hashes or put in keys of their own.
    #[error("{} has mode {mode:04o}; chmod 0600 it, others must not read it", path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not a file of API keys.
    #[error(
        "{} is no file of API keys ({what}); put a good copy in its place", path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Somebody else changes the file at this moment.
    #[error("another process is changing {}; try again", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// Nobody is called like this.
    #[error("a name has 1 to {most} characters, none of them a control character")]
    Name {
        /// Characters that a name may have.
        most: usize,
    },
    /// The name has as many keys as a rotation needs.
    #[error(
        "{name} has two live keys already ({ids}); revoke the one that is no longer used: \
         certq keys revoke --id ID"
    )]
    TwoLive {
        /// Whose keys.
        name: String,
        /// Their ids.
        ids: String,
    },
    /// There is no such key.
    #[error("no key has the id {id:?}; certq keys list shows them")]
    UnknownId {
        /// What was asked for.
        id: String,
    },
}

impl ApiKeyError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether there was no such file.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
