//! Mapping files, and asking for their bytes ahead: the only unsafe code of the workspace.
//!
//! A map is sound while nobody changes or truncates its file, which no code can see. So a reader
//! maps only files of a folder that is private to it, and [`PrivateFolder`] is the token for
//! having looked; the builder also maps blobs of the store it holds the lock of.

#![allow(unsafe_code)]

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use memmap2::{Mmap, MmapOptions, UncheckedAdvice};

use crate::digest::BlobRef;
use crate::durable::{self, FileError, Staged};
use crate::layout;
use crate::store::{PublishLock, Store};

/// The bytes of a file, mapped read-only and brought into memory.
pub struct Map(Mmap);

/// A folder that nobody but this process writes in.
#[derive(Debug)]
pub(crate) struct PrivateFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be taken as private.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFolderError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others than the owner have rights in it.
    #[error("{} has mode {mode:04o}; chmod 0700 it", path.display())]
    Mode {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("{} belongs to user {owner}, not to user {user} who runs this", path.display())]
    Owner {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Not a folder.
    #[error("{} is not a directory", path.display())]
    NotFolder {
        /// The path.
        path: PathBuf,
    },
    /// Another process uses it. Give each its own.
    #[error("another process uses {}", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
}

impl PrivateFolder {
    /// Takes a folder as private, making it when it is missing: mode 0700, ours, and locked
    /// until the value is dropped or the process ends.
    pub(crate) fn open(path: &Path) -> Result<Self, PrivateFolderError> {
        durable::create_folder(path, layout::CACHE_MODE)?;
        let metadata = fs::metadata(path).map_err(FileError::io("open", path))?;
        let path = path.to_owned();
        if !metadata.is_dir() {
            return Err(PrivateFolderError::NotFolder { path });
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(PrivateFolderError::Mode { path, mode });
        }
        let (owner, user) = (metadata.uid(), user(&path)?);
        if owner != user {
            return Err(PrivateFolderError::Owner { path, owner, user });
        }
        let lock = File::open(&path).map_err(FileError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(PrivateFolderError::Busy { path }),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", &path)(error).into()),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder in it when that is missing.
    pub(crate) fn create_folder(&self, relative: &Path) -> Result<(), FileError> {
        durable::create_folder(&self.path.join(relative), layout::CACHE_MODE)
    }

    /// Maps a file in it that has these contents, and brings all its pages into memory before it
    /// returns. To be called on a thread of low priority: measured, a page fault on the serving
    /// thread costs far more than this does beside it.
    ///
    /// The contents are checked by reading and not through the map, because a disk that cannot
    /// read a page ends a read with an error, and a map with a signal. Cost: about 1 s a gigabyte
    /// from memory.
    pub(crate) fn map(&self, relative: &Path, blob: &BlobRef) -> Result<Map, FileError> {
        let path = self.path.join(relative);
        let mut file = durable::open_of_length(&path, blob.bytes)?;
        durable::copy_checked(&mut file, &path, blob, &mut io::sink())?;
        // SAFETY: a map is sound while nobody changes or truncates the file.
        // 1. Other users cannot: `open` has seen that the folder above it is of mode 0700 and
        //    ours, so nobody else can reach the file, whatever its own mode is.
        // 2. Our own programs do not: `open` holds the folder's lock, which every program takes
        //    before it touches the folder, and this program opens a file for writing only under
        //    a new random name in `staging/`, and has closed it before it gives it the name that
        //    is mapped (`cache.rs`, `durable.rs`).
        // 3. Removing it, or renaming another file over it, is fine: its bytes stay until the
        //    last map of them is gone (`Cache::sweep`, `Cache::blob`).
        // 4. An operator who edits files of the cache by hand breaks this; docs/operations.md
        //    says that the folder may be removed as a whole and not otherwise touched.
        // Digest and checksums find a broken 4; they do not make it safe.
        let mapped = unsafe { MmapOptions::new().populate().map(&file) };
        mapped.map(Map).map_err(FileError::io("map", &path))
    }
}

impl Map {
    /// Maps a blob of a store where it lies, for the builder, which would otherwise copy a
    /// register of gigabytes to add some rows to it. Pages come in when they are read. The length
    /// is checked, the contents are not.
    pub(crate) fn in_place(
        store: &Store,
        _lock: &PublishLock,
        blob: &BlobRef,
    ) -> Result<Self, FileError> {
        let (path, file) = store.open_blob(blob)?;
        // SAFETY: a map is sound while nobody changes or truncates the file.
        // 1. A blob is linked under its name when it is complete, and no program of ours opens it
        //    for writing after that (`durable.rs`, `store/staged.rs`).
        // 2. `gc` removes blobs, which is fine for a map, and only under the lock that the caller
        //    holds as well.
        // 3. Whoever else can write into the store can break this, as they could publish; and an
        //    operator who edits published files by hand. docs/operations.md says that the store
        //    is writable by the builder's user alone, and its files by nobody.
        // What has changed before is found by checksums; what is truncated meanwhile ends this
        // process by a signal, before it has published anything. A server never comes here.
        let mapped = unsafe { MmapOptions::new().map(&file) };
        mapped.map(Self).map_err(FileError::io("map", &path))
    }

    /// Gives back the memory of all its pages; they come in again when they are read. Cost: some
    /// milliseconds a gigabyte, and a page fault for what is read again.
    pub(crate) fn release(&self) {
        // SAFETY: this drops changes that are not in the file, and without them the pages hold the
        // same bytes when they come in again.
        // 1. There are none: both ways to make a map are read-only and shared with the file.
        // 2. That nobody changes the file meanwhile is what the map rests on anyway.
        let released = unsafe { self.0.unchecked_advise(UncheckedAdvice::DontNeed) };
        // Where the system does not take the advice, it costs memory and nothing else.
        drop(released);
    }
}

/// Asks memory for the first and the last cache line of a value, and does not wait for them.
/// Whoever reads them some hundred nanoseconds later finds them near. Elsewhere than on x86-64 it
/// does nothing.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let first = std::ptr::from_ref(value).cast::<i8>();
        let last = first.wrapping_add(size_of::<T>().saturating_sub(1));
        for byte in [first, last] {
            // SAFETY: a prefetch reads nothing that the program could see, and does not fault
            // whatever the address; this one is within a value, or at it when that has no bytes.
            // Every x86-64 has the instruction.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(byte) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Who we are: the owner of a file that we make. Asking the system directly would need another
/// unsafe call, and this also shows that the folder can be written in.
fn user(folder: &Path) -> Result<u32, FileError> {
    let probe = Staged::create(folder, 0o600)?;
    let metadata = fs::metadata(probe.path()).map_err(FileError::io("open", probe.path()))?;
    Ok(metadata.uid())
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
