//! External merge sort of fixed-width byte records within a memory budget.
//!
//! The order is that of the bytes, whole record against whole record. That is a total order, so
//! neither the number of threads nor the budget can change the result. Records go to one unlinked
//! temporary file a pass, which nobody can open by name and which vanishes with the process. What a
//! record means is not known here; callers put keyed hashes into records, never clear text.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

/// A merge reads no less than this at a time, or it would seek for every few records.
const READ_BYTES_LEAST: usize = 64 * 1024;

/// A merge reads no more than this at a time; larger reads are not faster.
const READ_BYTES_MOST: usize = 1024 * 1024;

/// Runs merged at once, at most: beyond it the heap costs more than another pass.
const FAN_IN_MOST: usize = 512;

/// Records going in, in any order.
///
/// They fill one segment after the other; when as many are full as there are threads, each thread
/// sorts one and writes it as a run.
///
/// Invariant: there are at most `segments` segments, each of at most `most` records, so that all
/// together are the memory given.
pub(crate) struct Sorter<const W: usize> {
    directory: PathBuf,
    memory_bytes: usize,
    segments: usize,
    most: usize,
    open: Vec<[u8; W]>,
    full: Vec<Vec<[u8; W]>>,
    /// Segments that were written, to be filled again: fresh memory costs as much as sorting.
    spare: Vec<Vec<[u8; W]>>,
    spool: Option<Runs>,
    records: u64,
}

/// Records coming out, in order; made by [`Sorter::finish`].
pub(crate) struct Sorted<const W: usize> {
    merge: Merge<W>,
    /// For errors.
    directory: PathBuf,
    records: u64,
}

/// A temporary file could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[error("sort file in {}", directory.display())]
pub(crate) struct SortError {
    directory: PathBuf,
    source: io::Error,
}

/// Sorted runs, back to back in one unlinked file.
struct Runs {
    file: Arc<File>,
    /// Records of each run.
    lengths: Vec<u64>,
    bytes: u64,
}

/// The smallest record of several runs, again and again.
struct Merge<const W: usize> {
    heads: BinaryHeap<Reverse<Head<W>>>,
    cursors: Vec<Cursor<W>>,
}

/// The next record of a run.
struct Head<const W: usize> {
    record: [u8; W],
    run: usize,
}

/// A place in one run.
enum Cursor<const W: usize> {
    /// A run that never left the memory.
    Memory(std::vec::IntoIter<[u8; W]>),
    /// A run of a file.
    File(FileCursor<W>),
}

/// A place in a run of a file.
struct FileCursor<const W: usize> {
    file: Arc<File>,
    offset_bytes: u64,
    /// Records not yet read from the file.
    left: u64,
    /// Read at once, at most.
    most: usize,
    records: Vec<[u8; W]>,
    /// Index of the next record in `records`.
    at: usize,
}

impl<const W: usize> Sorter<W> {
    /// Sorts in `memory_bytes`, with temporary files in `directory` when that is not enough, on
    /// the threads of the current rayon pool. `expected` records are made room for at once, as far
    /// as the memory goes.
    pub(crate) fn new(directory: &Path, memory_bytes: usize, expected: u64) -> Self {
        let segments = rayon::current_num_threads();
        let most = memory_bytes / segments / W;
        // What will fit is shared out evenly, so that every thread has some of it to sort.
        let even = usize::try_from(expected.div_ceil(segments as u64)).unwrap_or(most);
        let most = even.min(most).max(1);
        Self {
            directory: directory.to_owned(),
            memory_bytes,
            segments,
            most,
            open: Vec::with_capacity(most),
            full: Vec::new(),
            spare: Vec::new(),
            spool: None,
            records: 0,
        }
    }

    /// Takes one record. Cost: amortised, its part of the sort of a segment, and a sequential
    /// write of it when not all fit.
    ///
    /// # Errors
    ///
    /// When full segments cannot be written.
    pub(crate) fn push(&mut self, record: [u8; W]) -> Result<(), SortError> {
        if self.open.len() == self.most {
            self.begin_segment().map_err(|source| self.error(source))?;
        }
        self.open.push(record);
        self.records += 1;
        Ok(())
    }

    /// All records in order. From here on the memory is used by the merge.
    ///
    /// # Errors
    ///
    /// When a temporary file cannot be written or read.
    pub(crate) fn finish(mut self) -> Result<Sorted<W>, SortError> {
        let merge = self.merge().map_err(|source| self.error(source))?;
        Ok(Sorted {
            merge,
            directory: self.directory,
            records: self.records,
        })
    }

