//! The ledger: every accepted batch, one immutable file each, chained by their digests.
//!
//! It is the system of record: the published register is a pure function of its rows, the registry
//! and the keys. Reading order: [`entry`] is one row, [`line`] how it
//! is read, [`batch`] the file of one batch, [`chunk`]
//! reads many of them, [`standing`] says what operations lead to. Writing: [`staged`] while a
//! batch is judged, [`standings`] what its rows lead to, [`accepting`] when it becomes part of the
//! ledger. [`segment`], [`merge`] and [`index`] are derived and can be removed at any time. The format is described in docs/ledger.md.
//!
//! It holds personal data in clear text, so its directory has mode 0700, and no error quotes a row.

mod accepting;
mod batch;
mod chunk;
mod entry;
mod error;
mod index;
mod layout;
mod line;
mod merge;
mod segment;
mod staged;
mod standing;
mod standings;
#[cfg(test)]
mod tests;

pub(crate) use accepting::Accepting;
pub(crate) use batch::SourceFile;
pub(crate) use chunk::{Chunk, Chunks};
pub(crate) use entry::{Draft, DraftDetails, Entry, Rendered};
pub(crate) use error::LedgerError;
pub(crate) use index::Index;
pub(crate) use line::{Line, LineDetails};
pub(crate) use staged::Staged;
pub(crate) use standing::{Misfit, Standing};

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use certificate::CertificateNumber;
use certificate::record::{Details, Operation};
use serde_json::value::RawValue;
use snapshot::Digest;

use batch::Batch;
use chunk::Place;

/// The accepted batches of a directory, for reading.
pub(crate) struct Ledger {
    dir: PathBuf,
    head: Head,
}

/// Where a ledger ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    /// Digest of the last batch, which chains all before it; zeros when there is none.
    pub(crate) digest: Digest,
    /// Batches.
    pub(crate) batches: u64,
    /// Rows, which is also the sequence of the last one.
    pub(crate) rows: u64,
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
    /// Digest of the batch, which chains all before it.
    pub(crate) digest: Digest,
}

/// What the ledger says last of a certificate.
pub(crate) struct Newest {
    /// Operations on it so far.
    pub(crate) revision: u16,
    /// Of its newest issue or correction.
    pub(crate) details: Details,
}

/// What was told about a batch when it was accepted.
pub(crate) struct FirstReport {
    /// When, as RFC 3339.
    pub(crate) accepted_at: String,
    /// The exit code.
    pub(crate) exit: u8,
    /// The report, as JSON.
    pub(crate) report: Box<RawValue>,
}

impl Ledger {
    /// Opens the ledger of a directory; one that does not exist is empty. Cost: the names of the
    /// batches and the ends of the last one.
    ///
    /// # Errors
    ///
    /// When a batch is missing or the last one is not whole.
    pub(crate) fn open(dir: &Path) -> Result<Self, LedgerError> {
        let mut ledger = Self {
            dir: dir.to_owned(),
            head: Head::empty(),
        };
        let last = count_batches(dir)?;
        if last > 0 {
            let batch = ledger.batch(last)?;
            ledger.head = Head {
                digest: batch.digest,
                batches: u64::from(last),
                rows: batch.last_sequence(),
            };
        }
        Ok(ledger)
    }

    /// Opens the ledger of a directory that must be there: to read a mistyped name as an empty
    /// ledger would make a miss of every certificate.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Absent`], and those of [`open`](Self::open).
    pub(crate) fn open_existing(dir: &Path) -> Result<Self, LedgerError> {
        if !dir.is_dir() {
            return Err(LedgerError::Absent {
                path: dir.to_owned(),
            });
        }
        Self::open(dir)
    }

    /// As [`open_existing`](Self::open_existing), with its index. Somebody who accepts meanwhile
    /// merges the index past our head, so that it does not cover the ledger as it was opened; then
    /// both are opened again. An index that still lacks batches was left by a killed `accept`.
    pub(crate) fn open_indexed(dir: &Path) -> Result<(Self, Index), LedgerError> {
        let mut tries = 3;
        loop {
            let ledger = Self::open_existing(dir)?;
            let index = ledger.index()?;
            tries -= 1;
            if tries == 0 || ledger.is_covered_by(&index) {
                return Ok((ledger, index));
            }
        }
    }

    /// Where it ends.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// What batch `batch` brought; `None` beyond the head. Cost: two small reads.
    pub(crate) fn summary(&self, batch: u64) -> Result<Option<Summary>, LedgerError> {
        if batch == 0 || batch > self.head.batches {
            return Ok(None);
        }
        let number = u32::try_from(batch).expect("not above the head");
        let opened = self.batch(number)?;
        Ok(Some(Summary {
            batch,
            rows: opened.summary.rows,
            admitted: opened.summary.admitted,
            last_sequence: opened.last_sequence(),
            digest: opened.digest,
        }))
    }

