//! Key files: one line of text each, a few words that say what it is, then 64 hex digits.
//!
//! ```text
//! certq lookup key 1 hmac-sha-256 5f1c…
//! certq exchange key 1 aes-256-gcm-siv 90ab…
//! certq publisher key 1 ed25519 77d0…
//! certq publisher public-key 1 ed25519 3c9e…
//! ```
//!
//! A private file that others could read or write is refused; the group may read, so that a
//! service can get its key from a secret store. Files are created, never overwritten.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use certificate::LookupKey;
use certificate::key::{MacAlgorithm, random_secret};
use zeroize::Zeroizing;

use crate::durable::{self, FileError, Outcome, Staged};
use crate::signed::{Publisher, PublisherKey};
use crate::{hex, layout};

/// Bits of a mode that a private key file must not have: group write and execute, and anything
/// for others.
const LOOSE: u32 = 0o037;

/// Longest key file read, in bytes; ours have about 100.
const BYTES_MAX: u64 = 256;

const LOOKUP: &str = "certq lookup key 1 hmac-sha-256 ";
const EXCHANGE: &str = "certq exchange key 1 aes-256-gcm-siv ";
const PUBLISHER: &str = "certq publisher key 1 ed25519 ";
const PUBLISHER_PUBLIC: &str = "certq publisher public-key 1 ed25519 ";

/// Bytes of every key.
type Secret = Zeroizing<[u8; 32]>;

/// Why a key file cannot be used. No text holds anything of the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others than the owner could get at the key.
    #[error("{} has mode {mode:04o}; chmod 0600 it, others must not read it", path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not one line of the right kind.
    #[error("{} is not a line of {expected:?} and 64 lower-case hex digits", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What the line begins with.
        expected: &'static str,
    },
    /// `publisher.pub` does not belong to `publisher.key`: readers would refuse everything that
    /// is published. Put the right pair together.
    #[error("{} is not the public key of {}", public.display(), private.display())]
    Mismatch {
        /// The private file.
        private: PathBuf,
        /// The public file.
        public: PathBuf,
    },
    /// There is a public key whose private key is missing; a new one would be another publisher.
    #[error("{} is there, but {} is missing", public.display(), private.display())]
    PrivateMissing {
        /// The private file.
        private: PathBuf,
        /// The public file.
        public: PathBuf,
    },
}

/// Reads the key that tags and holder keys are made with.
///
/// # Errors
///
/// [`KeyFileError`].
pub fn read_lookup(path: &Path) -> Result<LookupKey, KeyFileError> {
    let secret = read_private(path, LOOKUP)?;
    Ok(LookupKey::new(MacAlgorithm::HmacSha256, &secret))
}

/// Reads the key that seals the national feed.
///
/// # Errors
///
/// [`KeyFileError`].
pub fn read_exchange(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    read_private(path, EXCHANGE)
}

/// Reads the key that signs manifests and channel entries.
///
/// # Errors
///
/// [`KeyFileError`].
pub fn read_publisher(path: &Path) -> Result<Publisher, KeyFileError> {
    Ok(Publisher::new(&*read_private(path, PUBLISHER)?))
}

/// Reads the public half of a publisher's key; its mode does not matter.
///
/// # Errors
///
/// [`KeyFileError`].
pub fn read_publisher_public(path: &Path) -> Result<PublisherKey, KeyFileError> {
    let mut file = open(path)?;
    Ok(PublisherKey::new(*read_line(
        &mut file,
        path,
        PUBLISHER_PUBLIC,
    )?))
}

/// Makes what is missing of the four key files of a folder, and the folder; says which files it
/// made. Nothing that exists is changed.
///
/// # Errors
///
/// [`KeyFileError`]; files made before the error stay.
pub fn create_missing(folder: &Path) -> Result<Vec<PathBuf>, KeyFileError> {
    durable::create_folder(folder, 0o700)?;
    let path = |name| folder.join(name);
    let private = path(layout::PUBLISHER_KEY);
    let public = path(layout::PUBLISHER_PUBLIC_KEY);
    if public.exists() && !private.exists() {
        return Err(KeyFileError::PrivateMissing { private, public });
    }
    let mut made = Vec::new();
    for (path, prefix) in [
        (path(layout::LOOKUP_KEY), LOOKUP),
        (path(layout::EXCHANGE_KEY), EXCHANGE),
        (private.clone(), PUBLISHER),
    ] {
        if create(&path, prefix, &random_secret(), 0o600)? == Outcome::Created {
            made.push(path);
        }
    }
    let publisher = read_publisher(&private)?;
    let line = publisher.public().as_bytes();
    if create(&public, PUBLISHER_PUBLIC, line, 0o644)? == Outcome::Created {
        made.push(public);
    } else if read_publisher_public(&public)? != *publisher.public() {
        return Err(KeyFileError::Mismatch { private, public });
    }
    Ok(made)
}

fn create(path: &Path, prefix: &str, key: &[u8; 32], mode: u32) -> Result<Outcome, KeyFileError> {
    let exists = fs::symlink_metadata(path).is_ok();
    if exists {
        return Ok(Outcome::AlreadyExists);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut staged = Staged::create(folder, mode)?;
    let line = Zeroizing::new(format!("{prefix}{}\n", *Zeroizing::new(hex::encode(key))));
    staged
        .write_all(line.as_bytes())
        .map_err(FileError::io("write", path))?;
    Ok(staged.seal()?.link(path)?)
}

fn read_private(path: &Path, prefix: &'static str) -> Result<Secret, KeyFileError> {
    let mut file = open(path)?;
    let metadata = file.metadata().map_err(FileError::io("open", path))?;
    let mode = metadata.mode() & 0o7777;
    if mode & LOOSE != 0 {
        return Err(KeyFileError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    read_line(&mut file, path, prefix)
}

/// A symbolic link is followed here: secret stores hand out keys through one.
fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(FileError::io("open", path))
}

fn read_line(file: &mut File, path: &Path, prefix: &'static str) -> Result<Secret, KeyFileError> {
    let mut text = Zeroizing::new(String::new());
    let malformed = || KeyFileError::Malformed {
        path: path.to_owned(),
        expected: prefix.trim_end(),
    };
    match file.take(BYTES_MAX).read_to_string(&mut text) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(malformed()),
        read => read.map_err(FileError::io("read", path))?,
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    line.strip_prefix(prefix)
        .and_then(hex::decode)
        .map(Zeroizing::new)
        .ok_or_else(malformed)
}

#[cfg(test)]
mod tests;
