//! One segment of the derived index: the standings of the certificates of some adjoining batches,
//! sorted by number.
//!
//! ```text
//! blocks of 4,096 bytes: the standings, 102 a block; then the first numbers of those blocks, 185
//!   a block; then the first numbers of those; and so on up to one block
//! the digests of the batches' source files, 36 bytes each
//! a footer of 128 bytes: counts, the batches, the digest of the last of them
//! ```
//!
//! A look-up reads one block a level, so its cost follows the logarithm of the size and nothing is
//! loaded beforehand. Every block carries a CRC: a flipped bit is an error, never an unknown
//! number. Segments are derived, so a damaged one may be removed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use certificate::{CertificateNumber, date};
use snapshot::Digest;

use super::chunk::Place;
use super::error::LedgerError;
use super::standing::Standing;

const BLOCK_BYTES: usize = 4096;

/// Where a block's own count and CRC stand.
const COUNT_AT: usize = BLOCK_BYTES - 8;
const CRC_AT: usize = BLOCK_BYTES - 4;

/// number 22 · flags 1 · revision 2 · day of issue 2 · batch 4 · offset 6, and 3 of nothing.
const STANDING_BYTES: usize = 40;
const STANDINGS_A_BLOCK: usize = COUNT_AT / STANDING_BYTES;

const KEY_BYTES: usize = CertificateNumber::LENGTH;
const KEYS_A_BLOCK: usize = COUNT_AT / KEY_BYTES;

/// Digest and batch.
const SOURCE_BYTES: usize = Digest::LENGTH + 4;

const FOOTER_BYTES: usize = 128;
const MAGIC: &[u8; 8] = b"certqix1";

/// Blocks kept of each segment, 1 MiB: the numbers of a batch lie close together.
const CACHED_BLOCKS: usize = 256;

type Block = [u8; BLOCK_BYTES];

/// A packed number and standing.
pub(super) type Record = [u8; STANDING_BYTES];

/// A block and its index in the file.
type Cached = (u64, Box<Block>);

/// A number and its standing.
pub(super) type Numbered = (CertificateNumber, Standing);

/// What a segment knows of a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Where it stands.
    Standing(Standing),
    /// Nothing: it lies between these two, or at an end.
    Between(Option<CertificateNumber>, Option<CertificateNumber>),
}

/// What the footer says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Footer {
    /// The batches, both inclusive.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Digest of batch `last`, which chains all before it.
    pub(super) head: Digest,
    /// Certificates.
    pub(super) entries: u64,
    sources_crc: u32,
}

/// A segment, opened for look-ups.
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) footer: Footer,
    file: File,
    /// First block and number of blocks of each level, the standings first.
    levels: Vec<(u64, u64)>,
    cache: Mutex<Vec<Option<Cached>>>,
}

/// A segment being written, from standings in the order of their numbers.
pub(super) struct SegmentWriter {
    out: BufWriter<File>,
    block: Box<Block>,
    count: usize,
    /// The first number of each block of standings.
    first_keys: Vec<[u8; KEY_BYTES]>,
    entries: u64,
}

