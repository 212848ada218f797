//! Why a generation is not taken, in words that say what to do.

use snapshot::{CacheError, Damaged, OpenError, StoreError};

/// Why a look at the channel failed. What was live before goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The store is there and has nothing on this channel.
    #[error("the channel has no entry yet; publish a generation")]
    NothingPublished,
    /// The store was restored from an old copy, or is another one.
    #[error(
        "the channel went back to epoch {newest} after epoch {taken} was served; a restored store \
         must begin above that one; only to go back on purpose, remove the cache directory of the \
         stopped server"
    )]
    WentBack {
        /// The newest epoch listed.
        newest: u64,
        /// The live one.
        taken: u64,
    },
    /// The entry was there a moment ago.
    #[error("epoch {epoch} is not in the channel")]
    Absent {
        /// Which one.
        epoch: u64,
    },
    /// The store is away, or a document in it is refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the cache remembers is refused.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The documents are good and what they name is not.
    #[error("epoch {epoch}, generation {generation} is refused")]
    Open {
        /// Of the channel entry.
        epoch: u64,
        /// Which the entry names.
        generation: u64,
        /// What is wrong.
        source: OpenError,
    },
    /// Beside the live generation there is no room for another one.
    #[error(
        "epoch {epoch}, generation {generation} needs {} MiB of memory and {} MiB can be had; give \
         the machine or the service's memory limit the difference",
        needed.div_ceil(1 << 20),
        available >> 20
    )]
    Memory {
        /// Of the channel entry.
        epoch: u64,
        /// Which the entry names.
        generation: u64,
        /// Bytes to copy and map, and what must be left.
        needed: u64,
        /// Bytes that can be had.
        available: u64,
    },
    /// The mapped numbers are no longer what was verified; they were opened again.
    #[error("epoch {epoch} has rotted in memory and was opened again")]
    Rotten {
        /// The live one.
        epoch: u64,
        /// Where.
        source: Damaged,
    },
}
