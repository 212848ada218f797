//! What no reader and no writer needs any more: marked from what is retained, then swept.
//!
//! Retained is a generation that is live or was live before on some channel, the newest ones that
//! were published, and what those name. Everything else that lies under a name of ours goes:
//! manifests first, so that a kill between leaves blobs that nobody names and never a manifest
//! without its blobs. Channel entries stay for ever. Whatever cannot be read ends it: a guess could
//! remove what somebody needs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::{PublishLock, Store, StoreError};
use crate::channel::ChannelEntry;
use crate::digest::Digest;
use crate::durable::{self, FileError};
use crate::layout;
use crate::manifest::Manifest;
use crate::signed::{self, DocumentError};

/// What may go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Garbage {
    /// The generations that stay, ascending.
    pub retained: Vec<u64>,
    /// The generations whose manifests go, descending: what was made later may name what was made
    /// before it, never the other way round.
    pub generations: Vec<u64>,
    /// Blobs that no retained manifest names, by path.
    pub blobs: Vec<Waste>,
    /// What killed writers left, by path.
    pub staged: Vec<Waste>,
    /// What all of it takes on the disk.
    pub bytes: u64,
}

/// A file that may go.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Waste {
    /// Where it is, below the store.
    pub path: PathBuf,
    /// Its length; 0 for a folder.
    pub bytes: u64,
}

/// Every document of a store.
struct Documents {
    manifests: BTreeMap<u64, (Digest, Manifest)>,
    /// The entries of each channel, by epoch.
    channels: Vec<Vec<ChannelEntry>>,
}

impl Store {
    /// Marks what may go. `keep` is how many of the published generations stay at least. Nothing is
    /// changed; the lock shows that what lies in `staging/` and in no manifest is nobody's work.
    ///
    /// Cost: reads every document, and lists every blob.
    ///
    /// # Errors
    ///
    /// [`StoreError::Document`] for a document that cannot be read or does not fit to what names
    /// it, [`StoreError::Needed`] for one that is missing. Nothing may be removed then.
    pub fn garbage(&self, keep: usize, _lock: &PublishLock) -> Result<Garbage, StoreError> {
        let documents = Documents::read(self)?;
        let retained = documents.retained(self, keep)?;
        let all = documents.manifests.iter().rev();
        let unneeded = all.filter(|(generation, _)| !retained.contains(generation));
        let generations: Vec<u64> = unneeded.map(|(generation, _)| *generation).collect();
        let named: HashSet<Digest> = retained
            .iter()
            .flat_map(|generation| documents.manifests[generation].1.blobs())
            .map(|blob| blob.sha256)
            .collect();
        let mut garbage = Garbage {
            retained: retained.into_iter().collect(),
            blobs: self.blobs_beside(&named)?,
            staged: self.wastes(self.list(layout::staging())?)?,
            ..Garbage::default()
        };
        for generation in &generations {
            garbage.bytes += self.waste(&layout::manifest(*generation))?.bytes;
        }
        garbage.generations = generations;
        let files = garbage.blobs.iter().chain(&garbage.staged);
        garbage.bytes += files.map(|file| file.bytes).sum::<u64>();
        Ok(garbage)
    }

    /// Removes what was marked under the same lock: manifests, durably, then blobs, then what was
    /// staged.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`]; what is left then is marked again the next time.
    pub fn sweep(&self, garbage: &Garbage, lock: &PublishLock) -> Result<(), StoreError> {
        for generation in &garbage.generations {
            self.remove(&layout::manifest(*generation))?;
        }
        if !garbage.generations.is_empty() {
            durable::sync_folder_of(&self.root.join(layout::manifest(0)))?;
        }
        for blob in &garbage.blobs {
            self.remove(&blob.path)?;
        }
        self.clear_staging(lock)?;
        Ok(())
    }

    /// Blobs under a name of ours that is not among these. Other files are passed over.
    fn blobs_beside(&self, named: &HashSet<Digest>) -> Result<Vec<Waste>, StoreError> {
        let mut paths = Vec::new();
        for folder in self.list(layout::blobs())? {
            if !folder.is_dir() || folder.is_symlink() {
                continue;
            }
            let ours = |path: &PathBuf| {
                let digest = path.file_name()?.to_str().and_then(Digest::parse)?;
                (self.root.join(layout::blob(&digest)) == *path).then_some(digest)
            };
            let files = durable::list(&folder)?.unwrap_or_default();
            let unnamed = |path: &PathBuf| ours(path).is_some_and(|blob| !named.contains(&blob));
            paths.extend(files.into_iter().filter(unnamed));
        }
        self.wastes(paths)
    }

    fn wastes(&self, paths: Vec<PathBuf>) -> Result<Vec<Waste>, StoreError> {
        let below = |path: &PathBuf| path.strip_prefix(&self.root).unwrap_or(path).to_owned();
        let wastes = paths.iter().map(|path| self.waste(&below(path)));
        let mut wastes: Vec<Waste> = wastes.collect::<Result<_, _>>()?;
        wastes.sort_unstable();
        Ok(wastes)
    }

