//! Files that are either there, whole and on the disk, or not there.
//!
//! A file is written under a random name, flushed to the disk, and only then given its real name
//! by a hard link, which fails when the name exists: that is the only way anything is published.
//! Then the folder is flushed, because a name is the folder's data.
//!
//! `fsync` is never retried. After it has failed once, the kernel may have dropped the pages and
//! a second call reports success for data that is gone; so the file is removed and the caller
//! begins again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::digest::{BlobRef, Digest, Hasher};
use crate::hex;

/// Bytes that are written or read at a time: the writers push rows of 43 bytes and single bytes
/// of an `fst`, and hashing likes long runs.
pub(crate) const BUFFER: usize = 256 << 10;

/// Why a file could not be read or written as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused. The path is here because `io::Error` forgets it.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A symbolic link, a folder, a pipe or a device where a regular file belongs.
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// Where.
        path: PathBuf,
    },
    /// Cut short, or longer than its reference says.
    #[error("{} has {found} bytes, expected {expected}", path.display())]
    Length {
        /// Which file.
        path: PathBuf,
        /// Of the reference.
        expected: u64,
        /// Of the file; when it is longer, what was read of it.
        found: u64,
    },
    /// The bytes are not those that were referred to.
    #[error("{} has digest {found}, expected {expected}", path.display())]
    Digest {
        /// Which file.
        path: PathBuf,
        /// Of the reference.
        expected: Digest,
        /// Of the file.
        found: Digest,
    },
    /// A document that is longer than any we write.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// [`layout::DOCUMENT_BYTES_MAX`](crate::layout::DOCUMENT_BYTES_MAX).
        limit: u64,
    },
}

/// What came of creating a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Outcome {
    /// It is ours.
    Created,
    /// It existed and was left alone.
    AlreadyExists,
}

/// A file being written and hashed, removed again unless it is published.
pub(crate) struct Staged {
    name: StagedName,
    writer: BufWriter<Hashing>,
}

/// A file that is complete and on the disk, under its staging name only.
pub(crate) struct Sealed {
    name: StagedName,
    blob: BlobRef,
}

/// Removes the staging name when dropped; the data stay when they have got another name.
struct StagedName(PathBuf);

struct Hashing {
    file: File,
    hasher: Hasher,
}

