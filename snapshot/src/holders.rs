//! The holders blob: holder key to ordinals. A header, entries sorted by key, then a directory
//! of buckets that divide the keys evenly.
//!
//! Keys are keyed hashes, so they are spread evenly and a bucket is found by arithmetic; an `fst`
//! of them would take twice the bytes and six times the time. A bucket carries a checksum, so
//! that a key that has rotted is damage and not a miss, as it is with rows.

use std::io::Write;

use certificate::HolderKey;

use crate::damage::{self, BlobKind, Damaged, Fault};
use crate::digest::BlobRef;
use crate::layer::WriteError;
use crate::layout;
use crate::store::{StagedBlob, Store};

/// Writes the holders of a layer from entries sorted by key and ordinal.
///
/// Memory: 8 bytes a bucket, so half a byte an entry. Cost: about 20 ns an entry.
pub struct Holders<'s> {
    blob: StagedBlob<'s>,
    count: u64,
    written: u64,
    last: Option<(HolderKey, u32)>,
    buckets: Buckets,
}

/// An opened holders blob.
pub(crate) struct HolderTable<D> {
    bytes: D,
    frame: Frame,
}

/// What the header says, and what follows from it.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) count: u64,
    pub(crate) buckets: u64,
}

/// The directory while entries pass by in order.
pub(crate) struct Buckets {
    count: u64,
    directory: Vec<u8>,
    first: u32,
    checksum: u32,
}

impl<'s> Holders<'s> {
    /// Begins the blob of exactly `count` entries.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooMany`], [`WriteError::Store`].
    pub fn new(store: &'s Store, count: u64) -> Result<Self, WriteError> {
        if count > layout::LAYER_ROWS_MAX {
            return Err(WriteError::TooMany {
                limit: layout::LAYER_ROWS_MAX,
            });
        }
        let mut blob = store.stage()?;
        let written = blob.write_all(&header(count));
        blob.written(written)?;
        Ok(Self {
            blob,
            count,
            written: 0,
            last: None,
            buckets: Buckets::new(layout::buckets(count)),
        })
    }

    /// Adds the next entry.
    ///
    /// # Errors
    ///
    /// [`WriteError::Order`] when it is not above the last one, [`WriteError::Count`] when it is
    /// one too many, [`WriteError::Store`] when the disk refuses.
    pub fn push(&mut self, key: HolderKey, ordinal: u32) -> Result<(), WriteError> {
        if self.last.is_some_and(|last| last >= (key, ordinal)) {
            return Err(WriteError::Order {
                position: self.written,
            });
        }
        if self.written == self.count {
            return Err(self.miscounted(self.count + 1));
        }
        let mut entry = [0; layout::HOLDER];
        entry[..HolderKey::LENGTH].copy_from_slice(key.as_bytes());
        entry[HolderKey::LENGTH..].copy_from_slice(&ordinal.to_le_bytes());
        let index = u32::try_from(self.written).expect("the count was checked in new");
        self.buckets
            .close_below(bucket_of(&entry, self.buckets.count), index);
        self.buckets.add(&entry);
        let written = self.blob.write_all(&entry);
        self.blob.written(written)?;
        self.last = Some((key, ordinal));
        self.written += 1;
        Ok(())
    }

    /// Commits the blob.
    ///
    /// # Errors
    ///
    /// [`WriteError::Count`] when entries are missing, [`WriteError::Store`] when the disk
    /// refuses.
    pub fn finish(mut self) -> Result<BlobRef, WriteError> {
        if self.written != self.count {
            return Err(self.miscounted(self.written));
        }
        let directory = self.buckets.finish(self.count);
        let written = self.blob.write_all(&directory);
        self.blob.written(written)?;
        Ok(self.blob.commit()?)
    }

    fn miscounted(&self, found: u64) -> WriteError {
        WriteError::Count {
            expected: self.count,
            found,
        }
    }
}

impl Buckets {
    pub(crate) fn new(count: u64) -> Self {
        let bytes = layout::BUCKET as u64 * count;
        Self {
            count,
            directory: Vec::with_capacity(usize::try_from(bytes).unwrap_or(0)),
            first: 0,
            checksum: crc32c::crc32c(&0_u32.to_le_bytes()),
        }
    }