    fn waste(&self, path: &Path) -> Result<Waste, StoreError> {
        let whole = self.root.join(path);
        let metadata = whole
            .symlink_metadata()
            .map_err(FileError::io("read", &whole))?;
        Ok(Waste {
            path: path.to_owned(),
            bytes: if metadata.is_dir() { 0 } else { metadata.len() },
        })
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        let path = self.root.join(path);
        std::fs::remove_file(&path).map_err(FileError::io("remove", &path))
    }

    /// As [`read_manifest_unverified`](Self::read_manifest_unverified), with the digest that an
    /// entry gives.
    fn read_manifest_and_digest(
        &self,
        generation: u64,
    ) -> Result<Option<(Digest, Manifest)>, StoreError> {
        self.read_with(&layout::manifest(generation), |bytes| {
            let manifest: Manifest = signed::open_unverified(&bytes)?;
            manifest.expect_generation(generation)?;
            Ok((Digest::of(&bytes), manifest))
        })
    }
}

impl Documents {
    /// Reads everything and holds it against each other: without a key, the digest in an entry is
    /// what shows that a manifest is the one that was signed.
    fn read(store: &Store) -> Result<Self, StoreError> {
        let mut manifests = BTreeMap::new();
        for generation in store.generations()? {
            let read = store.read_manifest_and_digest(generation)?;
            manifests.extend(read.map(|read| (generation, read)));
        }
        let digests: BTreeMap<Digest, u64> = manifests
            .iter()
            .map(|(generation, (digest, _))| (*digest, *generation))
            .collect();
        let mut channels = Vec::new();
        for channel in store.channels()? {
            let mut entries = Vec::new();
            for epoch in store.epochs(&channel)? {
                entries.extend(store.read_channel_entry_unverified(&channel, epoch)?);
            }
            for entry in &entries {
                let found = manifests.get(&entry.generation).map(|(digest, _)| *digest);
                check_named(store, entry, found, digests.get(&entry.manifest))?;
            }
            channels.push(entries);
        }
        Ok(Self {
            manifests,
            channels,
        })
    }

    /// Which generations stay.
    fn retained(&self, store: &Store, keep: usize) -> Result<BTreeSet<u64>, StoreError> {
        let mut needed: Vec<(u64, String)> = Vec::new();
        let mut published = BTreeSet::new();
        for entries in &self.channels {
            let generations = entries.iter().map(|entry| entry.generation);
            published.extend(generations.filter(|it| self.manifests.contains_key(it)));
            if let Some(newest) = entries.last() {
                let by = format!("epoch {} of {}", newest.epoch, newest.channel);
                needed.push((newest.generation, by));
            }
            // A renewed epoch names the generation that was live already.
            let newest = entries.last().map(|entry| entry.generation);
            let mut earlier = entries.iter().rev().map(|entry| entry.generation);
            let before = earlier.find(|generation| Some(*generation) != newest);
            let before = before.filter(|it| self.manifests.contains_key(it));
            needed.extend(before.map(|generation| (generation, String::new())));
        }
        let newest = published.iter().rev().take(keep);
        needed.extend(newest.map(|generation| (*generation, String::new())));
        self.close(store, needed)
    }

    /// These generations and what they name, and so on. Each is given with who needs it.
    fn close(
        &self,
        store: &Store,
        mut needed: Vec<(u64, String)>,
    ) -> Result<BTreeSet<u64>, StoreError> {
        let mut retained = BTreeSet::new();
        while let Some((generation, by)) = needed.pop() {
            let Some((_, manifest)) = self.manifests.get(&generation) else {
                let path = store.root.join(layout::manifest(generation));
                return Err(StoreError::Needed { path, by });
            };
            if !retained.insert(generation) {
                continue;
            }
            let pointed = manifest.pointed.iter();
            let named = pointed
                .flat_map(|pointed| [pointed.rows_of, pointed.states_of])
                .chain(manifest.base.iter().map(|base| base.generation));
            // A base that the generation wrote itself names itself.
            let others = named.filter(|named| *named != generation);
            needed.extend(others.map(|named| (named, format!("generation {generation}"))));
        }
        Ok(retained)
    }
}

/// An entry and the manifests that are there tell the same story. The manifest that it names may
/// have been swept; one that is there has the digest that the entry gives, and nobody else has.
fn check_named(
    store: &Store,
    entry: &ChannelEntry,
    found: Option<Digest>,
    with_its_digest: Option<&u64>,
) -> Result<(), StoreError> {
    let source = match (found, with_its_digest) {
        (Some(found), _) if found != entry.manifest => DocumentError::ManifestDigest {
            expected: entry.manifest,
            found,
        },
        (None, Some(&found)) => DocumentError::Generation {
            expected: entry.generation,
            found,
        },
        _ => return Ok(()),
    };
    let path = match found {
        Some(_) => layout::manifest(entry.generation),
        None => layout::channel_entry(&entry.channel, entry.epoch),
    };
    let path = store.root.join(path);
    Err(StoreError::Document { path, source })
}
