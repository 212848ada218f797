//! A layer: three blobs that belong together, opened as one.

use certificate::LookupKey;

use crate::bytes::Map;
use crate::damage::Damaged;
use crate::durable::FileError;
use crate::holders::HolderTable;
use crate::layout;
use crate::manifest::LayerRef;
use crate::numbers::NumberIndex;
use crate::row::RowError;
use crate::rows::RowTable;
use crate::serials::Serials;
use crate::store::StoreError;

/// An opened layer, with the key that its tags and holder keys were made with.
pub(crate) struct Layer {
    pub(crate) key: LookupKey,
    pub(crate) certificates: u64,
    pub(crate) numbers: NumberIndex<Map>,
    pub(crate) serials: Serials,
    pub(crate) holders: HolderTable<Map>,
    pub(crate) rows: RowTable<Map>,
}

/// Why a layer could not be written. Positions count pushed rows or entries from 0; no text names
/// a certificate or a holder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input is not sorted, or has the same key twice. Sort it, or find the duplicate.
    #[error("row {position} is not above the row before it")]
    Order {
        /// Which row.
        position: u64,
    },
    /// A value does not fit its field.
    #[error("row {position} cannot be packed")]
    Row {
        /// Which row.
        position: u64,
        /// Which value.
        source: RowError,
    },
    /// Ordinals have 32 bits.
    #[error("more than {limit} rows in a layer")]
    TooMany {
        /// [`layout::LAYER_ROWS_MAX`].
        limit: u64,
    },
    /// Another number of entries than announced.
    #[error("{found} entries, {expected} were announced")]
    Count {
        /// Announced.
        expected: u64,
        /// Pushed.
        found: u64,
    },
}

impl From<FileError> for WriteError {
    fn from(error: FileError) -> Self {
        Self::Store(StoreError::File(error))
    }
}

impl Layer {
    /// Opens mapped blobs. After this, geometry can be trusted: counts agree with the manifest
    /// and with the lengths, and the directory lies within the entries.
    pub(crate) fn open(
        layer: &LayerRef,
        [numbers, holders, rows]: [Map; 3],
        key: LookupKey,
    ) -> Result<Self, Damaged> {
        let certificates = layer.certificates;
        debug_assert!(
            certificates <= layout::LAYER_ROWS_MAX,
            "checked with the manifest"
        );
        let numbers = NumberIndex::open(numbers, certificates)?;
        Ok(Self {
            key,
            certificates,
            serials: Serials::of(&numbers)?,
            numbers,
            holders: HolderTable::open(holders, certificates)?,
            rows: RowTable::open(rows, certificates)?,
        })
    }

    /// Gives back the memory of rows and holders, which are nearly all of it.
    pub(crate) fn release(&self) {
        self.holders.bytes().release();
        self.rows.bytes().release();
    }
}