    /// What was told when a batch was accepted.
    pub(crate) fn first_report(&self, batch: u32) -> Result<FirstReport, LedgerError> {
        let batch = self.batch(batch)?;
        Ok(FirstReport {
            report: batch.report()?,
            accepted_at: batch.head.accepted_at,
            exit: batch.summary.exit,
        })
    }

    /// Every entry in order, in unparsed chunks, so that several threads can parse. Digests are
    /// checked on the way: an error means that what came before must not be used either.
    pub(crate) fn chunks(&self) -> Chunks<'_> {
        self.chunks_after(&Head::empty())
    }

    /// As [`chunks`](Self::chunks), of the batches after a head that this ledger went through.
    pub(crate) fn chunks_after(&self, head: &Head) -> Chunks<'_> {
        let after = (head.batch(), head.digest, head.rows);
        Chunks::new(&self.dir, after, self.head.batch())
    }

    /// The newest issue or correction of a certificate; `None` when the index does not know it.
    /// Cost: a look-up in the index and one read.
    pub(crate) fn details(
        &self,
        index: &Index,
        number: &CertificateNumber,
    ) -> Result<Option<Newest>, LedgerError> {
        let Some(standing) = index.find(number)? else {
            return Ok(None);
        };
        let entry = self.entry_at(standing.details_at)?;
        match entry.change.operation {
            Operation::Issue(details) | Operation::Correct(details)
                if entry.change.number == *number =>
            {
                Ok(Some(Newest {
                    revision: standing.revision,
                    details: *details,
                }))
            }
            _ => {
                let path = layout::batch(&self.dir, standing.details_at.batch);
                let problem = "the index leads to a row of something else; remove the index";
                let at = standing.details_at.offset_bytes;
                Err(LedgerError::damaged(&path, at, problem))
            }
        }
    }

    /// Reads every byte, parses every row and checks the whole chain, then every block of the
    /// index. `told` is called with the bytes of each step.
    pub(crate) fn verify(&self, mut told: impl FnMut(u64)) -> Result<Head, LedgerError> {
        for chunk in self.chunks() {
            let chunk = chunk?;
            for line in chunk.lines() {
                line?;
            }
            told(chunk.len() as u64);
        }
        self.index()?.verify()?;
        Ok(self.head)
    }

    /// Bytes of the batches after a head, for progress.
    pub(crate) fn bytes_after(&self, head: &Head) -> Result<u64, LedgerError> {
        let mut total = 0;
        for number in head.batch() + 1..=self.head.batch() {
            let path = layout::batch(&self.dir, number);
            total += fs::metadata(&path)
                .map_err(LedgerError::io("read", &path))?
                .len();
        }
        Ok(total)
    }

    /// The index as far as it fits; see [`Index::open`].
    pub(crate) fn index(&self) -> Result<Index, LedgerError> {
        let head = self.head.batch();
        Index::open(&self.dir, head, |batch| Ok(self.batch(batch)?.digest))
    }

    /// Whether an index covers every batch.
    pub(crate) fn is_covered_by(&self, index: &Index) -> bool {
        index.covers() == self.head.batch()
    }

    /// What the batches after a head brought. Cost: two small reads each.
    pub(crate) fn summaries_after(&self, head: u64) -> Result<Vec<Summary>, LedgerError> {
        let batches = head + 1..=self.head.batches;
        let summaries = batches.map(|batch| self.summary(batch));
        summaries.filter_map(Result::transpose).collect()
    }

    fn batch(&self, number: u32) -> Result<Batch, LedgerError> {
        Batch::open(&self.dir, number)
    }

    fn entry_at(&self, place: Place) -> Result<Entry, LedgerError> {
        let path = layout::batch(&self.dir, place.batch);
        let file = File::open(&path).map_err(LedgerError::io("open", &path))?;
        staged::read_entry(&file, &path, place)
    }
}

impl Head {
    /// The head of a ledger without batches.
    pub(crate) fn empty() -> Self {
        Self {
            digest: Digest::from_bytes([0; Digest::LENGTH]),
            batches: 0,
            rows: 0,
        }
    }

    /// The number of the last batch.
    fn batch(&self) -> u32 {
        u32::try_from(self.batches).expect("batches are numbered with ten digits of 32 bits")
    }
}

/// How many batches there are; they must be dense from 1.
fn count_batches(dir: &Path) -> Result<u32, LedgerError> {
    let batches = layout::batches(dir);
    let entries = match fs::read_dir(&batches) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(LedgerError::io("read", &batches))?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry
            .map_err(LedgerError::io("read", &batches))?
            .file_name();
        numbers.extend(name.to_str().and_then(layout::batch_number));
    }
    numbers.sort_unstable();
    match (1..).zip(&numbers).find(|(place, number)| place != *number) {
        None => Ok(u32::try_from(numbers.len()).expect("each has its own 32-bit number")),
        Some((place, _)) => Err(LedgerError::Missing {
            path: layout::batch(dir, place),
        }),
    }
}