    /// Closes every bucket below this one; the next entry has this index.
    pub(crate) fn close_below(&mut self, bucket: u64, index: u32) {
        while ((self.directory.len() / layout::BUCKET) as u64) < bucket {
            self.directory.extend_from_slice(&self.first.to_le_bytes());
            self.directory
                .extend_from_slice(&self.checksum.to_le_bytes());
            self.first = index;
            self.checksum = crc32c::crc32c(&index.to_le_bytes());
        }
    }

    pub(crate) fn add(&mut self, entry: &[u8]) {
        self.checksum = crc32c::crc32c_append(self.checksum, entry);
    }

    /// The whole directory.
    pub(crate) fn finish(mut self, entries: u64) -> Vec<u8> {
        let index = u32::try_from(entries).expect("the count was checked when the blob was begun");
        self.close_below(self.count, index);
        self.directory
    }
}

impl Frame {
    /// Reads the header (the first bytes of the blob) and checks it against the blob's length
    /// and the rows that the layer has.
    pub(crate) fn parse(begin: &[u8], length: u64, count: u64) -> Result<Self, Damaged> {
        if let Some((at, fault)) = damage::unlike(begin, &header(count)) {
            return Err(damaged(at, fault));
        }
        let buckets = layout::buckets(count);
        let frame = Self { count, buckets };
        let expected = frame.directory() + layout::BUCKET as u64 * buckets;
        if length != expected {
            let found = length;
            return Err(damaged(0, Fault::Length { expected, found }));
        }
        Ok(frame)
    }

    /// Compares the directory with the one that follows from the entries, and so every bucket
    /// with its checksum.
    pub(crate) fn check_directory(self, found: &[u8], expected: &[u8]) -> Result<(), Damaged> {
        let (found, _) = found.as_chunks::<{ layout::BUCKET }>();
        let (expected, _) = expected.as_chunks::<{ layout::BUCKET }>();
        let differs = found.iter().zip(expected).position(|(f, e)| f != e);
        let Some(index) = differs else {
            return Ok(());
        };
        let [a, b, c, d, ..] = expected[index];
        if found[index][..4] == expected[index][..4] {
            let first = u32::from_le_bytes([a, b, c, d]);
            return Err(damaged(entry_offset(u64::from(first)), Fault::Checksum));
        }
        let bucket = index as u64;
        let offset = self.directory() + bucket * layout::BUCKET as u64;
        Err(damaged(offset, Fault::Directory { bucket }))
    }

    /// Where the directory begins.
    pub(crate) fn directory(self) -> u64 {
        entry_offset(self.count)
    }
}

impl<D: AsRef<[u8]>> HolderTable<D> {
    /// What it lies in.
    pub(crate) fn bytes(&self) -> &D {
        &self.bytes
    }

    /// Opens a blob of `count` entries. Checks header, length, and that the directory ascends
    /// within the entries. Cost: one pass over the directory.
    pub(crate) fn open(bytes: D, count: u64) -> Result<Self, Damaged> {
        let frame = Frame::parse(bytes.as_ref(), bytes.as_ref().len() as u64, count)?;
        let table = Self { bytes, frame };
        let mut last = 0;
        for bucket in 0..frame.buckets {
            let (first, _) = table.bucket(bucket)?;
            let begins = bucket > 0 || first == 0;
            if first < last || u64::from(first) > count || !begins {
                return Err(table.outside(bucket));
            }
            last = first;
        }
        Ok(table)
    }

