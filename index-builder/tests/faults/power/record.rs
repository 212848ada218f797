//! The record of what a disk was told, as QEMU's `blklogwrites` driver writes it.
//!
//! ```text
//! sector 0   magic 8, version 8, entries 8, sector size 4
//! then       for each entry one sector (sector 8, sectors 8, flags 8, length 8) and its data
//! ```

use std::ops::Range;

const MAGIC: u64 = 0x006a_7366_7773_6872;

/// Of the record and of the disk; we ask for it.
pub(crate) const SECTOR_BYTES: usize = 512;

const FLUSH: u64 = 1;
const DISCARD: u64 = 4;

/// A write, or a flush without data.
pub(crate) struct Entry {
    /// Where on the disk, in bytes.
    pub(crate) at: usize,
    /// Where in the record its data are; empty for a flush or a discard.
    pub(crate) data: Range<usize>,
    /// All before it was on the disk when it was answered.
    flush: bool,
}

/// Everything that a disk was told, in order.
pub(crate) struct Record {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Record {
    /// Reads a record, to its end.
    pub(crate) fn parse(bytes: Vec<u8>) -> Self {
        assert_eq!(bytes[..8], MAGIC.to_le_bytes(), "a record of blklogwrites");
        let mut entries = Vec::new();
        let mut at = SECTOR_BYTES;
        while at + SECTOR_BYTES <= bytes.len() {
            let field = |index: usize| {
                let from = at + 8 * index;
                let field = bytes[from..from + 8].try_into().unwrap();
                u64::from_le_bytes(field)
            };
            let size = |sectors: u64| usize::try_from(sectors).unwrap() * SECTOR_BYTES;
            let begin = at + SECTOR_BYTES;
            let length = match field(2) & DISCARD {
                0 => size(field(1)),
                _ => 0,
            };
            entries.push(Entry {
                at: size(field(0)),
                data: begin..begin + length,
                flush: field(2) & FLUSH != 0,
            });
            at = begin + length;
        }
        assert_eq!(at, bytes.len(), "the record ends with an entry");
        Self { bytes, entries }
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries are in the first so many bytes.
    pub(crate) fn entries_within(&self, bytes: usize) -> usize {
        let ends = self.entries.iter().map(|entry| entry.data.end);
        ends.take_while(|end| *end <= bytes).count()
    }

    /// The writes that are on the disk when power goes after `end` entries: all up to the last
    /// flush, and of the later ones those that are `lucky`.
    pub(crate) fn kept(&self, end: usize, mut lucky: impl FnMut(usize) -> bool) -> Vec<usize> {
        let flushed = self.entries[..end].iter().rposition(|entry| entry.flush);
        let safe = flushed.map_or(0, |flush| flush + 1);
        (0..end)
            .filter(|&index| index < safe || lucky(index))
            .collect()
    }

    /// Writes these entries onto a disk.
    pub(crate) fn apply(&self, keep: &[usize], disk: &mut [u8]) {
        for entry in keep.iter().map(|&index| &self.entries[index]) {
            let data = &self.bytes[entry.data.clone()];
            disk[entry.at..entry.at + data.len()].copy_from_slice(data);
        }
    }
}

#[test]
fn what_a_cut_leaves() {
    let sector = |fields: [u64; 4]| {
        let mut sector: Vec<u8> = fields
            .iter()
            .flat_map(|field| field.to_le_bytes())
            .collect();
        sector.resize(SECTOR_BYTES, 0);
        sector
    };
    let mut bytes = sector([MAGIC, 1, 4, 512]);
    for (at, value) in [(0, 1), (1, 2)] {
        bytes.extend(sector([at, 1, 0, 512]));
        bytes.extend([value; SECTOR_BYTES]);
        if at == 0 {
            bytes.extend(sector([0, 0, FLUSH, 0]));
        }
    }
    bytes.extend(sector([7, 9, DISCARD, 0]));
    let record = Record::parse(bytes);
    assert_eq!((record.len(), record.entries_within(512 * 3)), (4, 1));
    assert_eq!(record.kept(4, |_| false), [0, 1], "what was flushed stays");
    assert_eq!(record.kept(4, |_| true), [0, 1, 2, 3]);
    assert_eq!(record.kept(1, |_| false), [0; 0]);
    let mut disk = vec![0; SECTOR_BYTES * 2];
    record.apply(&[0, 2], &mut disk);
    assert_eq!((disk[0], disk[SECTOR_BYTES]), (1, 2));
}