impl Segment {
    /// Opens a segment; `None` when it is not whole. Cost: one small read.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, LedgerError> {
        let file = File::open(path).map_err(LedgerError::io("open", path))?;
        let length = file
            .metadata()
            .map_err(LedgerError::io("read", path))?
            .len();
        let Some(footer_at) = length.checked_sub(FOOTER_BYTES as u64) else {
            return Ok(None);
        };
        let mut bytes = [0; FOOTER_BYTES];
        file.read_exact_at(&mut bytes, footer_at)
            .map_err(LedgerError::io("read", path))?;
        let Some(footer) = Footer::unpack(&bytes) else {
            return Ok(None);
        };
        let levels = levels(footer.entries);
        let segment = Self {
            path: path.to_owned(),
            footer,
            file,
            levels,
            cache: Mutex::new(vec![None; CACHED_BLOCKS]),
        };
        let whole = segment.sources_at() + segment.sources_bytes() == footer_at;
        Ok(whole.then_some(segment))
    }

    /// The standing of a number, or its neighbours. Cost: one block a level, a few microseconds
    /// when cached by the system.
    pub(super) fn find(&self, number: &CertificateNumber) -> Result<Found, LedgerError> {
        let mut index = 0;
        for &(first, _) in self.levels.iter().skip(1).rev() {
            let slot = self.with_block(first + index, |block| last_not_above(block, number))?;
            match slot {
                Some(slot) => index = index * KEYS_A_BLOCK as u64 + slot as u64,
                None => return self.between(None, 0),
            }
        }
        let searched = self.with_block(index, |block| {
            let records = records_of(block);
            match records.binary_search_by(|record| record[..KEY_BYTES].cmp(number.as_bytes())) {
                Ok(slot) => Ok(unpack(&records[slot]).1),
                Err(slot) => Err((
                    slot.checked_sub(1).map(|slot| unpack(&records[slot]).0),
                    records.get(slot).map(|record| unpack(record).0),
                )),
            }
        })?;
        match searched {
            Ok(standing) => Ok(Found::Standing(standing)),
            Err((before, None)) => self.between(before, index + 1),
            Err((before, after)) => Ok(Found::Between(before, after)),
        }
    }

    /// Between a number and the first one of a block, if there is such a block.
    fn between(&self, before: Option<CertificateNumber>, block: u64) -> Result<Found, LedgerError> {
        if block == self.blocks() {
            return Ok(Found::Between(before, None));
        }
        let first = |block: &Block| records_of(block).first().map(|record| unpack(record).0);
        Ok(Found::Between(before, self.with_block(block, first)?))
    }

    /// Blocks of standings.
    pub(super) fn blocks(&self) -> u64 {
        self.levels[0].1
    }

    /// Reads some blocks of standings, through `bytes`, and appends what is in them.
    pub(super) fn read_records(
        &self,
        first: u64,
        count: u64,
        bytes: &mut Vec<u8>,
        records: &mut Vec<Record>,
    ) -> Result<(), LedgerError> {
        let count = usize::try_from(count).expect("a few at once");
        bytes.resize(count * BLOCK_BYTES, 0);
        self.file
            .read_exact_at(bytes, first * BLOCK_BYTES as u64)
            .map_err(LedgerError::io("read", &self.path))?;
        let blocks: &[Block] = bytes.as_chunks().0;
        for (index, block) in (first..).zip(blocks) {
            self.check(block, index)?;
            records.extend_from_slice(records_of(block));
        }
        Ok(())
    }

    /// The source files of its batches.
    pub(super) fn sources(&self) -> Result<Vec<(Digest, u32)>, LedgerError> {
        let at = self.sources_at();
        let mut bytes = vec![0; usize::try_from(self.sources_bytes()).expect("64-bit platform")];
        self.file
            .read_exact_at(&mut bytes, at)
            .map_err(LedgerError::io("read", &self.path))?;
        if crc32c::crc32c(&bytes) != self.footer.sources_crc {
            return Err(self.damaged(at));
        }
        Ok(bytes
            .chunks_exact(SOURCE_BYTES)
            .map(unpack_source)
            .collect())
    }

    fn sources_at(&self) -> u64 {
        let (first, count) = self.levels[self.levels.len() - 1];
        (first + count) * BLOCK_BYTES as u64
    }

    fn sources_bytes(&self) -> u64 {
        let batches = u64::from(self.footer.last - self.footer.first) + 1;
        batches * SOURCE_BYTES as u64
    }

    fn with_block<T>(&self, index: u64, look: impl FnOnce(&Block) -> T) -> Result<T, LedgerError> {
        let slot = usize::try_from(index % CACHED_BLOCKS as u64).expect("below 256");
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((cached, block)) = &cache[slot]
            && *cached == index
        {
            return Ok(look(block));
        }
        let block = self.read_block(index)?;
        let found = look(&block);
        cache[slot] = Some((index, block));
        Ok(found)
    }

    fn read_block(&self, index: u64) -> Result<Box<Block>, LedgerError> {
        let mut block = Box::new([0; BLOCK_BYTES]);
        let at = index * BLOCK_BYTES as u64;
        self.file
            .read_exact_at(&mut block[..], at)
            .map_err(LedgerError::io("read", &self.path))?;
        self.check(&block, index)?;
        Ok(block)
    }

    fn check(&self, block: &Block, index: u64) -> Result<(), LedgerError> {
        if crc32c::crc32c(&block[..CRC_AT]) == u32_at(&block[..], CRC_AT) {
            Ok(())
        } else {
            Err(self.damaged(index * BLOCK_BYTES as u64))
        }
    }

    fn damaged(&self, offset_bytes: u64) -> LedgerError {
        LedgerError::Index {
            path: self.path.clone(),
            offset_bytes,
        }
    }
}