    /// The ordinals of a holder. Cost: two page touches, a checksum over about 16 entries, a
    /// scan; no allocation.
    pub(crate) fn ordinals(
        &self,
        key: &HolderKey,
    ) -> Result<impl Iterator<Item = u32> + use<'_, D>, Damaged> {
        let bucket = bucket_of(key.as_bytes(), self.frame.buckets);
        let (first, checksum) = self.bucket(bucket)?;
        let end = match bucket + 1 {
            next if next < self.frame.buckets => u64::from(self.bucket(next)?.0),
            _ => self.frame.count,
        };
        let entries = self.entries(u64::from(first), end);
        let entries = entries.ok_or_else(|| self.outside(bucket))?;
        let begin = crc32c::crc32c(&first.to_le_bytes());
        if crc32c::crc32c_append(begin, entries) != checksum {
            return Err(damaged(entry_offset(u64::from(first)), Fault::Checksum));
        }
        let key = *key;
        let (entries, _) = entries.as_chunks::<{ layout::HOLDER }>();
        let ours = entries.iter().map(parse_entry);
        Ok(ours.filter_map(move |(found, ordinal)| (found == key).then_some(ordinal)))
    }

    /// Every entry in order.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (HolderKey, u32)> + '_ {
        let entries = self.entries(0, self.frame.count).unwrap_or_default();
        let (entries, _) = entries.as_chunks::<{ layout::HOLDER }>();
        entries.iter().map(parse_entry)
    }

    /// First entry and checksum of a bucket.
    fn bucket(&self, bucket: u64) -> Result<(u32, u32), Damaged> {
        let begin = self.frame.directory() + bucket * layout::BUCKET as u64;
        let bytes = usize::try_from(begin)
            .ok()
            .and_then(|begin| self.bytes.as_ref().get(begin..begin + layout::BUCKET));
        match bytes {
            Some(&[a, b, c, d, e, f, g, h]) => Ok((
                u32::from_le_bytes([a, b, c, d]),
                u32::from_le_bytes([e, f, g, h]),
            )),
            _ => Err(self.outside(bucket)),
        }
    }

    fn entries(&self, first: u64, end: u64) -> Option<&[u8]> {
        let begin = usize::try_from(entry_offset(first)).ok()?;
        let end = usize::try_from(entry_offset(end.min(self.frame.count))).ok()?;
        self.bytes.as_ref().get(begin..end)
    }

    fn outside(&self, bucket: u64) -> Damaged {
        let offset = self.frame.directory() + bucket * layout::BUCKET as u64;
        damaged(offset, Fault::Directory { bucket })
    }
}

/// Key and ordinal of an entry.
pub(crate) fn parse_entry(entry: &[u8; layout::HOLDER]) -> (HolderKey, u32) {
    let mut key = [0; HolderKey::LENGTH];
    key.copy_from_slice(&entry[..HolderKey::LENGTH]);
    let mut ordinal = [0; 4];
    ordinal.copy_from_slice(&entry[HolderKey::LENGTH..]);
    (HolderKey::from_bytes(key), u32::from_le_bytes(ordinal))
}

/// The bucket of a key, or of an entry, which begins with one: its first 32 bits as a fraction of
/// all there are.
pub(crate) fn bucket_of(key: &[u8], buckets: u64) -> u64 {
    let [a, b, c, d] = [key[0], key[1], key[2], key[3]];
    (u64::from(u32::from_be_bytes([a, b, c, d])) * buckets) >> u32::BITS
}

/// Where an entry begins.
pub(crate) fn entry_offset(index: u64) -> u64 {
    layout::HOLDERS_HEADER as u64 + index * layout::HOLDER as u64
}

/// The header of a blob of `count` entries.
fn header(count: u64) -> [u8; layout::HOLDERS_HEADER] {
    let mut header = [0; layout::HOLDERS_HEADER];
    header[..8].copy_from_slice(&layout::HOLDERS_MAGIC);
    header[8..10].copy_from_slice(&layout::HOLDERS_VERSION.to_le_bytes());
    let width = u16::try_from(layout::HOLDER).expect("an entry is 16 bytes wide");
    header[10..12].copy_from_slice(&width.to_le_bytes());
    let buckets = u32::try_from(layout::buckets(count)).expect("at most 2^28, of 2^32 entries");
    header[12..16].copy_from_slice(&buckets.to_le_bytes());
    header[16..24].copy_from_slice(&count.to_le_bytes());
    header
}

fn damaged(offset: u64, fault: Fault) -> Damaged {
    Damaged::new(BlobKind::Holders, offset, fault)
}

#[cfg(test)]
mod tests;