impl FileError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether there was no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Staged {
    /// A new file of this mode (less the umask) in a staging folder.
    pub(crate) fn create(folder: &Path, mode: u32) -> Result<Self, FileError> {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).expect("the system provides randomness");
        let path = folder.join(hex::encode(&random));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(FileError::io("create", &path))?;
        let hashing = Hashing {
            file,
            hasher: Hasher::new(),
        };
        Ok(Self {
            name: StagedName(path),
            writer: BufWriter::with_capacity(BUFFER, hashing),
        })
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        &self.name.0
    }

    /// Flushes everything to the disk.
    pub(crate) fn seal(self) -> Result<Sealed, FileError> {
        let Self { name, writer } = self;
        let hashing = writer
            .into_inner()
            .map_err(|error| FileError::io("write", &name.0)(error.into_error()))?;
        hashing
            .file
            .sync_all()
            .map_err(FileError::io("sync", &name.0))?;
        Ok(Sealed {
            name,
            blob: hashing.hasher.finish(),
        })
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sealed {
    /// What was written.
    pub(crate) fn blob(&self) -> BlobRef {
        self.blob
    }

    /// Reads the file again and compares: what a reader will find is what was meant.
    pub(crate) fn read_back(&self) -> Result<(), FileError> {
        check_contents(&self.name.0, &self.blob)
    }

    /// Gives it its real name, unless that exists.
    pub(crate) fn link(self, path: &Path) -> Result<Outcome, FileError> {
        let outcome = match fs::hard_link(&self.name.0, path) {
            Ok(()) => Outcome::Created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Outcome::AlreadyExists,
            Err(error) => return Err(FileError::io("create", path)(error)),
        };
        sync_folder_of(path)?;
        Ok(outcome)
    }

    /// Puts it in the place of whatever has the name; only in a private folder.
    pub(crate) fn replace(self, path: &Path) -> Result<(), FileError> {
        fs::rename(&self.name.0, path).map_err(FileError::io("replace", path))?;
        sync_folder_of(path)
    }
}

impl Drop for StagedName {
    fn drop(&mut self) {
        // A name that stays is harmless: it is named as a left-over, and swept.
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens a regular file for reading. A symbolic link at the end of the path is refused, and a
/// pipe is not waited on.
pub(crate) fn open_regular(path: &Path) -> Result<File, FileError> {
    let not_regular = || FileError::NotRegular {
        path: path.to_owned(),
    };
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(not_regular()),
        opened => opened.map_err(FileError::io("open", path))?,
    };
    let metadata = file.metadata().map_err(FileError::io("open", path))?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(not_regular())
    }
}

/// Opens a regular file whose length is known.
pub(crate) fn open_of_length(path: &Path, bytes: u64) -> Result<File, FileError> {
    let file = open_regular(path)?;
    let found = file.metadata().map_err(FileError::io("open", path))?.len();
    if found == bytes {
        Ok(file)
    } else {
        Err(FileError::Length {
            path: path.to_owned(),
            expected: bytes,
            found,
        })
    }
}

/// Reads a document of at most `limit` bytes; `None` when there is no such file.
pub(crate) fn read_document(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match open_regular(path) {
        Err(error) if error.is_not_found() => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(FileError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLong {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Some(bytes))
}

/// Copies a file of known contents, hashing what passes; nothing beyond its length is read.
pub(crate) fn copy_checked(
    from: &mut File,
    path: &Path,
    blob: &BlobRef,
    to: &mut dyn Write,
) -> Result<(), FileError> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER];
    // One byte more than expected shows that a file has grown.
    let mut from = from.take(blob.bytes.saturating_add(1));
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(FileError::io("read", path))?,
        };
        if read == 0 {
            return compare(path, blob, hasher.finish());
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])
            .map_err(FileError::io("copy", path))?;
    }
}

/// Reads a whole file and compares it with its reference.
pub(crate) fn check_contents(path: &Path, blob: &BlobRef) -> Result<(), FileError> {
    let mut file = open_of_length(path, blob.bytes)?;
    copy_checked(&mut file, path, blob, &mut io::sink())
}

/// Compares what a file has with what it should have.
pub(crate) fn compare(path: &Path, expected: &BlobRef, found: BlobRef) -> Result<(), FileError> {
    if found.bytes != expected.bytes {
        return Err(FileError::Length {
            path: path.to_owned(),
            expected: expected.bytes,
            found: found.bytes,
        });
    }
    if found.sha256 != expected.sha256 {
        return Err(FileError::Digest {
            path: path.to_owned(),
            expected: expected.sha256,
            found: found.sha256,
        });
    }
    Ok(())
}

/// Makes a folder of this mode (less the umask) when it is missing, with the folders above it,
/// and their names durable.
pub(crate) fn create_folder(path: &Path, mode: u32) -> Result<(), FileError> {
    /// What is above our folders is the operator's: as `mkdir` makes it.
    const ABOVE: u32 = 0o777;
    match fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => match path.parent() {
            Some(parent) if error.kind() == io::ErrorKind::NotFound && parent != Path::new("") => {
                create_folder(parent, ABOVE)?;
                create_folder(path, mode)
            }
            _ => Err(FileError::io("create", path)(error)),
        },
    }
}

/// Makes the names in the folder of a file durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(FileError::io("sync", folder))
}

/// Names in a folder, in no order; `None` when there is no such folder.
pub(crate) fn list(folder: &Path) -> Result<Option<Vec<PathBuf>>, FileError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(FileError::io("list", folder))?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    paths.map(Some).map_err(FileError::io("list", folder))
}

#[cfg(test)]
mod tests;
