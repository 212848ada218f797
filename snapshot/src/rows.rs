//! The rows blob: a header, then packed rows in number order, and the writer that makes it
//! together with the numbers blob in one pass.
//!
//! What a row means is [`crate::row`]'s; here a row is 43 bytes at an ordinal.

use std::io::Write;
use std::path::{Path, PathBuf};

use certificate::CertificateNumber;
use fst::raw::Builder;

use crate::bytes;
use crate::damage::{self, BlobKind, Damaged, Fault};
use crate::digest::BlobRef;
use crate::durable::FileError;
use crate::layer::WriteError;
use crate::layout;
use crate::row::{PackedRow, Row};
use crate::store::{StagedBlob, Store};

/// Writes the numbers and rows of a layer from rows in number order.
///
/// Memory: bounded, about 10 MB, whatever the count. Cost: about 0.5 µs a row.
pub struct NumbersAndRows<'s> {
    numbers: Builder<StagedBlob<'s>>,
    /// For the message when the disk refuses, which `fst` does not know.
    numbers_path: PathBuf,
    rows: StagedBlob<'s>,
    last: Option<CertificateNumber>,
    count: u64,
}

/// An opened rows blob.
pub(crate) struct RowTable<D> {
    bytes: D,
}

impl<'s> NumbersAndRows<'s> {
    /// Begins both blobs.
    ///
    /// # Errors
    ///
    /// [`WriteError::Store`].
    pub fn new(store: &'s Store) -> Result<Self, WriteError> {
        let numbers = store.stage()?;
        let mut rows = store.stage()?;
        let written = rows.write_all(&header());
        rows.written(written)?;
        let numbers_path = numbers.path().to_owned();
        let numbers = Builder::new_type(numbers, layout::NUMBERS_TYPE);
        Ok(Self {
            numbers: numbers.map_err(|error| write_error(error, &numbers_path, 0))?,
            numbers_path,
            rows,
            last: None,
            count: 0,
        })
    }

    /// Adds the next certificate.
    ///
    /// # Errors
    ///
    /// [`WriteError::Order`] when the number is not above the last one, [`WriteError::Row`] when
    /// a value does not fit, [`WriteError::Store`] when the disk refuses.
    pub fn push(&mut self, number: &CertificateNumber, row: &Row) -> Result<(), WriteError> {
        let position = self.count;
        if self.last.is_some_and(|last| last >= *number) {
            return Err(WriteError::Order { position });
        }
        if position >= layout::LAYER_ROWS_MAX {
            return Err(WriteError::TooMany {
                limit: layout::LAYER_ROWS_MAX,
            });
        }
        let packed = row
            .pack(number)
            .map_err(|source| WriteError::Row { position, source })?;
        self.numbers
            .insert(number.as_bytes(), position)
            .map_err(|error| write_error(error, &self.numbers_path, position))?;
        let written = self.rows.write_all(&packed);
        self.rows.written(written)?;
        self.last = Some(*number);
        self.count += 1;
        Ok(())
    }

    /// Commits both blobs: numbers, rows, and how many certificates they hold.
    ///
    /// # Errors
    ///
    /// [`WriteError::Store`].
    pub fn finish(self) -> Result<(BlobRef, BlobRef, u64), WriteError> {
        let numbers = self
            .numbers
            .into_inner()
            .map_err(|error| write_error(error, &self.numbers_path, self.count))?;
        Ok((numbers.commit()?, self.rows.commit()?, self.count))
    }
}

impl<D: AsRef<[u8]>> RowTable<D> {
    /// Opens a blob of `count` rows. Checks header and length; each row has its own checksum.
    pub(crate) fn open(bytes: D, count: u64) -> Result<Self, Damaged> {
        check_frame(bytes.as_ref(), bytes.as_ref().len() as u64, count)?;
        Ok(Self { bytes })
    }

    /// What it lies in.
    pub(crate) fn bytes(&self) -> &D {
        &self.bytes
    }

    /// The row at an ordinal, if there is one. Cost: one page touch; no allocation.
    pub(crate) fn row(&self, ordinal: u32) -> Option<PackedRow<'_>> {
        let begin = usize::try_from(offset(ordinal)).ok()?;
        let bytes = self.bytes.as_ref().get(begin..begin + layout::ROW)?;
        bytes.try_into().ok().map(PackedRow)
    }

    /// Asks memory for the row at an ordinal, if there is one, for who will read it soon.
    pub(crate) fn prefetch(&self, ordinal: u32) {
        if let Some(PackedRow(row)) = self.row(ordinal) {
            bytes::prefetch(row);
        }
    }
}

/// Where the row of an ordinal begins.
pub(crate) fn offset(ordinal: u32) -> u64 {
    layout::ROWS_HEADER as u64 + u64::from(ordinal) * layout::ROW as u64
}

/// Checks the header (the first bytes of the blob) and the length of a blob of `count` rows.
pub(crate) fn check_frame(begin: &[u8], length: u64, count: u64) -> Result<(), Damaged> {
    let damaged = |offset, fault| Err(Damaged::new(BlobKind::Rows, offset, fault));
    // Before its length, which follows from the version.
    if let Some((at, fault)) = damage::unlike(begin, &header()) {
        return damaged(at, fault);
    }
    let expected = layout::ROWS_HEADER as u64 + count * layout::ROW as u64;
    if length == expected {
        return Ok(());
    }
    let found = length;
    damaged(0, Fault::Length { expected, found })
}

/// The header of every rows blob of this version.
fn header() -> [u8; layout::ROWS_HEADER] {
    let mut header = [0; layout::ROWS_HEADER];
    header[..8].copy_from_slice(&layout::ROWS_MAGIC);
    header[8..10].copy_from_slice(&layout::ROWS_VERSION.to_le_bytes());
    let width = u16::try_from(layout::ROW).expect("a row is 43 bytes wide");
    header[10..12].copy_from_slice(&width.to_le_bytes());
    header
}

/// An error of the `fst` builder: the disk's, or an order that `push` should have refused.
fn write_error(error: fst::Error, path: &Path, position: u64) -> WriteError {
    match error {
        fst::Error::Io(source) => WriteError::from(FileError::io("write", path)(source)),
        fst::Error::Fst(_) => WriteError::Order { position },
    }
}

#[cfg(test)]
mod tests;
