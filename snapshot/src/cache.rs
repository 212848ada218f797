//! The reader's private copy: blobs taken from the store, and what was live last.
//!
//! A blob is copied while it is hashed, so there is no moment between check and use, and the copy
//! is what gets mapped: whatever happens to the store's file, a running reader does not notice,
//! and a restart works with the store away. A copy is hashed again whenever it is opened; a
//! damaged one is replaced by a new copy.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::bytes::{Map, PrivateFolder, PrivateFolderError};
use crate::channel::{Channel, ChannelEntry, Publication};
use crate::digest::{BlobRef, Digest};
use crate::durable::{self, FileError, Staged};
use crate::manifest::Manifest;
use crate::signed::{self, DocumentError, PublisherKeys};
use crate::store::Store;
use crate::{json, layout};

/// Mode of files in the cache.
const FILE_MODE: u32 = 0o600;

/// A reader's private directory. One process at a time.
#[derive(Debug)]
pub struct Cache {
    folder: PrivateFolder,
    /// The newest entry taken of each channel by this process: it holds even when somebody
    /// removes the file that remembers it.
    taken: Mutex<HashMap<Channel, Taken>>,
}

/// Which entry was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Taken {
    epoch: u64,
    entry: Digest,
}

/// Why the cache could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory is not private, or in use.
    #[error(transparent)]
    Folder(#[from] PrivateFolderError),
    /// A blob is missing or damaged in the store, or the cache could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A copy is damaged, and a new one cannot be had.
    #[error("{copy}, and a new copy cannot be had")]
    Copy {
        /// What is wrong with the copy.
        copy: Box<FileError>,
        /// Why there is no new one.
        source: FileError,
    },
    /// What was remembered is damaged. It will be written anew with the next generation taken.
    #[error("{} cannot be parsed", path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// What was remembered is not signed by a publisher we believe (any more), or of another
    /// release.
    #[error("{} is refused", path.display())]
    Document {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// The channel went back. Never taken: it could revive withdrawn certificates. A restored
    /// store must begin above the highest epoch known.
    #[error("channel {channel} offers epoch {found} after epoch {highest} was served")]
    RolledBack {
        /// Which channel.
        channel: Channel,
        /// Highest epoch taken.
        highest: u64,
        /// Offered now.
        found: u64,
    },
    /// Two different entries for one epoch: somebody publishes into two stores, or history was
    /// rewritten.
    #[error("channel {channel} has two different entries for epoch {epoch}")]
    Forked {
        /// Which channel.
        channel: Channel,
        /// Which epoch.
        epoch: u64,
    },
}

/// The file that remembers a channel: both documents as their bytes, so that their signatures
/// are checked again.
#[derive(Deserialize, Serialize)]
struct State {
    format: u32,
    entry: String,
    manifest: String,
}

impl Cache {
    /// Opens a cache, making it when it is missing, and takes it until dropped.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`] when others have rights in it, when it is not ours, or when another
    /// process uses it.
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let folder = PrivateFolder::open(path)?;
        for below in [
            layout::cached_blobs(),
            layout::cached_staging(),
            layout::cached_state(),
        ] {
            folder.create_folder(below)?;
        }
        Ok(Self {
            folder,
            taken: Mutex::default(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The publication that was served last on a channel; `None` when there was none. Needs no
    /// store.
    ///
    /// # Errors
    ///
    /// [`CacheError::State`], [`CacheError::Document`]: log it, and go on with the store.
    pub fn remembered(
        &self,
        channel: &Channel,
        publishers: &PublisherKeys,
    ) -> Result<Option<Publication>, CacheError> {
        let path = self.state_path(channel);
        let Some(state) = read_state(&path)? else {
            return Ok(None);
        };
        let open = || {
            let entry = publishers.open::<ChannelEntry>(state.entry.into_bytes())?;
            if entry.channel != *channel {
                return Err(DocumentError::Channel {
                    expected: channel.clone(),
                    found: entry.channel.clone(),
                });
            }
            Publication::new(entry, publishers.open(state.manifest.into_bytes())?)
        };
        open()
            .map(Some)
            .map_err(|source| CacheError::Document { path, source })
    }

    /// Removes copies that none of these generations needs, and copies that were never finished;
    /// says how many files that were. A removed file that is still mapped stays readable. Not to
    /// be called while another thread opens a snapshot, whose copies are not finished yet.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`].
    pub fn sweep(&self, keep: &[&Manifest]) -> Result<usize, CacheError> {
        let needed: HashSet<PathBuf> = keep
            .iter()
            .flat_map(|manifest| manifest.blobs())
            .map(|blob| self.blob_path(&blob))
            .collect();
        let mut removed = 0;
        for folder in [layout::cached_blobs(), layout::cached_staging()] {
            let paths = durable::list(&self.path().join(folder))?.unwrap_or_default();
            for path in paths.iter().filter(|path| !needed.contains(*path)) {
                std::fs::remove_file(path).map_err(FileError::io("remove", path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// A blob, mapped: the copy that is here when it is whole, else a new one from the store.
    pub(crate) fn blob(&self, store: &Store, blob: &BlobRef) -> Result<Map, CacheError> {
        let relative = layout::cached_blob(&blob.sha256);
        let here = match self.folder.map(&relative, blob) {
            Ok(map) => return Ok(map),
            Err(error) => error,
        };
        if let Err(source) = self.fetch(store, blob) {
            return Err(match here {
                missing if missing.is_not_found() => CacheError::File(source),
                copy => CacheError::Copy {
                    copy: Box::new(copy),
                    source,
                },
            });
        }
        Ok(self.folder.map(&relative, blob)?)
    }

    /// Refuses a publication that is older than what was taken, or a different one of its epoch.
    pub(crate) fn admit(&self, publication: &Publication) -> Result<(), CacheError> {
        let entry = publication.entry();
        let Some(taken) = self.taken(&entry.channel) else {
            return Ok(());
        };
        let channel = entry.channel.clone();
        if entry.epoch < taken.epoch {
            return Err(CacheError::RolledBack {
                channel,
                highest: taken.epoch,
                found: entry.epoch,
            });
        }
        if entry.epoch == taken.epoch && *entry.digest() != taken.entry {
            let epoch = entry.epoch;
            return Err(CacheError::Forked { channel, epoch });
        }
        Ok(())
    }

    /// Remembers a publication as taken; only after every check.
    pub(crate) fn remember(&self, publication: &Publication) -> Result<(), CacheError> {
        let (entry, manifest) = (publication.entry(), publication.manifest());
        let taken = Taken {
            epoch: entry.epoch,
            entry: *entry.digest(),
        };
        if self.stored(&entry.channel) != Some(taken) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let state = State {
                format: layout::FORMAT,
                entry: text(entry.bytes()),
                manifest: text(manifest.bytes()),
            };
            self.write_state(&entry.channel, &state)?;
        }
        let mut known = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(entry.channel.clone(), taken);
        Ok(())
    }

    /// The newest entry taken, by this process or an earlier one. A file that is damaged counts
    /// as none: refusing everything for ever would be worse, and [`remembered`](Self::remembered)
    /// has said so.
    fn taken(&self, channel: &Channel) -> Option<Taken> {
        let known = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = known.get(channel).copied();
        drop(known);
        ours.into_iter()
            .chain(self.stored(channel))
            .max_by_key(|taken| taken.epoch)
    }

    fn stored(&self, channel: &Channel) -> Option<Taken> {
        let state = read_state(&self.state_path(channel)).ok().flatten()?;
        let entry: ChannelEntry = signed::open_unverified(state.entry.as_bytes()).ok()?;
        Some(Taken {
            epoch: entry.epoch,
            entry: Digest::of(state.entry.as_bytes()),
        })
    }

    fn write_state(&self, channel: &Channel, state: &State) -> Result<(), FileError> {
        let path = self.state_path(channel);
        let mut staged = self.stage()?;
        serde_json::to_writer(&mut staged, state)
            .map_err(std::io::Error::from)
            .and_then(|()| staged.write_all(b"\n"))
            .map_err(FileError::io("write", &path))?;
        staged.seal()?.replace(&path)
    }

    /// Puts a copy in the place of what is here, once it is whole.
    fn fetch(&self, store: &Store, blob: &BlobRef) -> Result<(), FileError> {
        let (from_path, mut from) = store.open_blob(blob)?;
        let mut staged = self.stage()?;
        durable::copy_checked(&mut from, &from_path, blob, &mut staged)?;
        staged.seal()?.replace(&self.blob_path(blob))
    }

    fn stage(&self) -> Result<Staged, FileError> {
        Staged::create(&self.path().join(layout::cached_staging()), FILE_MODE)
    }

    fn blob_path(&self, blob: &BlobRef) -> PathBuf {
        self.path().join(layout::cached_blob(&blob.sha256))
    }

    fn state_path(&self, channel: &Channel) -> PathBuf {
        self.path().join(layout::cached_channel(channel))
    }
}

fn read_state(path: &Path) -> Result<Option<State>, CacheError> {
    // Two documents, each escaped as a text of the other's.
    let limit = layout::DOCUMENT_BYTES_MAX * 4;
    let Some(bytes) = durable::read_document(path, limit)? else {
        return Ok(None);
    };
    let malformed = |source| CacheError::State {
        path: path.to_owned(),
        source,
    };
    let format = json::format_of(&bytes).map_err(malformed)?;
    if format != layout::FORMAT {
        return Err(CacheError::Document {
            path: path.to_owned(),
            source: DocumentError::Format {
                expected: layout::FORMAT,
                found: format,
            },
        });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(malformed)
}
