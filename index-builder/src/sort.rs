//! External merge sort of fixed-width byte records within a memory budget.
//!
//! The order is that of the bytes, whole record against whole record. That is a total order, so
//! neither the number of threads nor the budget can change the result. Records go to one unlinked
//! temporary file a pass, which nobody can open by name and which vanishes with the process. What a
//! record means is not known here; callers put keyed hashes into records, never clear text.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::slice::ParallelSliceMut;

/// A merge reads no less than this at a time, or it would seek for every few records.
const READ_BYTES_LEAST: usize = 64 * 1024;

/// A merge reads no more than this at a time; larger reads are not faster.
const READ_BYTES_MOST: usize = 1024 * 1024;

/// Runs merged at once, at most: beyond it the heap costs more than another pass.
const FAN_IN_MOST: usize = 512;

/// Records going in, in any order.
///
/// Invariant: `buffer` never holds more than `most` records, its capacity from the beginning.
pub(crate) struct Sorter<const W: usize> {
    directory: PathBuf,
    memory_bytes: usize,
    most: usize,
    buffer: Vec<[u8; W]>,
    spool: Option<Spool<W>>,
    records: u64,
}

/// Records coming out, in order; made by [`Sorter::finish`].
pub(crate) struct Sorted<const W: usize> {
    source: Source<W>,
    records: u64,
}

/// A temporary file could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[error("sort file in {}", directory.display())]
pub(crate) struct SortError {
    directory: PathBuf,
    source: io::Error,
}

/// Where sorted records come from.
enum Source<const W: usize> {
    /// All fitted.
    Memory(std::vec::IntoIter<[u8; W]>),
    /// Runs of the last spool; the directory is for errors.
    Merge(Merge<W>, PathBuf),
}

/// Sorted runs being written, back to back into one unlinked file.
struct Spool<const W: usize> {
    file: BufWriter<File>,
    /// Records of each run.
    lengths: Vec<u64>,
}

/// A [`Spool`] that is written to its end.
struct Runs<const W: usize> {
    file: Arc<File>,
    lengths: Vec<u64>,
}

/// The smallest record of several runs, again and again.
struct Merge<const W: usize> {
    file: Arc<File>,
    heads: BinaryHeap<Reverse<([u8; W], usize)>>,
    cursors: Vec<Cursor<W>>,
}

/// A place in one run.
struct Cursor<const W: usize> {
    offset_bytes: u64,
    /// Records not yet read from the file.
    left: u64,
    /// How much is read at once, a multiple of `W`.
    most_bytes: usize,
    bytes: Vec<u8>,
    /// Index of the next record in `bytes`.
    at: usize,
}

impl<const W: usize> Sorter<W> {
    /// Sorts in `memory_bytes`, with temporary files in `directory` when that is not enough.
    /// `expected` records are made room for at once, as far as the memory goes.
    pub(crate) fn new(directory: &Path, memory_bytes: usize, expected: u64) -> Self {
        let most = (memory_bytes / W).max(1);
        let room = usize::try_from(expected).map_or(most, |expected| expected.min(most));
        Self {
            directory: directory.to_owned(),
            memory_bytes,
            most,
            buffer: Vec::with_capacity(room),
            spool: None,
            records: 0,
        }
    }

    /// Takes one record. Cost: amortised, a sort of the buffer on the current rayon pool and a
    /// sequential write of it whenever it is full.
    ///
    /// # Errors
    ///
    /// When the full buffer cannot be written.
    pub(crate) fn push(&mut self, record: [u8; W]) -> Result<(), SortError> {
        if self.buffer.len() == self.most {
            self.spill().map_err(|source| self.error(source))?;
        }
        self.buffer.push(record);
        self.records += 1;
        Ok(())
    }

    /// All records in order. From here on the memory is used by the merge.
    ///
    /// # Errors
    ///
    /// When a temporary file cannot be written or read.
    pub(crate) fn finish(mut self) -> Result<Sorted<W>, SortError> {
        if self.spool.is_none() {
            self.buffer.par_sort_unstable();
            return Ok(Sorted {
                source: Source::Memory(self.buffer.into_iter()),
                records: self.records,
            });
        }
        let merge = self.merge().map_err(|source| SortError {
            directory: self.directory.clone(),
            source,
        })?;
        Ok(Sorted {
            source: Source::Merge(merge, self.directory),
            records: self.records,
        })
    }

