//! The keys that publishing needs, and whom it believes.

use std::fs;
use std::path::Path;

use certificate::LookupKey;
use snapshot::keyfile::{self, KeyFileError};
use snapshot::{Publisher, PublisherKeys, layout};

use crate::failure::Failure;

/// The keys of a run.
pub(crate) struct Keys {
    pub(crate) lookup: LookupKey,
    pub(crate) publisher: Publisher,
    /// Whose documents may be gone on from: this publisher's, and those of its predecessors.
    pub(crate) publishers: PublisherKeys,
}

impl Keys {
    /// Reads lookup.key, publisher.key and publisher.pub, and every other `*.pub`. A pair that
    /// does not belong together would publish what every reader refuses.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when one is missing, [`Failure::KeyFile`] when one cannot be used.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let private = folder.join(layout::PUBLISHER_KEY);
        let public = folder.join(layout::PUBLISHER_PUBLIC_KEY);
        let read = || {
            let lookup = keyfile::read_lookup(&folder.join(layout::LOOKUP_KEY))?;
            let publisher = keyfile::read_publisher(&private)?;
            match keyfile::read_publisher_public(&public)? == *publisher.public() {
                true => Ok((lookup, publisher)),
                false => Err(KeyFileError::Mismatch {
                    private: private.clone(),
                    public: public.clone(),
                }),
            }
        };
        let (lookup, publisher) = read().map_err(|error| missing(folder, error))?;
        Ok(Self {
            lookup,
            publisher,
            publishers: publishers(folder)?,
        })
    }
}

/// Whom a directory of keys believes: every `*.pub` in it. A new publisher goes on from what the
/// old one signed while the old one's public key lies beside its own, under another name.
///
/// # Errors
///
/// [`Failure::KeyFile`] when one cannot be read or there is none.
pub(crate) fn publishers(folder: &Path) -> Result<PublisherKeys, Failure> {
    let io = |source| Failure::Io {
        doing: "list",
        path: folder.to_owned(),
        source,
    };
    let own = folder.join(layout::PUBLISHER_PUBLIC_KEY);
    let mut keys = vec![keyfile::read_publisher_public(&own)?];
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path != own && path.extension().is_some_and(|extension| extension == "pub") {
            keys.push(keyfile::read_publisher_public(&path)?);
        }
    }
    Ok(PublisherKeys::new(keys))
}

fn missing(folder: &Path, error: KeyFileError) -> Failure {
    match error {
        KeyFileError::File(error) if error.is_not_found() => Failure::Usage(format!(
            "{}; make missing keys with index-builder keys --out {}",
            Failure::chain(&error),
            folder.display()
        )),
        error => Failure::KeyFile(error),
    }
}
