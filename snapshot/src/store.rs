//! The store: the directory where the builder publishes and from which readers copy.
//!
//! Everything in it is created once and never changed: a file is written in `staging/`, flushed,
//! read back, and linked under its name, which fails when the name exists. So two writers cannot
//! both win, and a reader never sees half a file. A reader only reads; it needs no right to write
//! here. Which generation is a good one is not decided here.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::channel::{Channel, ChannelEntry, Publication};
use crate::digest::BlobRef;
use crate::durable::{self, FileError, Outcome, Sealed, Staged};
use crate::layout;
use crate::manifest::Manifest;
use crate::signed::{self, DocumentError, PublisherKeys, Signed};
use crate::texts::TextsError;

/// Modes of what is made in a store, less the umask: nothing in it is secret to readers.
const FILE_MODE: u32 = 0o666;
const FOLDER_MODE: u32 = 0o777;

/// A store in a local directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A blob being written; hashed as it is written, removed again unless committed.
pub struct StagedBlob<'s> {
    store: &'s Store,
    staged: Staged,
}

/// The right to publish into a store, held until dropped or until the process ends.
///
/// It is a lock on the directory itself, so there is no lock file that somebody could delete. It
/// only spares two builders the work: that one of them wins is the promise of create-only files.
#[derive(Debug)]
pub struct PublishLock {
    _root: File,
}

