//! One generation, opened: verified, mapped, in memory. Plain data that any number of threads may
//! ask at once; it never changes.

mod rehearsal;

use std::hash::RandomState;
use std::sync::Arc;

use certificate::{InstitutionCode, KeyId, LookupKey};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::cache::{Cache, CacheError};
use crate::channel::{ChannelEntry, Publication};
use crate::damage::Damaged;
use crate::digest::BlobRef;
use crate::layer::Layer;
use crate::layout;
use crate::manifest::{LayerKind, LayerRef, Manifest};
use crate::store::Store;
use crate::texts::{Coverage, Institution, Texts, TextsError};

/// An opened generation.
pub struct Snapshot {
    publication: Publication,
    texts: Texts,
    /// Where the institution of a code stands in the texts.
    institutions: FxHashMap<InstitutionCode, usize>,
    /// As in the manifest: fresh before base, the last one is the base. A layer may belong to more
    /// than one snapshot.
    layers: Vec<Arc<Layer>>,
    /// Chooses the rows that numbers are compared with which are not there.
    pub(crate) stand_ins: RandomState,
}

/// Why a generation cannot be opened. The one that is served goes on being served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The channel went back, or a blob cannot be had.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A layer was made with a look-up key that was not given. Give it, or publish with one that
    /// was.
    #[error("the {} layer needs the look-up key {key_id}", layer.name())]
    UnknownKey {
        /// Which layer.
        layer: LayerKind,
        /// Which key.
        key_id: KeyId,
    },
    /// A blob has the right digest and the wrong geometry: a fault of the writer. Publish again.
    #[error("the {} layer is refused", layer.name())]
    Layer {
        /// Which layer.
        layer: LayerKind,
        /// What is wrong, and where.
        source: Damaged,
    },
    /// The tables behind the codes are refused.
    #[error(transparent)]
    Texts(#[from] TextsError),
    /// The texts are longer than any we write.
    #[error("texts of {found} bytes, at most {limit} are read")]
    TextsTooLong {
        /// [`layout::TEXTS_BYTES_MAX`].
        limit: u64,
        /// Of the manifest.
        found: u64,
    },
}

