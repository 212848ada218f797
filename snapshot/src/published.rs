//! A layer of the store as the builder reads it: where it lies, without a copy, to make the next
//! layer from it.
//!
//! A reader never does this: it copies first ([`crate::cache`]). The builder may, because it holds
//! the lock of the store it publishes into, and would otherwise copy gigabytes to add a few rows.

use certificate::{CertificateNumber, HolderKey, LookupKey};

use crate::bytes::Map;
use crate::damage::{BlobKind, Damaged, Fault};
use crate::durable::{self, FileError};
use crate::layer::Layer;
use crate::manifest::{LayerKind, LayerRef};
use crate::row::Row;
use crate::rows;
use crate::store::{PublishLock, Store};

/// A layer that was published, opened in its place.
pub struct PublishedLayer {
    layer: Layer,
    kind: LayerKind,
}

/// How much of a blob is read before it is believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Every byte, against its digest. For what is read as a whole.
    Digests,
    /// The geometry. For a few look-ups in a layer that this store has served before: each row
    /// carries a checksum that covers its number, so what has rotted is damage and never
    /// another certificate's row.
    Checksums,
}

/// Why a published layer cannot be used. Build a new base from the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishedError {
    /// A blob is missing, cut short, or has another digest.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds what no writer writes.
    #[error("the {} layer is damaged", layer.name())]
    Damaged {
        /// Which layer.
        layer: LayerKind,
        /// What, and where.
        source: Damaged,
    },
}

impl PublishedLayer {
    /// Opens the three blobs of a layer. `key` is the one it was made with.
    /// Cost: some page faults; with [`Trust::Digests`] about 1 s a gigabyte.
    ///
    /// # Errors
    ///
    /// [`PublishedError`].
    pub fn open(
        store: &Store,
        lock: &PublishLock,
        of: &LayerRef,
        key: LookupKey,
        trust: Trust,
    ) -> Result<Self, PublishedError> {
        let map = |blob| -> Result<Map, FileError> {
            if trust == Trust::Digests {
                let (path, mut file) = store.open_blob(blob)?;
                durable::copy_checked(&mut file, &path, blob, &mut std::io::sink())?;
            }
            Map::in_place(store, lock, blob)
        };
        let maps = [map(&of.numbers)?, map(&of.holders)?, map(&of.rows)?];
        let damaged = |source| PublishedError::Damaged {
            layer: of.kind,
            source,
        };
        let layer = Layer::open(of, maps, key).map_err(damaged)?;
        layer.numbers.check_sum().map_err(damaged)?;
        Ok(Self {
            layer,
            kind: of.kind,
        })
    }

    /// Its certificates.
    pub fn certificates(&self) -> u64 {
        self.layer.certificates
    }

    /// The row of a number. Cost: about a microsecond.
    ///
    /// # Errors
    ///
    /// [`PublishedError::Damaged`], never a miss of a row whose checksum fails.
    pub fn row(&self, number: &CertificateNumber) -> Result<Option<Row>, PublishedError> {
        let ordinal = self.layer.numbers.ordinal(number);
        match ordinal.map_err(|source| self.damaged(source))? {
            Some(ordinal) => self.row_at(ordinal, number).map(Some),
            None => Ok(None),
        }
    }

    /// The number of an ordinal.
    ///
    /// # Errors
    ///
    /// [`PublishedError::Damaged`].
    pub fn number(&self, ordinal: u32) -> Result<CertificateNumber, PublishedError> {
        let number = self.layer.numbers.number(ordinal);
        number.map_err(|source| self.damaged(source))
    }

    /// Every number with its row, in the order of the numbers, so that positions are ordinals.
    /// Only of a layer opened with [`Trust::Digests`]. Cost: about 0.2 µs each.
    pub fn rows(
        &self,
    ) -> impl Iterator<Item = Result<(CertificateNumber, Row), PublishedError>> + '_ {
        let numbers = self.layer.numbers.in_order();
        numbers.zip(0..).map(|(number, ordinal)| {
            let number = number.map_err(|source| self.damaged(source))?;
            Ok((number, self.row_at(ordinal, &number)?))
        })
    }

    /// Every holder key with its ordinal, in the order of the keys.
    pub fn holders(&self) -> impl Iterator<Item = (HolderKey, u32)> + '_ {
        self.layer.holders.in_order()
    }

    fn row_at(&self, ordinal: u32, number: &CertificateNumber) -> Result<Row, PublishedError> {
        let damaged =
            |fault| self.damaged(Damaged::new(BlobKind::Rows, rows::offset(ordinal), fault));
        let packed = self.layer.rows.row(ordinal);
        let packed = packed.ok_or_else(|| damaged(Fault::Ordinal))?;
        if !packed.is_intact(number) {
            return Err(damaged(Fault::Checksum));
        }
        packed.row().ok_or_else(|| damaged(Fault::Field))
    }

    fn damaged(&self, source: Damaged) -> PublishedError {
        PublishedError::Damaged {
            layer: self.kind,
            source,
        }
    }
}
