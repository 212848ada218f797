//! Opening a generation before it is published, with the code that a server will use.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

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
    /// byte; all others are read and checked against their digests, each on a thread of its own.
    /// Cost: a second a gigabyte of the largest of those others.
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
        if manifest.texts.bytes > layout::TEXTS_BYTES_MAX {
            return Err(OpenError::TextsTooLong {
                limit: layout::TEXTS_BYTES_MAX,
                found: manifest.texts.bytes,
            });
        }
        let unread = manifest.blobs().filter(|blob| !served.contains(blob));
        check_all(store, unread).map_err(CacheError::from)?;
        let map = |blob: &BlobRef| Map::in_place(store, lock, blob).map_err(CacheError::from);
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

    /// Gives back the memory of the rows and holders that were asked about so far: each question
    /// brings in some pages around the answer, and ten thousand of them most of a register. For the
    /// builder's trial: a server that did this would wait for its pages again.
    pub fn release(&self) {
        for layer in &self.layers {
            layer.release();
        }
    }
}

/// Reads blobs and compares them with their digests, all at the same time.
fn check_all(store: &Store, blobs: impl Iterator<Item = BlobRef>) -> Result<(), FileError> {
    thread::scope(|scope| {
        let start = |blob: BlobRef| {
            let check = move || check(store, &blob);
            let started = thread::Builder::new().spawn_scoped(scope, check);
            started.map_err(FileError::io("start a thread for", &store.blob_path(&blob)))
        };
        let checks: Vec<_> = blobs.map(start).collect();
        checks
            .into_iter()
            .try_for_each(|check| check?.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn check(store: &Store, blob: &BlobRef) -> Result<(), FileError> {
    let (path, mut file) = store.open_blob(blob)?;
    durable::copy_checked(&mut file, &path, blob, &mut std::io::sink())
}
