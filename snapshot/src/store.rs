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
use crate::durable::{self, FileError, Outcome, Staged};
use crate::layout;
use crate::manifest::Manifest;
use crate::signed::{self, DocumentError, PublisherKeys, Signed};
use crate::texts::TextsError;

pub use garbage::{Garbage, Waste};
pub use staged::StagedBlob;

/// Modes of what is made in a store, less the umask: nothing in it is secret to readers.
const FILE_MODE: u32 = 0o666;
const FOLDER_MODE: u32 = 0o777;

/// A store in a local directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
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
    /// A manifest is missing that something in the store cannot do without.
    #[error("{} is not there, and {by} needs it; restore it from a copy", path.display())]
    Needed {
        /// Where it should be.
        path: PathBuf,
        /// What needs it.
        by: String,
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
        Ok(StagedBlob::new(self)?)
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
            manifest.expect_generation(generation)?;
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
            manifest.expect_generation(generation)?;
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
            entry.expect_place(channel, epoch)?;
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
            entry.expect_place(channel, epoch)?;
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

    /// Removes what killed writers left in `staging/`, and says how many that were. The
    /// lock shows that no writer is at work.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`].
    pub fn clear_staging(&self, _lock: &PublishLock) -> Result<usize, StoreError> {
        let staged = self.list(layout::staging())?;
        for path in &staged {
            // The first release kept a reader's cache here while it published.
            let removed = match path.is_dir() && !path.is_symlink() {
                true => std::fs::remove_dir_all(path),
                false => std::fs::remove_file(path),
            };
            removed.map_err(FileError::io("remove", path))?;
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
        let mut staged = Staged::create(&self.root.join(layout::staging()), FILE_MODE)?;
        staged
            .write_all(bytes)
            .map_err(FileError::io("write", staged.path()))?;
        let sealed = staged.seal()?;
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

mod garbage;
mod staged;