    /// Puts the full segment aside; with the last one that fits, all are written.
    fn begin_segment(&mut self) -> io::Result<()> {
        self.full.push(std::mem::take(&mut self.open));
        if self.full.len() == self.segments {
            self.spill()?;
        }
        self.open = self.spare.pop().unwrap_or_default();
        self.open.reserve_exact(self.most);
        Ok(())
    }

    /// Sorts the full segments and writes each as one more run, all at the same time.
    fn spill(&mut self) -> io::Result<()> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Runs::new(&self.directory)?),
        };
        let places: Vec<u64> = self.full.iter().map(|run| spool.append(run)).collect();
        let file = &spool.file;
        let segments = self.full.par_iter_mut().zip(places);
        segments.try_for_each(|(segment, offset_bytes)| {
            sort(segment);
            file.write_all_at(segment.as_flattened(), offset_bytes)?;
            segment.clear();
            Ok::<_, io::Error>(())
        })?;
        self.spare.append(&mut self.full);
        Ok(())
    }

    /// Passes over the runs until one merge can take what is left.
    fn merge(&mut self) -> io::Result<Merge<W>> {
        self.full.push(std::mem::take(&mut self.open));
        if self.spool.is_none() {
            self.full.par_iter_mut().for_each(|segment| sort(segment));
            let runs = std::mem::take(&mut self.full).into_iter();
            return Merge::new(runs.map(|run| Cursor::Memory(run.into_iter())).collect());
        }
        self.spill()?;
        self.spare = Vec::new();
        let mut runs = self.spool.take().expect("spill has just written to it");
        let fan_in = (self.memory_bytes / READ_BYTES_LEAST).clamp(2, FAN_IN_MOST);
        while runs.lengths.len() > fan_in {
            runs = self.pass(&runs, fan_in)?;
        }
        let read_bytes = self.read_bytes(runs.lengths.len());
        Merge::new(runs.cursors(0, &runs.lengths, read_bytes))
    }

    /// Merges every `fan_in` runs into one.
    fn pass(&self, runs: &Runs, fan_in: usize) -> io::Result<Runs> {
        let read_bytes = self.read_bytes(fan_in + 1);
        let mut merged = Runs::new(&self.directory)?;
        let mut from_bytes = 0;
        for lengths in runs.lengths.chunks(fan_in) {
            let merge: Merge<W> = Merge::new(runs.cursors(from_bytes, lengths, read_bytes))?;
            merged.write(merge, read_bytes)?;
            from_bytes += lengths.iter().sum::<u64>() * W as u64;
        }
        Ok(merged)
    }

    /// What each of `buffers` may hold.
    fn read_bytes(&self, buffers: usize) -> usize {
        (self.memory_bytes / buffers).clamp(W, READ_BYTES_MOST)
    }

    fn error(&self, source: io::Error) -> SortError {
        SortError {
            directory: self.directory.clone(),
            source,
        }
    }
}

impl<const W: usize> Sorted<W> {
    /// How many records came in.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }
}

impl<const W: usize> Iterator for Sorted<W> {
    type Item = Result<[u8; W], SortError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.merge.next()?;
        Some(record.map_err(|source| SortError {
            directory: self.directory.clone(),
            source,
        }))
    }
}

impl Runs {
    fn new(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(tempfile::tempfile_in(directory)?),
            lengths: Vec::new(),
            bytes: 0,
        })
    }

    /// Makes room for one more run. Returns where its bytes belong.
    fn append<const W: usize>(&mut self, run: &[[u8; W]]) -> u64 {
        let offset_bytes = self.bytes;
        self.lengths.push(run.len() as u64);
        self.bytes += run.as_flattened().len() as u64;
        offset_bytes
    }

    /// Writes one more run from what a merge gives.
    fn write<const W: usize>(&mut self, merge: Merge<W>, buffer_bytes: usize) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(buffer_bytes, &*self.file);
        let mut length = 0;
        for record in merge {
            file.write_all(&record?)?;
            length += 1;
        }
        file.flush()?;
        self.lengths.push(length);
        Ok(())
    }

    /// Cursors at the beginnings of runs of these lengths, which lie back to back from
    /// `offset_bytes` on.
    fn cursors<const W: usize>(
        &self,
        mut offset_bytes: u64,
        lengths: &[u64],
        read_bytes: usize,
    ) -> Vec<Cursor<W>> {
        let cursor = |&left: &u64| {
            let cursor = FileCursor {
                file: Arc::clone(&self.file),
                offset_bytes,
                left,
                most: (read_bytes / W).max(1),
                records: Vec::new(),
                at: 0,
            };
            offset_bytes += left * W as u64;
            Cursor::File(cursor)
        };
        lengths.iter().map(cursor).collect()
    }
}

