//! Reading the rows of a ledger in order, a block at a time, with every digest checked on the way.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use snapshot::Digest;
use snapshot::digest::Hasher;

use super::batch::Batch;
use super::entry::Entry;
use super::error::LedgerError;

/// Bytes read at once.
const BLOCK_BYTES: u64 = 1024 * 1024;

/// Whole lines of one batch, about a megabyte, to be parsed on any thread.
pub(crate) struct Chunk {
    path: PathBuf,
    batch: u32,
    offset_bytes: u64,
    first_sequence: u64,
    text: Vec<u8>,
}

/// Where a line lies in the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// The batch.
    pub(super) batch: u32,
    /// Offset of the line in its file.
    pub(super) offset_bytes: u64,
}

/// The chunks of a run of batches. An error means that the chunks before it must not be used
/// either: a digest is known to fit only at the end of its file.
pub(crate) struct Chunks<'a> {
    dir: &'a Path,
    next_batch: u32,
    last_batch: u32,
    previous: Digest,
    rows: u64,
    reading: Option<Reading>,
}

/// A batch that is being read.
struct Reading {
    batch: Batch,
    hasher: Hasher,
    /// Bytes of the file that are read and hashed.
    at: u64,
    /// Rows given out.
    rows: u64,
    /// The beginning of a line whose end is not read yet.
    carry: Vec<u8>,
}

impl<'a> Chunks<'a> {
    /// The chunks of the batches after `after` rows and digest up to `last`.
    pub(super) fn new(dir: &'a Path, after: (u32, Digest, u64), last: u32) -> Self {
        Self {
            dir,
            next_batch: after.0 + 1,
            last_batch: last,
            previous: after.1,
            rows: after.2,
            reading: None,
        }
    }

    fn open_next(&mut self) -> Result<Reading, LedgerError> {
        let batch = Batch::open(self.dir, self.next_batch)?;
        if batch.head.previous != self.previous {
            return Err(LedgerError::damaged(
                &batch.path,
                0,
                "it does not continue the batch before it",
            ));
        }
        if batch.head.first_sequence != self.rows + 1 {
            return Err(LedgerError::damaged(
                &batch.path,
                0,
                "its sequence does not continue the batch before it",
            ));
        }
        self.next_batch += 1;
        self.previous = batch.digest;
        self.rows = batch.last_sequence();
        let mut reading = Reading {
            batch,
            hasher: Hasher::new(),
            at: 0,
            rows: 0,
            carry: Vec::new(),
        };
        reading.read(reading.batch.rows.start)?;
        Ok(reading)
    }

    fn advance(&mut self) -> Result<Option<Chunk>, LedgerError> {
        loop {
            match &mut self.reading {
                None if self.next_batch > self.last_batch => return Ok(None),
                None => self.reading = Some(self.open_next()?),
                Some(reading) => match reading.chunk()? {
                    Some(chunk) => return Ok(Some(chunk)),
                    None => self.reading = None,
                },
            }
        }
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Chunk, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance().transpose();
        if let Some(Err(_)) = item {
            // Nothing after an error makes sense.
            self.reading = None;
            self.next_batch = self.last_batch.saturating_add(1);
        }
        item
    }
}

impl Reading {
    /// Reads and hashes the next bytes up to `until`.
    fn read(&mut self, until: u64) -> Result<Vec<u8>, LedgerError> {
        let length = usize::try_from(until - self.at).expect("blocks are small");
        let mut block = vec![0; length];
        self.batch
            .file
            .read_exact_at(&mut block, self.at)
            .map_err(LedgerError::io("read", &self.batch.path))?;
        self.hasher.update(&block);
        self.at = until;
        Ok(block)
    }

    /// The next whole lines; `None` when the batch is read and its digest fits.
    fn chunk(&mut self) -> Result<Option<Chunk>, LedgerError> {
        while self.at < self.batch.rows.end {
            let offset_bytes = self.at - self.carry.len() as u64;
            let block = self.read(self.batch.rows.end.min(self.at + BLOCK_BYTES))?;
            let mut text = std::mem::take(&mut self.carry);
            text.extend_from_slice(&block);
            let whole = text
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1);
            self.carry = text.split_off(whole);
            if whole > 0 {
                return Ok(Some(self.cut(offset_bytes, text)));
            }
        }
        self.check_end().map(|()| None)
    }

    fn cut(&mut self, offset_bytes: u64, text: Vec<u8>) -> Chunk {
        let first_sequence = self.batch.head.first_sequence + self.rows;
        self.rows += text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Chunk {
            path: self.batch.path.clone(),
            batch: self.batch.head.batch,
            offset_bytes,
            first_sequence,
            text,
        }
    }

    fn check_end(&mut self) -> Result<(), LedgerError> {
        let damaged = |problem| LedgerError::damaged(&self.batch.path, 0, problem);
        if !self.carry.is_empty() || self.rows != self.batch.summary.admitted {
            return Err(damaged("its rows are not those of its summary"));
        }
        let end = self.batch.trailer_at;
        while self.at < end {
            self.read(end.min(self.at + BLOCK_BYTES))?;
        }
        let hasher = std::mem::take(&mut self.hasher);
        if hasher.finish().sha256 == self.batch.digest {
            Ok(())
        } else {
            Err(LedgerError::damaged(
                &self.batch.path,
                0,
                "its digest does not fit",
            ))
        }
    }
}

impl Chunk {
    /// Bytes of text.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The entries, parsed one by one. Cost: about 2 µs each.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry, LedgerError>> + '_ {
        self.placed_entries()
            .map(|placed| placed.map(|(_, entry)| entry))
    }

    /// The entries and where they lie.
    pub(super) fn placed_entries(
        &self,
    ) -> impl Iterator<Item = Result<(Place, Entry), LedgerError>> + '_ {
        let mut at = 0;
        let lines = self.text.split_inclusive(|&byte| byte == b'\n');
        lines
            .zip(self.first_sequence..)
            .map(move |(line, sequence)| {
                let place = Place {
                    batch: self.batch,
                    offset_bytes: self.offset_bytes + at,
                };
                at += line.len() as u64;
                let entry = parse(line, sequence).map_err(|problem| {
                    LedgerError::damaged(&self.path, place.offset_bytes, problem)
                })?;
                Ok((place, entry))
            })
    }
}

fn parse(line: &[u8], sequence: u64) -> Result<Entry, &'static str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| "row is not UTF-8")?;
    let entry = Entry::parse(text)?;
    if entry.sequence == sequence {
        Ok(entry)
    } else {
        Err("row has another sequence than its place")
    }
}
