//! Reads every byte of a generation in the store and says where the first damage is.
//!
//! It goes further than opening: every row against its number, every holder against the rows,
//! every number there and back, every code against the texts. It maps nothing and streams what is
//! large, so a store that is being written or is falling to pieces cannot hurt it, and it needs no
//! key. Who signed the manifest is asked before, by who read it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use certificate::{CertificateNumber, HolderKey};

use crate::damage::{BlobKind, Damaged, Fault};
use crate::digest::{BlobRef, Hasher};
use crate::durable::{self, FileError};
use crate::holders::{self, Buckets, Frame};
use crate::layout;
use crate::manifest::{LayerRef, Manifest};
use crate::numbers::NumberIndex;
use crate::row::{PackedRow, Status};
use crate::rows;
use crate::store::Store;
use crate::texts::{Texts, TextsError};

/// What was read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verified {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows, over all layers.
    pub rows: u64,
}

/// The first damage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A blob holds what no writer writes.
    #[error("{}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What, and at which byte.
        source: Damaged,
    },
    /// The tables do not fit together.
    #[error("{}", path.display())]
    Texts {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: TextsError,
    },
    /// A file is missing, of another length, cannot be read, or has another digest and nothing
    /// else that is wrong with it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The layers hold another number of certificates than the manifest says.
    #[error("the manifest counts {expected} {what}, the layers hold {found}")]
    Counts {
        /// What was counted.
        what: &'static str,
        /// Of the manifest.
        expected: u64,
        /// Of the layers.
        found: u64,
    },
}

/// A blob being read from the front, hashed on the way.
struct Stream<'p> {
    path: PathBuf,
    reader: BufReader<File>,
    hasher: Hasher,
    progress: &'p mut dyn FnMut(u64),
}

/// What a layer was found to hold.
struct LayerContents {
    numbers: NumberIndex<Vec<u8>>,
    withdrawn: u64,
}

impl VerifyError {
    /// The damaged file, where one file is to blame.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Damaged { path, .. } | Self::Texts { path, .. } => Some(path),
            Self::File(
                FileError::Io { path, .. }
                | FileError::NotRegular { path }
                | FileError::Length { path, .. }
                | FileError::Digest { path, .. }
                | FileError::TooLong { path, .. },
            ) => Some(path),
            Self::Counts { .. } => None,
        }
    }

    /// At which byte of it; 0 when only the whole is known to be damaged, and where the file
    /// ends when it was cut short.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Damaged { source, .. } => source.offset,
            Self::File(FileError::Length {
                expected, found, ..
            }) => *expected.min(found),
            Self::Texts { .. } | Self::File(_) | Self::Counts { .. } => 0,
        }
    }
}

/// Reads a generation; `progress` is told how many bytes were read each time.
///
/// Memory: the numbers blob, one bit a row, and the texts. Cost: 1.3–2 µs a row.
///
/// # Errors
///
/// The first damage. Blobs are read in this order: texts, then numbers, rows and holders of each
/// layer.
pub fn generation(
    store: &Store,
    manifest: &Manifest,
    progress: &mut dyn FnMut(u64),
) -> Result<Verified, VerifyError> {
    let texts = read_texts(store, &manifest.texts, progress)?;
    let mut layers = Vec::with_capacity(manifest.layers.len());
    for layer in &manifest.layers {
        layers.push(read_layer(store, layer, &texts, progress)?);
    }
    check_counts(manifest, &layers)?;
    Ok(Verified {
        blobs: manifest.blobs().count() as u64,
        bytes: manifest.blobs().map(|blob| blob.bytes).sum(),
        rows: manifest.layers.iter().map(|layer| layer.certificates).sum(),
    })
}

fn read_texts(
    store: &Store,
    blob: &BlobRef,
    progress: &mut dyn FnMut(u64),
) -> Result<Texts, VerifyError> {
    let mut stream = Stream::open(store, blob, progress)?;
    let bytes = stream.rest()?;
    let path = stream.path.clone();
    let texts = Texts::parse(&bytes).map_err(|source| VerifyError::Texts { path, source })?;
    stream.finish(blob)?;
    Ok(texts)
}

fn read_layer(
    store: &Store,
    layer: &LayerRef,
    texts: &Texts,
    progress: &mut dyn FnMut(u64),
) -> Result<LayerContents, VerifyError> {
    let numbers_path = store.blob_path(&layer.numbers);
    let at_numbers = |source| VerifyError::Damaged {
        path: numbers_path.clone(),
        source,
    };
    let mut stream = Stream::open(store, &layer.numbers, progress)?;
    let numbers = stream.rest()?;
    let numbers = NumberIndex::open(numbers, layer.certificates).map_err(at_numbers)?;
    numbers.check_sum().map_err(at_numbers)?;
    stream.finish(&layer.numbers)?;

    let withdrawn = read_rows(store, layer, texts, &numbers, progress)?;
    read_holders(store, layer, progress)?;
    Ok(LayerContents { numbers, withdrawn })
}

