//! The manifest: what one generation is made of.
//!
//! It names every blob by digest and length, so its own digest, which stands in the channel
//! entry, fixes every byte of the generation.

use std::fmt;

use certificate::KeyId;
use certificate::key::MacAlgorithm;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{BlobRef, Digest};
use crate::signed::{Document, DocumentError};
use crate::{hex, json, layout};

/// What a generation is made of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Manifest {
    /// [`layout::FORMAT`].
    pub format: u32,
    /// Number of the generation, also in the file name.
    pub generation: u64,
    /// The run of `publish` that made it.
    pub publish_id: PublishId,
    /// When that was.
    pub created_at: Timestamp,
    /// [`certificate::NORMALISATION_VERSION`] of the builder: a reader with another one would
    /// form other keys from the same text, so it refuses.
    pub normalisation: u32,
    /// One layer, or two: the fresh one first, then the base. The order is that of a look-up.
    pub layers: Vec<LayerRef>,
    /// The tables behind the codes.
    pub texts: BlobRef,
    /// What the register holds.
    pub counts: Counts,
    /// Up to where the ledger is in it.
    pub ledger: LedgerHead,
    /// Digest over the registry that the texts were made from.
    pub registry: Digest,
    /// Where the base layer comes from, when an earlier generation wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Origin>,
    /// Which generations it was put together from, when `point` did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointed: Option<Pointed>,
}

/// The generation that wrote a base layer which later ones go on using.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Origin {
    /// Its number.
    pub generation: u64,
    /// When it was made: a base that has grown old is made anew.
    pub created_at: Timestamp,
}

/// What `point` put together: the certificates of one generation as another one knows their state.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pointed {
    /// The generation whose certificates these are, with what their rows say.
    pub rows_of: u64,
    /// The newest generation that followed the ledger; status, its date and its reason are taken
    /// from there, so that no withdrawn certificate becomes valid again.
    pub states_of: u64,
}

/// The three blobs of a layer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LayerRef {
    /// Base or fresh.
    pub kind: LayerKind,
    /// The look-up key its tags and holder keys were made with.
    #[serde(with = "json::key_id")]
    pub key_id: KeyId,
    /// The algorithm of that key.
    #[serde(with = "json::algorithm")]
    pub algorithm: MacAlgorithm,
    /// Rows, and as many numbers and holder entries.
    pub certificates: u64,
    /// See [`crate::numbers`].
    pub numbers: BlobRef,
    /// See [`crate::holders`].
    pub holders: BlobRef,
    /// See [`crate::rows`].
    pub rows: BlobRef,
}

/// Which part of the register a layer holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// Every certificate up to some head of the ledger.
    Base,
    /// The newest row of every certificate touched since.
    Fresh,
}

/// What the register holds, over both layers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Certificates, withdrawn ones included.
    pub certificates: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
    /// Institutions that have a certificate.
    pub institutions: u64,
}

/// A place in the ledger, which is a chain of files.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LedgerHead {
    /// Digest of the newest file; over nothing when the ledger is empty.
    pub head: Digest,
    /// Files.
    pub batches: u64,
    /// Changes in them, and so the newest sequence.
    pub rows: u64,
}

/// Which run of `publish` wrote a file: 32 hex digits, random. It tells a lost reply ("the file
/// exists, and it is mine") from a lost race.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct PublishId([u8; 16]);

impl PublishId {
    /// A fresh one.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    pub fn random() -> Self {
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).expect("the system provides randomness");
        Self(id)
    }
}

impl Manifest {
    /// Every blob of the generation: numbers, holders and rows of each layer, then the texts.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> {
        let layers = self.layers.iter().flat_map(LayerRef::blobs);
        layers.chain([self.texts])
    }

    /// Refuses a manifest that lies under another generation's name.
    pub(crate) fn expect_generation(&self, expected: u64) -> Result<(), DocumentError> {
        let found = self.generation;
        if found == expected {
            Ok(())
        } else {
            Err(DocumentError::Generation { expected, found })
        }
    }
}

impl Document for Manifest {
    const LABEL: &'static str = "certq manifest 1\n";

    fn check(&self) -> Result<(), DocumentError> {
        if self.normalisation != certificate::NORMALISATION_VERSION {
            return Err(DocumentError::Normalisation {
                expected: certificate::NORMALISATION_VERSION,
                found: self.normalisation,
            });
        }
        let kinds: Vec<LayerKind> = self.layers.iter().map(|layer| layer.kind).collect();
        if kinds != [LayerKind::Base] && kinds != [LayerKind::Fresh, LayerKind::Base] {
            return Err(DocumentError::Layers { found: kinds.len() });
        }
        let rows = self.layers.iter().map(|layer| layer.certificates);
        let most = rows.clone().max().unwrap_or(0);
        let all = rows.fold(0, u64::saturating_add);
        let counts = &self.counts;
        // Fresh rows are new or stand for a base row; no base row disappears.
        let fits = (most..=all).contains(&counts.certificates)
            && counts.withdrawn <= counts.certificates
            && most <= layout::LAYER_ROWS_MAX;
        if fits {
            Ok(())
        } else {
            Err(DocumentError::Counts {
                certificates: counts.certificates,
                rows: all,
            })
        }
    }
}

impl LayerRef {
    /// Numbers, holders and rows.
    pub(crate) fn blobs(&self) -> [BlobRef; 3] {
        [self.numbers, self.holders, self.rows]
    }
}

impl LayerKind {
    /// The word in documents and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Fresh => "fresh",
        }
    }
}

impl fmt::Display for PublishId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublishId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishId({self})")
    }
}

impl Serialize for PublishId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublishId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = hex::decode(&text).map(Self);
        id.ok_or_else(|| D::Error::custom("not 32 lower-case hex digits"))
    }
}