impl SegmentWriter {
    /// Begins a segment in an empty file.
    pub(super) fn new(file: File) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * BLOCK_BYTES, file),
            block: Box::new([0; BLOCK_BYTES]),
            count: 0,
            first_keys: Vec::new(),
            entries: 0,
        }
    }

    /// Takes the next standing. Memory: 22 bytes for each 102 of them.
    pub(super) fn push(&mut self, record: &Record) -> io::Result<()> {
        if self.count == 0 {
            let mut key = [0; KEY_BYTES];
            key.copy_from_slice(&record[..KEY_BYTES]);
            self.first_keys.push(key);
        }
        self.block[self.count * STANDING_BYTES..][..STANDING_BYTES].copy_from_slice(record);
        self.count += 1;
        self.entries += 1;
        if self.count == STANDINGS_A_BLOCK {
            self.end_block()?;
        }
        Ok(())
    }

    /// Writes the upper levels, the sources and the footer. Returns the file, not yet synced.
    pub(super) fn finish(
        mut self,
        batches: (u32, u32),
        head: Digest,
        sources: &[(Digest, u32)],
    ) -> io::Result<File> {
        if self.count > 0 {
            self.end_block()?;
        }
        self.write_upper_levels()?;
        let sources: Vec<u8> = sources.iter().flat_map(pack_source).collect();
        self.out.write_all(&sources)?;
        let footer = Footer {
            first: batches.0,
            last: batches.1,
            head,
            entries: self.entries,
            sources_crc: crc32c::crc32c(&sources),
        };
        self.out.write_all(&footer.pack())?;
        self.out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }

    fn write_upper_levels(&mut self) -> io::Result<()> {
        let mut keys = std::mem::take(&mut self.first_keys);
        while keys.len() > 1 {
            let mut above = Vec::new();
            for group in keys.chunks(KEYS_A_BLOCK) {
                above.push(group[0]);
                for (slot, key) in group.iter().enumerate() {
                    self.block[slot * KEY_BYTES..][..KEY_BYTES].copy_from_slice(key);
                }
                self.count = group.len();
                self.end_block()?;
            }
            keys = above;
        }
        Ok(())
    }

    fn end_block(&mut self) -> io::Result<()> {
        let count = u32::try_from(self.count).expect("a block holds at most 185");
        self.block[COUNT_AT..CRC_AT].copy_from_slice(&count.to_le_bytes());
        let crc = crc32c::crc32c(&self.block[..CRC_AT]);
        self.block[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        self.out.write_all(&self.block[..])?;
        self.block.fill(0);
        self.count = 0;
        Ok(())
    }
}

