//! Reading the rows of a ledger in order, a block at a time, with every digest checked on the way.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use snapshot::Digest;
use snapshot::digest::Hasher;

use super::batch::Batch;
use super::entry::Entry;
use super::error::LedgerError;
use super::line::{Line, Lines};

/// Bytes read at once.
const BLOCK_BYTES: u64 = 512 * 1024;

/// Whole lines of one batch, about half a megabyte, to be parsed on any thread.
///
/// Invariant: `text` ends with a line break.
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
    /// Memory of chunks that were used: fresh memory costs a third of reading into it.
    spare: Vec<Vec<u8>>,
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
            spare: Vec::new(),
        }
    }

    /// Takes back a chunk that is done with, to read another one into its memory.
    pub(crate) fn reuse(&mut self, chunk: Chunk) {
        self.spare.push(chunk.text);
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
        reading.read(reading.batch.rows.start, &mut Vec::new())?;
        Ok(reading)
    }

    fn advance(&mut self) -> Result<Option<Chunk>, LedgerError> {
        loop {
            match &mut self.reading {
                None if self.next_batch > self.last_batch => return Ok(None),
                None => self.reading = Some(self.open_next()?),
                Some(reading) => match reading.chunk(&mut self.spare)? {
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
    /// Reads and hashes the next bytes up to `until`, behind what `text` has.
    fn read(&mut self, until: u64, text: &mut Vec<u8>) -> Result<(), LedgerError> {
        let length = usize::try_from(until - self.at).expect("blocks are small");
        let begin = text.len();
        text.resize(begin + length, 0);
        let block = &mut text[begin..];
        self.batch
            .file
            .read_exact_at(block, self.at)
            .map_err(LedgerError::io("read", &self.batch.path))?;
        self.hasher.update(block);
        self.at = until;
        Ok(())
    }

    /// The next whole lines; `None` when the batch is read and its digest fits.
    fn chunk(&mut self, spare: &mut Vec<Vec<u8>>) -> Result<Option<Chunk>, LedgerError> {
        while self.at < self.batch.rows.end {
            let offset_bytes = self.at - self.carry.len() as u64;
            let until = self.batch.rows.end.min(self.at + BLOCK_BYTES);
            let mut text = spare.pop().unwrap_or_default();
            text.clear();
            text.append(&mut self.carry);
            self.read(until, &mut text)?;
            let whole = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
            self.carry.extend_from_slice(&text[whole..]);
            text.truncate(whole);
            if whole > 0 {
                return Ok(Some(self.cut(offset_bytes, text)));
            }
        }
        self.check_end().map(|()| None)
    }

    fn cut(&mut self, offset_bytes: u64, text: Vec<u8>) -> Chunk {
        let first_sequence = self.batch.head.first_sequence + self.rows;
        self.rows += memchr::memchr_iter(b'\n', &text).count() as u64;
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
            self.read(end.min(self.at + BLOCK_BYTES), &mut Vec::new())?;
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

    /// The lines, read one by one. Cost: about 0.4 µs each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<Line<'_>, LedgerError>> + '_ {
        self.placed_lines()
            .map(|placed| placed.map(|(_, line)| line))
    }

    /// The entries and where they lie. Cost: about 0.8 µs each.
    pub(super) fn placed_entries(
        &self,
    ) -> impl Iterator<Item = Result<(Place, Entry), LedgerError>> + '_ {
        let placed = self.placed_lines();
        placed.map(|placed| placed.map(|(place, line)| (place, line.into())))
    }

    fn placed_lines(&self) -> impl Iterator<Item = Result<(Place, Line<'_>), LedgerError>> + '_ {
        let mut reader = Lines::new();
        let mut at = 0;
        let ends = memchr::memchr_iter(b'\n', &self.text);
        ends.zip(self.first_sequence..).map(move |(end, sequence)| {
            let place = Place {
                batch: self.batch,
                offset_bytes: self.offset_bytes + at as u64,
            };
            let line = &self.text[at..end];
            at = end + 1;
            let line = read(&mut reader, line, sequence)
                .map_err(|problem| LedgerError::damaged(&self.path, place.offset_bytes, problem))?;
            Ok((place, line))
        })
    }
}

fn read<'a>(
    reader: &mut Lines<'a>,
    line: &'a [u8],
    sequence: u64,
) -> Result<Line<'a>, &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "row is not UTF-8")?;
    let line = reader.read(text)?;
    if line.sequence == sequence {
        Ok(line)
    } else {
        Err("row has another sequence than its place")
    }
}
