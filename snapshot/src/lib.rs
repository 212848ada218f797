//! The bytes of a published register: how they are written, kept, checked and asked.
//!
//! Writer and reader are different programs that meet only at files; both sides of every format
//! stand here, next to each other, and `docs/format.md` describes the bytes. Nothing here reads a
//! clock, listens on a socket or knows a batch file.
//!
//! Reading order. The bytes: [`layout`] says where everything lies and how wide it is, [`bytes`]
//! maps a file, [`digest`] names contents, [`row`] packs one certificate. A layer is three blobs:
//! [`numbers`], [`rows`] and [`holders`]; [`layer`] opens them together, [`serials`] finds numbers, and [`texts`] is what
//! their codes stand for. Documents: [`manifest`] and [`channel`] say what is published,
//! [`signed`] by whom, [`keyfile`] where the keys come from. Places: [`store`] is where the
//! builder publishes, [`cache`] where a reader keeps its private copy. Use: [`Snapshot`] is one
//! generation opened, [`find`] asks it, [`verify`] reads every byte of it.

#![deny(unsafe_code)]

pub mod bytes;
pub mod cache;
pub mod channel;
mod damage;
pub mod digest;
mod durable;
pub mod find;
mod hex;
mod holders;
mod json;
pub mod keyfile;
mod layer;
pub mod layout;
pub mod manifest;
mod numbers;
mod published;
pub mod row;
mod rows;
mod serials;
pub mod signed;
mod snapshot;
pub mod store;
pub mod texts;
pub mod verify;

pub use cache::{Cache, CacheError};
pub use channel::{Channel, ChannelEntry, Publication};
pub use damage::{BlobKind, Damaged, Fault};
pub use digest::{BlobRef, Digest};
pub use durable::{FileError, Outcome};
pub use find::{Found, LookUp, LookUps, Question, look_up, look_up_all};
pub use holders::Holders;
pub use layer::WriteError;
pub use manifest::{Counts, LayerKind, LayerRef, LedgerHead, Manifest, Origin, Pointed, PublishId};
pub use published::{PublishedError, PublishedLayer, Trust};
pub use row::{Row, RowError, Status};
pub use rows::NumbersAndRows;
pub use signed::{DocumentError, Publisher, PublisherKey, PublisherKeys, Signed};
pub use snapshot::{OpenError, Snapshot};
pub use store::{Garbage, Leftovers, PublishLock, StagedBlob, Store, StoreError, Waste};
pub use texts::{
    Affiliation, Centre, Coverage, Institution, Occupation, StatisticsGroup, Texts, TextsError,
};