impl Footer {
    fn pack(&self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&self.first.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.last.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.entries.to_le_bytes());
        bytes[24..56].copy_from_slice(self.head.as_bytes());
        bytes[56..60].copy_from_slice(&self.sources_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..124]);
        bytes[124..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn unpack(bytes: &[u8; FOOTER_BYTES]) -> Option<Self> {
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..124]) != u32_at(bytes, 124) {
            return None;
        }
        let footer = Self {
            first: u32_at(bytes, 8),
            last: u32_at(bytes, 12),
            entries: u64::from_le_bytes(bytes[16..24].try_into().ok()?),
            head: Digest::from_bytes(bytes[24..56].try_into().ok()?),
            sources_crc: u32_at(bytes, 56),
        };
        (footer.first >= 1 && footer.first <= footer.last && footer.entries >= 1).then_some(footer)
    }
}

/// First block and number of blocks of each level.
fn levels(entries: u64) -> Vec<(u64, u64)> {
    let mut blocks = entries.div_ceil(STANDINGS_A_BLOCK as u64);
    let mut levels = vec![(0, blocks)];
    let mut next = blocks;
    while blocks > 1 {
        blocks = blocks.div_ceil(KEYS_A_BLOCK as u64);
        levels.push((next, blocks));
        next += blocks;
    }
    levels
}

fn count_of(block: &Block) -> usize {
    u32_at(block, COUNT_AT) as usize
}

/// The slot of the last key that is not above `number`.
fn last_not_above(block: &Block, number: &CertificateNumber) -> Option<usize> {
    let keys: &[[u8; KEY_BYTES]] = block[..count_of(block) * KEY_BYTES].as_chunks().0;
    keys.partition_point(|key| key <= number.as_bytes())
        .checked_sub(1)
}

fn records_of(block: &Block) -> &[Record] {
    block[..count_of(block) * STANDING_BYTES].as_chunks().0
}

/// A number and its standing as a record.
pub(super) fn pack((number, standing): &Numbered) -> Record {
    let mut record = [0; STANDING_BYTES];
    let day = date::to_day_number(standing.issued_on).expect("the gate admits no other days");
    record[..22].copy_from_slice(number.as_bytes());
    record[22] = u8::from(standing.withdrawn);
    record[23..25].copy_from_slice(&standing.revision.to_le_bytes());
    record[25..27].copy_from_slice(&day.to_le_bytes());
    record[27..31].copy_from_slice(&standing.details_at.batch.to_le_bytes());
    let offset = standing.details_at.offset_bytes.to_le_bytes();
    assert!(offset[6..] == [0, 0], "a batch is smaller than 2^48 bytes");
    record[31..37].copy_from_slice(&offset[..6]);
    record
}

/// The number and the standing of a record whose block's CRC fits.
pub(super) fn unpack(record: &Record) -> Numbered {
    let number = std::str::from_utf8(&record[..22]).ok();
    let mut offset = [0; 8];
    offset[..6].copy_from_slice(&record[31..37]);
    let standing = Standing {
        withdrawn: record[22] != 0,
        revision: u16::from_le_bytes([record[23], record[24]]),
        issued_on: date::from_day_number(u16::from_le_bytes([record[25], record[26]])),
        details_at: Place {
            batch: u32_at(record, 27),
            offset_bytes: u64::from_le_bytes(offset),
        },
    };
    let number = number
        .and_then(|text| CertificateNumber::from_canonical(text).ok())
        .expect("the CRC of the block fits, and only numbers are packed");
    (number, standing)
}

fn pack_source((digest, batch): &(Digest, u32)) -> Vec<u8> {
    [digest.as_bytes().as_slice(), &batch.to_le_bytes()].concat()
}

fn unpack_source(bytes: &[u8]) -> (Digest, u32) {
    let mut digest = [0; Digest::LENGTH];
    digest.copy_from_slice(&bytes[..Digest::LENGTH]);
    (Digest::from_bytes(digest), u32_at(bytes, Digest::LENGTH))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests;