impl<const W: usize> Merge<W> {
    fn new(cursors: Vec<Cursor<W>>) -> io::Result<Self> {
        let mut merge = Self {
            heads: BinaryHeap::with_capacity(cursors.len()),
            cursors,
        };
        for (run, cursor) in merge.cursors.iter_mut().enumerate() {
            if let Some(record) = cursor.next()? {
                merge.heads.push(Reverse(Head { record, run }));
            }
        }
        Ok(merge)
    }
}

impl<const W: usize> Iterator for Merge<W> {
    type Item = io::Result<[u8; W]>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut head = self.heads.peek_mut()?;
        let Reverse(Head { record, run }) = *head;
        match self.cursors[run].next() {
            Ok(Some(next)) => head.0.record = next,
            Ok(None) => drop(PeekMut::pop(head)),
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(record))
    }
}

impl<const W: usize> Cursor<W> {
    /// The next record of the run; `None` at its end.
    fn next(&mut self) -> io::Result<Option<[u8; W]>> {
        match self {
            Self::Memory(records) => Ok(records.next()),
            Self::File(cursor) => cursor.next(),
        }
    }
}

impl<const W: usize> FileCursor<W> {
    fn next(&mut self) -> io::Result<Option<[u8; W]>> {
        if self.at == self.records.len() {
            self.refill()?;
        }
        let record = self.records.get(self.at).copied();
        self.at += usize::from(record.is_some());
        Ok(record)
    }

    fn refill(&mut self) -> io::Result<()> {
        let records = usize::try_from(self.left).map_or(self.most, |left| left.min(self.most));
        self.records.resize(records, [0; W]);
        let bytes = self.records.as_flattened_mut();
        self.file.read_exact_at(bytes, self.offset_bytes)?;
        self.offset_bytes += bytes.len() as u64;
        self.left -= records as u64;
        self.at = 0;
        Ok(())
    }
}

impl<const W: usize> Ord for Head<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.record, &other.record)
    }
}

impl<const W: usize> PartialOrd for Head<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const W: usize> PartialEq for Head<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<const W: usize> Eq for Head<W> {}

fn sort<const W: usize>(records: &mut [[u8; W]]) {
    records.sort_unstable_by(compare);
}

/// The order of the bytes; the first 16, in which nearly all records differ, as one number.
fn compare<const W: usize>(a: &[u8; W], b: &[u8; W]) -> Ordering {
    let first = |record: &[u8; W]| {
        record
            .first_chunk()
            .map(|first| u128::from_be_bytes(*first))
    };
    first(a).cmp(&first(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(records: &[[u8; 5]], memory_bytes: usize) -> Vec<[u8; 5]> {
        let directory = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(directory.path(), memory_bytes, records.len() as u64);
        for &record in records {
            sorter.push(record).unwrap();
        }
        let sorted = sorter.finish().unwrap();
        assert_eq!(sorted.records(), records.len() as u64);
        let sorted = sorted.collect::<Result<Vec<_>, _>>().unwrap();
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 0, "temporary files have no name");
        sorted
    }

    proptest! {
        #[test]
        fn any_memory_gives_the_order_of_the_standard_sort(
            records in prop::collection::vec(prop::array::uniform5(0_u8..4), 0..600),
            memory_bytes in 0_usize..700,
        ) {
            let mut expected = records.clone();
            expected.sort();
            prop_assert_eq!(sorted(&records, memory_bytes), expected);
        }
    }

    #[test]
    fn one_record_of_memory_takes_many_passes() {
        // 1,000 runs of one record, two merged at a time: ten passes.
        let records: Vec<[u8; 5]> = (0..1000_u32)
            .map(|i| {
                let [a, b, c, d] = i.wrapping_mul(2_654_435_761).to_be_bytes();
                [a, b, c, d, 0]
            })
            .collect();
        let mut expected = records.clone();
        expected.sort_unstable();
        assert_eq!(sorted(&records, 5), expected);
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("gone");
        let mut sorter = Sorter::<2>::new(&missing, 2, 2);
        let mut pushed = (0..=u8::MAX).map(|i| sorter.push([0, i]));
        let error = pushed.find_map(Result::err).unwrap();
        assert!(error.to_string().ends_with("gone"), "{error}");
    }
}