impl Snapshot {
    /// Opens what a publication names.
    ///
    /// In order: the channel must not have gone back; every blob is brought into the cache and
    /// checked against its digest; it is mapped and populated; geometry and tables are checked;
    /// and only then the cache remembers the publication. A failure leaves the cache as it was,
    /// but for blobs that are good in themselves.
    ///
    /// The store is asked only for blobs that the cache lacks, so it may be away.
    ///
    /// A layer that `live` has open (the same digests, counts and key) is shared with it and not
    /// read again: a generation of changes over a base costs what the changes are. What has
    /// rotted in memory is shared too, so whoever opens a generation because of that gives `None`.
    ///
    /// Cost: reads and hashes every byte that is not shared: about 1 s a gigabyte when everything
    /// is cached, 3–7 s when everything is new, mostly the disk's. To be
    /// called on a loader thread; a snapshot should also be dropped there, because unmapping
    /// takes 25–600 ms a gigabyte.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(
        cache: &Cache,
        store: &Store,
        publication: Publication,
        keys: &[LookupKey],
        live: Option<&Self>,
    ) -> Result<Self, OpenError> {
        cache.admit(&publication)?;
        let manifest = publication.manifest();
        let layer_keys = layer_keys(manifest, keys)?;
        let texts = open_texts(cache, store, manifest)?;
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for (layer, key) in manifest.layers.iter().zip(layer_keys) {
            let shared = live.and_then(|live| live.layer(layer)).cloned();
            layers.push(match shared {
                Some(shared) => shared,
                None => Arc::new(open_layer(cache, store, layer, key)?),
            });
        }
        cache.remember(&publication)?;
        Ok(Self::of(publication, texts, layers))
    }

    fn of(publication: Publication, texts: Texts, layers: Vec<Arc<Layer>>) -> Self {
        let codes = texts.institutions.iter().map(|it| it.code);
        Self {
            publication,
            institutions: codes.zip(0..).collect(),
            texts,
            layers,
            stand_ins: RandomState::new(),
        }
    }

    /// The channel entry that made it live.
    pub fn entry(&self) -> &ChannelEntry {
        self.publication.entry()
    }

    /// What it is made of.
    pub fn manifest(&self) -> &Manifest {
        self.publication.manifest()
    }

    /// The epoch of the channel entry.
    pub fn epoch(&self) -> u64 {
        self.entry().epoch
    }

    /// Its number.
    pub fn generation(&self) -> u64 {
        self.manifest().generation
    }

    /// Since when it is live.
    pub fn published_at(&self) -> Timestamp {
        self.entry().published_at
    }

    /// Certificates in it, withdrawn ones included.
    pub fn certificates(&self) -> u64 {
        self.manifest().counts.certificates
    }

    /// Bytes of its blobs, each counted once.
    pub fn bytes(&self) -> u64 {
        blob_bytes(self.manifest().blobs())
    }

    /// Bytes that opening a generation beside `live` copies and maps: what is not shared, each
    /// blob counted once.
    pub fn new_bytes(manifest: &Manifest, live: Option<&Self>) -> u64 {
        let is_new = |layer: &&LayerRef| live.and_then(|live| live.layer(layer)).is_none();
        let layers = manifest.layers.iter().filter(is_new);
        blob_bytes(layers.flat_map(LayerRef::blobs).chain([manifest.texts]))
    }

    /// The tables behind the codes of rows.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The institution of a code; `None` when neither the registry nor a row has it.
    pub fn institution(&self, code: &InstitutionCode) -> Option<&Institution> {
        let place = self.place_of_institution(code)?;
        Some(&self.texts.institutions[place])
    }

    /// Where the institution of a code stands in the texts' `institutions`. Cost: a hash, which
    /// every match takes twice, where a binary search guesses wrong half of its way.
    pub fn place_of_institution(&self, code: &InstitutionCode) -> Option<usize> {
        self.institutions.get(code).copied()
    }

    /// What the register holds of an institution; `None` when it has no certificate.
    pub fn coverage(&self, code: &InstitutionCode) -> Option<&Coverage> {
        self.texts.coverage(code)
    }

    /// Checks again what no single look-up can: that the numbers have not rotted in memory, which
    /// would make a miss of a certificate. (Rows and holders carry checksums that every look-up
    /// checks.) Cost: one pass over the numbers, about 1 ns a byte.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: open the generation again.
    pub fn scrub(&self) -> Result<(), Damaged> {
        self.layers
            .iter()
            .try_for_each(|layer| layer.numbers.check_sum().and(layer.serials.check_sum()))
    }

    /// Fresh before base.
    pub(crate) fn layers(&self) -> impl DoubleEndedIterator<Item = &Layer> {
        self.layers.iter().map(Arc::as_ref)
    }

    /// The layer of these three blobs, if it is one of ours. The id of its key is part of the
    /// reference, so the key is the same too.
    fn layer(&self, wanted: &LayerRef) -> Option<&Arc<Layer>> {
        let mut ours = self.manifest().layers.iter().zip(&self.layers);
        ours.find_map(|(layer, opened)| (layer == wanted).then_some(opened))
    }
}

/// Bytes of blobs, each counted once.
fn blob_bytes(blobs: impl Iterator<Item = BlobRef>) -> u64 {
    let mut blobs: Vec<_> = blobs.collect();
    blobs.sort_unstable_by_key(|blob| blob.sha256);
    blobs.dedup();
    blobs.iter().map(|blob| blob.bytes).sum()
}

fn layer_keys(manifest: &Manifest, keys: &[LookupKey]) -> Result<Vec<LookupKey>, OpenError> {
    let key_of = |layer: &LayerRef| {
        let key = keys.iter().find(|key| key.id() == layer.key_id);
        key.cloned().ok_or(OpenError::UnknownKey {
            layer: layer.kind,
            key_id: layer.key_id,
        })
    };
    manifest.layers.iter().map(key_of).collect()
}

fn open_layer(
    cache: &Cache,
    store: &Store,
    layer: &LayerRef,
    key: LookupKey,
) -> Result<Layer, OpenError> {
    let maps = [
        cache.blob(store, &layer.numbers)?,
        cache.blob(store, &layer.holders)?,
        cache.blob(store, &layer.rows)?,
    ];
    Layer::open(layer, maps, key).map_err(|source| OpenError::Layer {
        layer: layer.kind,
        source,
    })
}

fn open_texts(cache: &Cache, store: &Store, manifest: &Manifest) -> Result<Texts, OpenError> {
    if manifest.texts.bytes > layout::TEXTS_BYTES_MAX {
        return Err(OpenError::TextsTooLong {
            limit: layout::TEXTS_BYTES_MAX,
            found: manifest.texts.bytes,
        });
    }
    let map = cache.blob(store, &manifest.texts)?;
    Ok(Texts::parse(&map)?)
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Snapshot(epoch {}, generation {})",
            self.epoch(),
            self.generation()
        )
    }
}
