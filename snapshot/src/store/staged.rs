//! A blob on its way into the store.

use std::io::{self, Write};
use std::path::Path;

use super::{FILE_MODE, FOLDER_MODE, Store, StoreError};
use crate::digest::BlobRef;
use crate::durable::{self, FileError, Outcome, Staged};
use crate::layout;

/// A blob being written; hashed as it is written, removed again unless committed.
pub struct StagedBlob<'s> {
    store: &'s Store,
    staged: Staged,
}

impl<'s> StagedBlob<'s> {
    pub(super) fn new(store: &'s Store) -> Result<Self, FileError> {
        let folder = store.root().join(layout::staging());
        let staged = Staged::create(&folder, FILE_MODE)?;
        Ok(Self { store, staged })
    }

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
        let sealed = staged.seal()?;
        sealed.read_back()?;
        let blob = sealed.blob();
        let folder = store.root().join(layout::blob_folder(&blob.sha256));
        durable::create_folder(&folder, FOLDER_MODE)?;
        let path = store.blob_path(&blob);
        if sealed.link(&path)? == Outcome::AlreadyExists {
            durable::check_contents(&path, &blob)?;
            let existing = durable::open_regular(&path)?;
            existing.sync_all().map_err(FileError::io("sync", &path))?;
        }
        Ok(blob)
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        self.staged.path()
    }

    /// Adds to an error of writing which file it was.
    pub(crate) fn written(&self, written: io::Result<()>) -> Result<(), FileError> {
        written.map_err(FileError::io("write", self.path()))
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
