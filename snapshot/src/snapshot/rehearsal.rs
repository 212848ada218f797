//! Opening a generation before it is published, with the code that a server will use.

use std::sync::Arc;

use super::{OpenError, Snapshot, layer_keys};
use crate::bytes::Map;
use crate::cache::CacheError;
use crate::channel::Publication;
use crate::digest::BlobRef;
use crate::durable::{self, FileError};
use crate::layer::Layer;
use crate::layout;
use crate::store::{PublishLock, Store};
use crate::texts::Texts;
use certificate::LookupKey;

impl Snapshot {
    /// Opens a publication where its blobs lie, for the builder to ask it before anybody else
    /// can. Nothing is copied and nothing is remembered.
    ///
    /// Blobs in `served` belong to the live generation, of which every reader has checked each
    /// byte; all others are read and checked against their digests. Cost: a second a gigabyte of
    /// those others.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: this publication must not go live.
    pub fn rehearse(
        store: &Store,
        lock: &PublishLock,
        publication: Publication,
        keys: &[LookupKey],
        served: &[BlobRef],
    ) -> Result<Self, OpenError> {
        let manifest = publication.manifest();
        let keys = layer_keys(manifest, keys)?;
        let map = |blob: &BlobRef| -> Result<Map, CacheError> {
            if !served.contains(blob) {
                check(store, blob)?;
            }
            Ok(Map::in_place(store, lock, blob)?)
        };
        if manifest.texts.bytes > layout::TEXTS_BYTES_MAX {
            return Err(OpenError::TextsTooLong {
                limit: layout::TEXTS_BYTES_MAX,
                found: manifest.texts.bytes,
            });
        }
        let texts = Texts::parse(&map(&manifest.texts)?)?;
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for (layer, key) in manifest.layers.iter().zip(keys) {
            let maps = [
                map(&layer.numbers)?,
                map(&layer.holders)?,
                map(&layer.rows)?,
            ];
            let opened = Layer::open(layer, maps, key).map_err(|source| OpenError::Layer {
                layer: layer.kind,
                source,
            })?;
            layers.push(Arc::new(opened));
        }
        Ok(Self::of(publication, texts, layers))
    }
}

fn check(store: &Store, blob: &BlobRef) -> Result<(), FileError> {
    let (path, mut file) = store.open_blob(blob)?;
    durable::copy_checked(&mut file, &path, blob, &mut std::io::sink())
}