    /// Writes the buffer as one more run.
    fn spill(&mut self) -> io::Result<()> {
        self.buffer.par_sort_unstable();
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new(&self.directory, READ_BYTES_MOST)?),
        };
        spool.push_run(self.buffer.drain(..).map(Ok))
    }

    /// Passes over the runs until one merge can take what is left.
    fn merge(&mut self) -> io::Result<Merge<W>> {
        self.spill()?;
        self.buffer = Vec::new();
        let spool = self.spool.take();
        let mut runs = spool.expect("spill has just written to it").close()?;
        let fan_in = (self.memory_bytes / READ_BYTES_LEAST).clamp(2, FAN_IN_MOST);
        while runs.lengths.len() > fan_in {
            runs = self.pass(&runs, fan_in)?;
        }
        let read_bytes = self.read_bytes(runs.lengths.len());
        Merge::new(&runs.file, 0, &runs.lengths, read_bytes)
    }

    /// Merges every `fan_in` runs into one.
    fn pass(&self, runs: &Runs<W>, fan_in: usize) -> io::Result<Runs<W>> {
        let read_bytes = self.read_bytes(fan_in + 1);
        let mut merged = Spool::new(&self.directory, read_bytes)?;
        let mut from_bytes = 0;
        for lengths in runs.lengths.chunks(fan_in) {
            merged.push_run(Merge::new(&runs.file, from_bytes, lengths, read_bytes)?)?;
            from_bytes += lengths.iter().sum::<u64>() * W as u64;
        }
        merged.close()
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
        match &mut self.source {
            Source::Memory(records) => records.next().map(Ok),
            Source::Merge(merge, directory) => merge.next().map(|record| {
                record.map_err(|source| SortError {
                    directory: directory.clone(),
                    source,
                })
            }),
        }
    }
}

impl<const W: usize> Spool<W> {
    fn new(directory: &Path, buffer_bytes: usize) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(buffer_bytes, tempfile::tempfile_in(directory)?),
            lengths: Vec::new(),
        })
    }

    fn push_run(&mut self, records: impl Iterator<Item = io::Result<[u8; W]>>) -> io::Result<()> {
        let mut length = 0;
        for record in records {
            self.file.write_all(&record?)?;
            length += 1;
        }
        self.lengths.push(length);
        Ok(())
    }

    fn close(self) -> io::Result<Runs<W>> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        Ok(Runs {
            file: Arc::new(file),
            lengths: self.lengths,
        })
    }
}

impl<const W: usize> Merge<W> {
    /// Merges runs of these lengths that lie back to back from `offset_bytes` on.
    fn new(
        file: &Arc<File>,
        mut offset_bytes: u64,
        lengths: &[u64],
        read_bytes: usize,
    ) -> io::Result<Self> {
        let mut heads = BinaryHeap::with_capacity(lengths.len());
        let mut cursors = Vec::with_capacity(lengths.len());
        for &left in lengths {
            let mut cursor = Cursor::new(offset_bytes, left, read_bytes);
            if let Some(first) = cursor.next(file)? {
                heads.push(Reverse((first, cursors.len())));
            }
            cursors.push(cursor);
            offset_bytes += left * W as u64;
        }
        Ok(Self {
            file: Arc::clone(file),
            heads,
            cursors,
        })
    }
}

impl<const W: usize> Iterator for Merge<W> {
    type Item = io::Result<[u8; W]>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut head = self.heads.peek_mut()?;
        let Reverse((record, run)) = *head;
        match self.cursors[run].next(&self.file) {
            Ok(Some(next)) => *head = Reverse((next, run)),
            Ok(None) => drop(PeekMut::pop(head)),
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(record))
    }
}

impl<const W: usize> Cursor<W> {
    fn new(offset_bytes: u64, left: u64, read_bytes: usize) -> Self {
        Self {
            offset_bytes,
            left,
            most_bytes: (read_bytes / W).max(1) * W,
            bytes: Vec::new(),
            at: 0,
        }
    }

    /// The next record of the run; `None` at its end.
    fn next(&mut self, file: &File) -> io::Result<Option<[u8; W]>> {
        if self.at == self.bytes.len() {
            if self.left == 0 {
                self.bytes = Vec::new();
                self.at = 0;
                return Ok(None);
            }
            self.refill(file)?;
        }
        let (record, _) = self.bytes[self.at..]
            .split_first_chunk()
            .expect("refill reads whole records");
        self.at += W;
        Ok(Some(*record))
    }

    fn refill(&mut self, file: &File) -> io::Result<()> {
        let most = self.most_bytes / W;
        let records = usize::try_from(self.left).map_or(most, |left| left.min(most));
        self.bytes.resize(records * W, 0);
        file.read_exact_at(&mut self.bytes, self.offset_bytes)?;
        self.offset_bytes += (records * W) as u64;
        self.left -= records as u64;
        self.at = 0;
        Ok(())
    }
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
        sorter.push([0, 1]).unwrap();
        let error = sorter.push([0, 2]).unwrap_err();
        assert!(error.to_string().ends_with("gone"), "{error}");
    }
}