/// Every number with its row; the withdrawn ones are counted.
fn read_rows(
    store: &Store,
    layer: &LayerRef,
    texts: &Texts,
    numbers: &NumberIndex<Vec<u8>>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, VerifyError> {
    let mut stream = Stream::open(store, &layer.rows, progress)?;
    let header: [u8; layout::ROWS_HEADER] = stream.take()?;
    let framed = rows::check_frame(&header, layer.rows.bytes, layer.certificates);
    framed.map_err(|source| stream.damaged(source))?;
    let mut withdrawn = 0;
    let mut last: Option<CertificateNumber> = None;
    for ordinal in ordinals(layer) {
        let number = numbers.there_and_back(ordinal, last.as_ref());
        let number = number.map_err(|source| VerifyError::Damaged {
            path: store.blob_path(&layer.numbers),
            source,
        })?;
        let bytes: [u8; layout::ROW] = stream.take()?;
        let status = check_row(texts, ordinal, &number, &bytes);
        let status = status.map_err(|source| stream.damaged(source))?;
        withdrawn += u64::from(status == Status::Withdrawn);
        last = Some(number);
    }
    stream.finish(&layer.rows)?;
    Ok(withdrawn)
}

fn check_row(
    texts: &Texts,
    ordinal: u32,
    number: &CertificateNumber,
    bytes: &[u8; layout::ROW],
) -> Result<Status, Damaged> {
    let damaged = |fault| Damaged::new(BlobKind::Rows, rows::offset(ordinal), fault);
    let packed = PackedRow(bytes);
    if !packed.is_intact(number) {
        return Err(damaged(Fault::Checksum));
    }
    let known = |row: &_| texts.explains(row) && texts.institution(&number.institution()).is_some();
    let row = packed.row().filter(known);
    row.map(|row| row.status).ok_or(damaged(Fault::Field))
}

/// Every entry in order, in its bucket, and leading to a row that no other leads to.
fn read_holders(
    store: &Store,
    layer: &LayerRef,
    progress: &mut dyn FnMut(u64),
) -> Result<(), VerifyError> {
    let mut stream = Stream::open(store, &layer.holders, progress)?;
    let header: [u8; layout::HOLDERS_HEADER] = stream.take()?;
    let frame = Frame::parse(&header, layer.holders.bytes, layer.certificates);
    let frame = frame.map_err(|source| stream.damaged(source))?;
    let mut buckets = Buckets::new(frame.buckets);
    let mut reached = vec![0_u64; usize::try_from(layer.certificates / 64 + 1).unwrap_or(0)];
    let mut last: Option<(HolderKey, u32)> = None;
    for index in ordinals(layer) {
        let entry: [u8; layout::HOLDER] = stream.take()?;
        let holder = holders::parse_entry(&entry);
        let checked = if last.is_some_and(|last| last >= holder) {
            Err(Fault::Order)
        } else {
            mark(&mut reached, layer.certificates, holder.1)
        };
        checked.map_err(|fault| {
            let offset = holders::entry_offset(u64::from(index));
            stream.damaged(Damaged::new(BlobKind::Holders, offset, fault))
        })?;
        buckets.close_below(holders::bucket_of(&entry, frame.buckets), index);
        buckets.add(&entry);
        last = Some(holder);
    }
    let directory = stream.rest()?;
    let checked = frame.check_directory(&directory, &buckets.finish(layer.certificates));
    checked.map_err(|source| stream.damaged(source))?;
    stream.finish(&layer.holders)?;
    Ok(())
}

/// Marks a row as reached by a holder: it must be there, and not be reached yet.
fn mark(reached: &mut [u64], rows: u64, ordinal: u32) -> Result<(), Fault> {
    if u64::from(ordinal) >= rows {
        return Err(Fault::Ordinal);
    }
    let bit = 1_u64 << (ordinal % 64);
    let word = &mut reached[(ordinal / 64) as usize];
    if *word & bit != 0 {
        return Err(Fault::Unreached);
    }
    *word |= bit;
    Ok(())
}

/// The counts that follow from the layers: withdrawn ones only where there is one layer, since a
/// fresh row may stand for a base row.
fn check_counts(manifest: &Manifest, layers: &[LayerContents]) -> Result<(), VerifyError> {
    let counts = |what, expected, found| {
        if expected == found {
            Ok(())
        } else {
            Err(VerifyError::Counts {
                what,
                expected,
                found,
            })
        }
    };
    let mut certificates = 0;
    if let [fresh, base] = layers {
        for ordinal in ordinals(&manifest.layers[0]) {
            let known = fresh
                .numbers
                .number(ordinal)
                .and_then(|number| base.numbers.ordinal(&number));
            certificates += u64::from(matches!(known, Ok(None)));
        }
    } else if let [base] = layers {
        counts("withdrawn", manifest.counts.withdrawn, base.withdrawn)?;
    }
    certificates += manifest.layers.last().map_or(0, |base| base.certificates);
    counts("certificates", manifest.counts.certificates, certificates)
}

fn ordinals(layer: &LayerRef) -> std::ops::Range<u32> {
    let end = u32::try_from(layer.certificates).expect("checked when the manifest was read");
    0..end
}

impl<'p> Stream<'p> {
    fn open(
        store: &Store,
        blob: &BlobRef,
        progress: &'p mut dyn FnMut(u64),
    ) -> Result<Self, FileError> {
        let (path, file) = store.open_blob(blob)?;
        Ok(Self {
            path,
            reader: BufReader::with_capacity(durable::BUFFER, file),
            hasher: Hasher::new(),
            progress,
        })
    }

    /// The next bytes.
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(FileError::io("read", &self.path))?;
        self.passed(&bytes);
        Ok(bytes)
    }

    /// All bytes that are left.
    fn rest(&mut self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        self.reader
            .read_to_end(&mut bytes)
            .map_err(FileError::io("read", &self.path))?;
        self.passed(&bytes);
        Ok(bytes)
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        (self.progress)(bytes.len() as u64);
    }

    /// Compares what was read with what should be there.
    fn finish(mut self, blob: &BlobRef) -> Result<(), FileError> {
        self.rest()?;
        durable::compare(&self.path, blob, self.hasher.finish())
    }

    fn damaged(&self, source: Damaged) -> VerifyError {
        VerifyError::Damaged {
            path: self.path.clone(),
            source,
        }
    }
}
