//! Changing the file of API keys: one at a time, and whole or not at all.
//!
//! Whoever changes it holds a lock on the file's folder, from the reading to the renaming; a lock
//! on the file itself would be one on a file that is about to be replaced. The new file is
//! written beside the old one, flushed to the disk, and renamed over it. A writer that is killed
//! leaves the old file and perhaps the staged one, which the next writer replaces.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::error::ApiKeyError;
use super::file::KeyFile;

/// Mode of a file that is made.
const MODE: u32 = 0o600;

/// Mode of a folder that is made.
const FOLDER_MODE: u32 = 0o700;

/// The right to change the file, until it is dropped.
#[derive(Debug)]
pub struct Editing {
    path: PathBuf,
    folder: File,
    /// What the file is now.
    pub keys: KeyFile,
}

impl Editing {
    /// Locks and reads the file; where there is none, it has no keys.
    ///
    /// # Errors
    ///
    /// When somebody else is changing it, or it cannot be used.
    pub fn begin(path: &Path) -> Result<Self, ApiKeyError> {
        // What a link points to is to be changed, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = open_folder(folder_of(&path))?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ApiKeyError::Busy { path }),
            Err(TryLockError::Error(source)) => return Err(ApiKeyError::io("lock", &path)(source)),
        }
        let keys = KeyFile::read(&path)?.unwrap_or_else(KeyFile::empty);
        Ok(Self { path, folder, keys })
    }

    /// Puts the changed keys in the place of the file, durably.
    ///
    /// # Errors
    ///
    /// When the system refuses; then the old file is there, or, when only the last flush failed,
    /// the new one, of which a power failure might still leave the old.
    pub fn save(self) -> Result<(), ApiKeyError> {
        let staged = self.staged();
        match fs::remove_file(&staged) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ApiKeyError::io("remove", &staged)(error));
            }
            _ => {}
        }
        let saved = self.write(&staged).and_then(|()| {
            fs::rename(&staged, &self.path).map_err(ApiKeyError::io("replace", &self.path))
        });
        if saved.is_err() {
            // The next writer removes what cannot be removed now.
            let _ = fs::remove_file(&staged);
        }
        saved?;
        let synced = self.folder.sync_all();
        synced.map_err(ApiKeyError::io("sync", folder_of(&self.path)))
    }

    fn write(&self, staged: &Path) -> Result<(), ApiKeyError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(staged)
            .map_err(ApiKeyError::io("create", staged))?;
        self.keep_owner(&file)?;
        file.write_all(&self.keys.to_bytes())
            .and_then(|()| file.sync_all())
            .map_err(ApiKeyError::io("write", staged))
    }

    /// The file belongs to whoever it belonged to. When root revokes a key, a server that could
    /// no longer read the file would go on with the old keys.
    fn keep_owner(&self, staged: &File) -> Result<(), ApiKeyError> {
        let Ok(old) = fs::metadata(&self.path) else {
            return Ok(());
        };
        let new = staged
            .metadata()
            .map_err(ApiKeyError::io("open", &self.path))?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(staged, Some(old.uid()), Some(old.gid()))
                .map_err(ApiKeyError::io("keep the owner of", &self.path))?;
        }
        let mode = fs::Permissions::from_mode(old.mode() & 0o7777);
        staged
            .set_permissions(mode)
            .map_err(ApiKeyError::io("keep the mode of", &self.path))
    }

    fn staged(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".staged");
        self.path.with_file_name(name)
    }
}

/// Opens a folder; makes it when it is missing.
fn open_folder(folder: &Path) -> Result<File, ApiKeyError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(ApiKeyError::io("create", folder))?;
    File::open(folder).map_err(ApiKeyError::io("open", folder))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