/// What lies in a store and belongs to no publication.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Leftovers {
    /// Files in `staging/`: a writer is at work, or was killed.
    pub staged: Vec<PathBuf>,
    /// Manifests that no channel entry names.
    pub manifests: Vec<u64>,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file is missing, damaged, or could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody else is publishing. Try again when they are done.
    #[error("somebody else is publishing into {}", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// A document is not what it should be.
    #[error("{} is refused", path.display())]
    Document {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// The tables of a generation do not fit together; nothing was written.
    #[error("the texts are refused")]
    Texts(#[source] TextsError),
    /// There is no number after this one.
    #[error("no generation or epoch can follow {0}")]
    Exhausted(u64),
}

impl Store {
    /// Takes a directory as a store. Touches nothing: a store that is away is found out by the
    /// first call that needs it.
    pub fn open(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Takes a directory as a store and makes what is missing of its folders.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`].
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let store = Self::open(root);
        durable::create_folder(root, FOLDER_MODE)?;
        let blobs = layout::blobs();
        let folders = blobs
            .parent()
            .into_iter()
            .chain([blobs, layout::manifests()])
            .chain([layout::channels(), layout::staging()]);
        for folder in folders {
            durable::create_folder(&root.join(folder), FOLDER_MODE)?;
        }
        Ok(store)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the right to publish, or says who has it: nobody waits.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] when another process or another lock of this one holds it.
    pub fn lock(&self) -> Result<PublishLock, StoreError> {
        let root = File::open(&self.root).map_err(FileError::io("open", &self.root))?;
        match root.try_lock() {
            Ok(()) => Ok(PublishLock { _root: root }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy {
                path: self.root.clone(),
            }),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", &self.root)(error).into()),
        }
    }

    /// Begins a blob.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`].
    pub fn stage(&self) -> Result<StagedBlob<'_>, StoreError> {
        let folder = self.root.join(layout::staging());
        Ok(StagedBlob {
            store: self,
            staged: Staged::create(&folder, FILE_MODE)?,
        })
    }

    /// Creates the manifest of a generation.
    ///
    /// [`Outcome::AlreadyExists`] says that the generation has one: read it, and look whether its
    /// `publish_id` is yours.
    ///
    /// # Errors
    ///
    /// [`FileError`]; the name may exist all the same when flushing the folder failed.
    pub fn create_manifest(&self, manifest: &Signed<Manifest>) -> Result<Outcome, StoreError> {
        self.create_document(&layout::manifest(manifest.generation), manifest.bytes())
    }

    /// Creates the entry of an epoch: from then on readers take the generation that it names.
    ///
    /// # Errors
    ///
    /// As [`create_manifest`](Self::create_manifest).
    pub fn create_channel_entry(
        &self,
        entry: &Signed<ChannelEntry>,
    ) -> Result<Outcome, StoreError> {
        durable::create_folder(
            &self.root.join(layout::channel(&entry.channel)),
            FOLDER_MODE,
        )?;
        let path = layout::channel_entry(&entry.channel, entry.epoch);
        self.create_document(&path, entry.bytes())
    }

    /// Every generation that has a manifest, ascending. There may be gaps.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`], also when the whole store is away.
    pub fn generations(&self) -> Result<Vec<u64>, StoreError> {
        self.numbers_in(layout::manifests())
    }

    /// The number for a new generation: one above the highest, whoever wrote that one.
    ///
    /// # Errors
    ///
    /// As [`generations`](Self::generations).
    pub fn next_generation(&self) -> Result<u64, StoreError> {
        let highest = self.generations()?.last().copied().unwrap_or(0);
        highest.checked_add(1).ok_or(StoreError::Exhausted(highest))
    }

    /// Every channel that has a folder, in no order.
    ///
    /// # Errors
    ///
    /// As [`generations`](Self::generations).
    pub fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        let paths = self.list(layout::channels())?;
        let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
        Ok(names.filter_map(Channel::parse).collect())
    }

    /// Every epoch of a channel, ascending. Cost: a listing; to learn whether there is a newer
    /// one, reading the entry of the next epoch is cheaper.
    ///
    /// # Errors
    ///
    /// As [`generations`](Self::generations).
    pub fn epochs(&self, channel: &Channel) -> Result<Vec<u64>, StoreError> {
        self.numbers_in(&layout::channel(channel))
    }

    /// The manifest of a generation; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Document`] when it is damaged, signed by a stranger, of another format or
    /// normalisation, or under a wrong name.
    pub fn read_manifest(
        &self,
        generation: u64,
        publishers: &PublisherKeys,
    ) -> Result<Option<Signed<Manifest>>, StoreError> {
        self.read_with(&layout::manifest(generation), |bytes| {
            let manifest: Signed<Manifest> = publishers.open(bytes)?;
            check_generation(generation, &manifest)?;
            Ok(manifest)
        })
    }

    /// As [`read_manifest`](Self::read_manifest), whoever signed it: for people who have no
    /// public key and only look.
    ///
    /// # Errors
    ///
    /// As [`read_manifest`](Self::read_manifest), but not for who signed.
    pub fn read_manifest_unverified(
        &self,
        generation: u64,
    ) -> Result<Option<Manifest>, StoreError> {
        self.read_with(&layout::manifest(generation), |bytes| {
            let manifest: Manifest = signed::open_unverified(&bytes)?;
            check_generation(generation, &manifest)?;
            Ok(manifest)
        })
    }

    /// The entry of an epoch; `None` when there is none (yet).
    ///
    /// # Errors
    ///
    /// [`StoreError::Document`] when it is damaged, signed by a stranger, of another format, or
    /// under a wrong name.
    pub fn read_channel_entry(
        &self,
        channel: &Channel,
        epoch: u64,
        publishers: &PublisherKeys,
    ) -> Result<Option<Signed<ChannelEntry>>, StoreError> {
        self.read_with(&layout::channel_entry(channel, epoch), |bytes| {
            let entry: Signed<ChannelEntry> = publishers.open(bytes)?;
            check_entry(channel, epoch, &entry)?;
            Ok(entry)
        })
    }

    /// As [`read_channel_entry`](Self::read_channel_entry), whoever signed it.
    ///
    /// # Errors
    ///
    /// As [`read_channel_entry`](Self::read_channel_entry), but not for who signed.
    pub fn read_channel_entry_unverified(
        &self,
        channel: &Channel,
        epoch: u64,
    ) -> Result<Option<ChannelEntry>, StoreError> {
        self.read_with(&layout::channel_entry(channel, epoch), |bytes| {
            let entry: ChannelEntry = signed::open_unverified(&bytes)?;
            check_entry(channel, epoch, &entry)?;
            Ok(entry)
        })
    }

    /// The entry of an epoch with the manifest that it names; `None` when there is no such entry
    /// (yet).
    ///
    /// # Errors
    ///
    /// As [`read_channel_entry`](Self::read_channel_entry) and
    /// [`read_manifest`](Self::read_manifest); a manifest that is missing is a
    /// [`FileError::Io`].
    pub fn read_publication(
        &self,
        channel: &Channel,
        epoch: u64,
        publishers: &PublisherKeys,
    ) -> Result<Option<Publication>, StoreError> {
        let Some(entry) = self.read_channel_entry(channel, epoch, publishers)? else {
            return Ok(None);
        };
        let generation = entry.generation;
        let path = self.root.join(layout::manifest(generation));
        let Some(manifest) = self.read_manifest(generation, publishers)? else {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            return Err(FileError::io("open", &path)(missing).into());
        };
        let publication = Publication::new(entry, manifest);
        publication
            .map(Some)
            .map_err(|source| StoreError::Document { path, source })
    }

    /// What belongs to no publication. Cost: reads every channel entry.
    ///
    /// # Errors
    ///
    /// As [`read_channel_entry_unverified`](Self::read_channel_entry_unverified).
    pub fn leftovers(&self) -> Result<Leftovers, StoreError> {
        let mut manifests = self.generations()?;
        for channel in self.channels()? {
            for epoch in self.epochs(&channel)? {
                if let Some(entry) = self.read_channel_entry_unverified(&channel, epoch)? {
                    manifests.retain(|&generation| generation != entry.generation);
                }
            }
        }
        let mut staged = self.list(layout::staging())?;
        staged.sort();
        Ok(Leftovers { staged, manifests })
    }

    /// Removes what killed writers left in `staging/`, and says how many files that were. The
    /// lock shows that no writer is at work.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`].
    pub fn clear_staging(&self, _lock: &PublishLock) -> Result<usize, StoreError> {
        let staged = self.list(layout::staging())?;
        for path in &staged {
            std::fs::remove_file(path).map_err(FileError::io("remove", path))?;
        }
        Ok(staged.len())
    }

    /// Where a blob is.
    pub fn blob_path(&self, blob: &BlobRef) -> PathBuf {
        self.root.join(layout::blob(&blob.sha256))
    }

    /// Opens a blob that has the right length; its contents are not looked at.
    pub(crate) fn open_blob(&self, blob: &BlobRef) -> Result<(PathBuf, File), FileError> {
        let path = self.blob_path(blob);
        let file = durable::open_of_length(&path, blob.bytes)?;
        Ok((path, file))
    }

    fn create_document(&self, path: &Path, bytes: &[u8]) -> Result<Outcome, StoreError> {
        let mut blob = self.stage()?;
        let written = blob.write_all(bytes);
        blob.written(written)?;
        let sealed = blob.staged.seal()?;
        sealed.read_back()?;
        Ok(sealed.link(&self.root.join(path))?)
    }

    fn read_with<T>(
        &self,
        path: &Path,
        open: impl FnOnce(Vec<u8>) -> Result<T, DocumentError>,
    ) -> Result<Option<T>, StoreError> {
        let path = self.root.join(path);
        let Some(bytes) = durable::read_document(&path, layout::DOCUMENT_BYTES_MAX)? else {
            return Ok(None);
        };
        open(bytes)
            .map(Some)
            .map_err(|source| StoreError::Document { path, source })
    }

    fn numbers_in(&self, folder: &Path) -> Result<Vec<u64>, StoreError> {
        let paths = self.list(folder)?;
        let names = paths.iter().filter_map(|path| path.file_name());
        let mut numbers: Vec<u64> = names.filter_map(layout::document_number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Nothing when the folder is not made yet; an error when the whole store is away.
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, FileError> {
        let path = self.root.join(folder);
        match durable::list(&path)? {
            Some(paths) => Ok(paths),
            None if self.root.is_dir() => Ok(Vec::new()),
            None => {
                let missing = io::Error::from(io::ErrorKind::NotFound);
                Err(FileError::io("list", &path)(missing))
            }
        }
    }
}

impl StagedBlob<'_> {
    /// Puts the blob under the name of its contents, durably.
    ///
    /// It is flushed, read back and compared first. When the store has these contents already,
    /// that copy is checked and kept.
    ///
    /// # Errors
    ///
    /// [`FileError`]; a damaged blob of the same name has to be moved away by hand, since nothing
    /// published is ever overwritten.
    pub fn commit(self) -> Result<BlobRef, StoreError> {
        let Self { store, staged } = self;
        let sealed: Sealed = staged.seal()?;
        sealed.read_back()?;
        let blob = sealed.blob();
        let folder = store.root.join(layout::blob_folder(&blob.sha256));
        durable::create_folder(&folder, FOLDER_MODE)?;
        let path = store.blob_path(&blob);
        if sealed.link(&path)? == Outcome::AlreadyExists {
            durable::check_contents(&path, &blob)?;
            let existing = durable::open_regular(&path)?;
            existing.sync_all().map_err(FileError::io("sync", &path))?;
        }
        Ok(blob)
    }

    /// Adds to an error of writing which file it was.
    pub(crate) fn written(&self, written: io::Result<()>) -> Result<(), FileError> {
        written.map_err(FileError::io("write", self.staged.path()))
    }
}

impl Write for StagedBlob<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.staged.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.staged.flush()
    }
}

fn check_generation(expected: u64, manifest: &Manifest) -> Result<(), DocumentError> {
    if manifest.generation == expected {
        Ok(())
    } else {
        Err(DocumentError::Generation {
            expected,
            found: manifest.generation,
        })
    }
}

fn check_entry(channel: &Channel, epoch: u64, entry: &ChannelEntry) -> Result<(), DocumentError> {
    if entry.channel != *channel {
        return Err(DocumentError::Channel {
            expected: channel.clone(),
            found: entry.channel.clone(),
        });
    }
    if entry.epoch != epoch {
        return Err(DocumentError::Epoch {
            expected: epoch,
            found: entry.epoch,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
