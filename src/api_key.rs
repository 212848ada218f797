//! API keys: who may ask for many rows at once, and the file that says so.
//!
//! The server looks keys up in a table that it never changes but replaces, when the file has
//! changed; whatever is wrong with the file then, the keys that were good go on. Keys of one name
//! share one [`Account`], so that a second key, which a rotation needs, is not a second quota, and
//! accounts outlive the tables, so that a changed file does not begin anybody's day anew.
//!
//! A key is found by its digest in a hash map. That is not done in constant time and need not be:
//! what is compared is the SHA-256 of what a client sent, which the client cannot steer towards a
//! stored digest one byte after the other.
//!
//! Order: [`ApiKeys`], its table; `key` is a key as text, `file` the file, `editing` changes it,
//! `watching` looks whether somebody did.

mod editing;
mod error;
mod file;
mod key;
mod watching;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use snapshot::Digest;

use crate::quota::{Account, Budgets};

pub use editing::Editing;
pub use error::ApiKeyError;
pub use file::{Entry, KeyFile, Revoked};
pub use key::NewKey;
pub use watching::{LOOK_INTERVAL, Watching};

/// The keys that work, shared by the requests, which read, and the thread that watches the file.
#[derive(Debug)]
pub struct ApiKeys {
    path: PathBuf,
    budgets: Budgets,
    table: ArcSwap<Table>,
}

/// One state of the file.
#[derive(Debug, Default)]
struct Table {
    /// What the file's bytes hashed to; `None` when there is no file.
    source: Option<Digest>,
    live: HashMap<Digest, Arc<Account>>,
    /// Every name of the file, those without a live key as well: what was used stays used.
    accounts: BTreeMap<String, Arc<Account>>,
}

/// What a look at the file came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// It is as it was.
    Unchanged,
    /// It was taken, with so many keys that work.
    Taken(usize),
}

impl ApiKeys {
    /// Reads the keys. A file that is not there is no keys: whoever set up the server has perhaps
    /// not made one yet, and without keys only small requests are answered.
    ///
    /// # Errors
    ///
    /// When there is a file that cannot be used.
    pub fn open(path: PathBuf, budgets: Budgets) -> Result<Self, ApiKeyError> {
        let keys = Self {
            path,
            budgets,
            table: ArcSwap::default(),
        };
        match keys.look() {
            Err(error) if error.is_not_found() => Ok(keys),
            looked => looked.map(|_| keys),
        }
    }

    /// The account of a key that works. Cost: a hash of the key and a look into a map; no lock.
    pub fn find(&self, bearer: &str) -> Option<Arc<Account>> {
        let digest = key::digest(bearer)?;
        self.table.load().live.get(&digest).cloned()
    }

    /// Whether there is a file.
    pub fn has_file(&self) -> bool {
        self.table.load().source.is_some()
    }

    /// Reads the file and takes it when it has changed. Only one thread may do this.
    ///
    /// # Errors
    ///
    /// When it cannot be used, or is gone; the keys that worked go on.
    pub fn look(&self) -> Result<Look, ApiKeyError> {
        let bytes = file::read_bytes(&self.path)?;
        let source = Digest::of(&bytes);
        let before = self.table.load();
        if before.source == Some(source) {
            return Ok(Look::Unchanged);
        }
        let file = KeyFile::parse(&self.path, &bytes)?;
        let table = before.followed_by(source, &file, self.budgets);
        let live = table.live.len();
        self.table.store(Arc::new(table));
        Ok(Look::Taken(live))
    }
}

impl Table {
    /// The table of a newer file, with the accounts of this one.
    fn followed_by(&self, source: Digest, file: &KeyFile, budgets: Budgets) -> Self {
        let mut next = Self {
            source: Some(source),
            ..Self::default()
        };
        for key in file.keys() {
            let known = next.accounts.get(&key.name);
            let known = known.or_else(|| self.accounts.get(&key.name)).cloned();
            let account =
                known.unwrap_or_else(|| Arc::new(Account::new(key.rows_per_day, budgets)));
            if key.revoked_at.is_none() {
                // The newest key that works says how much; it stands last.
                account.allow(key.rows_per_day);
                next.live.insert(key.sha256, Arc::clone(&account));
            }
            next.accounts.insert(key.name.clone(), account);
        }
        next
    }
}

#[cfg(test)]
mod tests;
