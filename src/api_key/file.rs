//! The file of API keys: JSON, read whole, judged whole.
//!
//! It holds who may ask and the hashes of their keys, no key. A revoked key stays in it, so that
//! an operator sees since when it does not work.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use certificate::tidy;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapshot::Digest;

use super::error::ApiKeyError;
use super::key::{ID_DIGITS, NewKey, is_hex};

/// Bits of a mode that the file must not have: group write and execute, anything for others.
const LOOSE: u32 = 0o037;

/// Longest file read, in bytes: some ten thousand keys.
const BYTES_MOST: u64 = 4 << 20;

/// Characters of a name.
const NAME_MOST: usize = 64;

/// Keys of one name that work at a time: the one in use and the one that takes its place.
const LIVE_MOST: usize = 2;

/// The format that is written and read.
const FORMAT: u32 = 1;

/// All keys, in the order they were made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    format: u32,
    keys: Vec<Entry>,
}

/// One key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Which key.
    pub id: String,
    /// Whose; two keys of one name share what they may use.
    pub name: String,
    /// SHA-256 of the key.
    pub(super) sha256: Digest,
    /// Rows it may ask a day.
    pub rows_per_day: u64,
    /// Since when it works.
    pub created_at: Timestamp,
    /// Since when it does not; `None` while it does.
    pub revoked_at: Option<Timestamp>,
}

/// What came of a revocation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Revoked {
    /// It works no longer.
    Now,
    /// It did not work before either, since then.
    Before(Timestamp),
}

impl KeyFile {
    /// No keys yet.
    pub(super) fn empty() -> Self {
        Self {
            format: FORMAT,
            keys: Vec::new(),
        }
    }

    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is open to others, or is not such a file.
    pub fn read(path: &Path) -> Result<Option<Self>, ApiKeyError> {
        match read_bytes(path) {
            Ok(bytes) => Self::parse(path, &bytes).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Judges the bytes of the file at `path`.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ApiKeyError> {
        let damaged = |what: String| ApiKeyError::Damaged {
            path: path.to_owned(),
            what,
        };
        // Where, but not what: a parser quotes, and what it quotes may be a key put here by hand.
        let parsed: Self = serde_json::from_slice(bytes).map_err(|error| {
            damaged(format!("line {}, column {}", error.line(), error.column()))
        })?;
        match parsed.fault() {
            None => Ok(parsed),
            Some(what) => Err(damaged(what)),
        }
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a list of plain values is JSON");
        bytes.push(b'\n');
        bytes
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> &[Entry] {
        &self.keys
    }

    /// Adds a new key.
    ///
    /// # Errors
    ///
    /// When the name is none, or has two keys that work.
    pub fn create(
        &mut self,
        name: &str,
        rows_per_day: u64,
        now: Timestamp,
    ) -> Result<NewKey, ApiKeyError> {
        let name = well_formed_name(name)?;
        self.check_live(&name)?;
        let key = std::iter::repeat_with(NewKey::random)
            .find(|key| self.keys.iter().all(|known| known.id != key.id))
            .expect("there is an id for every key that fits in the file");
        self.keys.push(Entry {
            id: key.id.clone(),
            name,
            sha256: key.digest,
            rows_per_day,
            created_at: now,
            revoked_at: None,
        });
        Ok(key)
    }

    /// Takes a key out of use.
    ///
    /// # Errors
    ///
    /// When there is no such key.
    pub fn revoke(&mut self, id: &str, now: Timestamp) -> Result<Revoked, ApiKeyError> {
        let known = self.keys.iter_mut().find(|key| key.id == id);
        let key = known.ok_or_else(|| ApiKeyError::UnknownId { id: id.to_owned() })?;
        match key.revoked_at {
            Some(since) => Ok(Revoked::Before(since)),
            None => {
                key.revoked_at = Some(now);
                Ok(Revoked::Now)
            }
        }
    }

    fn check_live(&self, name: &str) -> Result<(), ApiKeyError> {
        let live = self.keys.iter().filter(|key| key.name == name);
        let live = live.filter(|key| key.revoked_at.is_none());
        let ids: Vec<&str> = live.map(|key| key.id.as_str()).collect();
        if ids.len() < LIVE_MOST {
            return Ok(());
        }
        Err(ApiKeyError::TwoLive {
            name: name.to_owned(),
            ids: ids.join(", "),
        })
    }

    /// What makes it no file of ours.
    fn fault(&self) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!(
                "format {}, this program reads {FORMAT}",
                self.format
            ));
        }
        let (mut ids, mut digests) = (BTreeSet::new(), BTreeSet::new());
        self.keys.iter().enumerate().find_map(|(index, key)| {
            let fault = if !is_hex(&key.id, ID_DIGITS) {
                "has no id"
            } else if !ids.insert(&key.id) || !digests.insert(key.sha256) {
                "is there twice"
            } else if well_formed_name(&key.name).ok().as_ref() != Some(&key.name) {
                "has no name"
            } else if key.rows_per_day == 0 {
                "has no rows"
            } else {
                return None;
            };
            Some(format!("key {} {fault}", index + 1))
        })
    }
}

/// The one spelling of a name.
fn well_formed_name(name: &str) -> Result<String, ApiKeyError> {
    let name = tidy(name);
    let length = name.chars().count();
    if (1..=NAME_MOST).contains(&length) && !name.contains(char::is_control) {
        Ok(name.to_string())
    } else {
        Err(ApiKeyError::Name { most: NAME_MOST })
    }
}

/// The bytes of the file, if nobody else may see or change them. A symbolic link is followed:
/// secret stores hand out files through one.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, ApiKeyError> {
    let file = File::open(path).map_err(ApiKeyError::io("open", path))?;
    let metadata = file.metadata().map_err(ApiKeyError::io("open", path))?;
    let mode = metadata.mode() & 0o7777;
    if mode & LOOSE != 0 {
        return Err(ApiKeyError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    let read = file.take(BYTES_MOST + 1).read_to_end(&mut bytes);
    read.map_err(ApiKeyError::io("read", path))?;
    if bytes.len() as u64 > BYTES_MOST {
        return Err(ApiKeyError::Damaged {
            path: path.to_owned(),
            what: format!("more than {BYTES_MOST} bytes"),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
