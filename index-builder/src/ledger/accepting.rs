//! The one who accepts: holds the lock, keeps the index up to date, links sealed batches in.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::batch::SourceFile;
use super::chunk::{Chunk, Chunks};
use super::error::LedgerError;
use super::index::{Addition, Index};
use super::layout;
use super::staged::{Sealed, Staged};
use super::standing::{Standing, Step};
use super::standings::Standings;
use super::{Head, Ledger};

/// A ledger that nobody else changes meanwhile.
pub(crate) struct Accepting {
    ledger: Ledger,
    index: Index,
    /// Unlocked when the file is closed.
    _lock: File,
}

impl Accepting {
    /// Opens a ledger for accepting; makes it when it is missing, locks it, and brings its index
    /// up to date. Cost: independent of the ledger's size, except that batches which the index
    /// does not cover are read.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Busy`] at once when somebody else accepts; it does not wait.
    pub(crate) fn begin(dir: &Path) -> Result<Self, LedgerError> {
        prepare(dir)?;
        let lock = take_lock(dir)?;
        let staging = layout::staging(dir);
        match fs::remove_file(&staging) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LedgerError::io("remove", &staging)(error));
            }
            _ => {}
        }
        let ledger = Ledger::open(dir)?;
        let newest = Index::newest_batch(dir)?;
        if newest > ledger.head.batch() {
            // The index was made of a batch that is gone. Its sequences may be published already,
            // so going on from here would give them out twice.
            let path = layout::batch(dir, ledger.head.batch() + 1);
            return Err(LedgerError::Missing { path });
        }
        let index = ledger.index()?;
        let mut accepting = Self {
            ledger,
            index,
            _lock: lock,
        };
        accepting.catch_up()?;
        accepting.index.sweep(dir)?;
        Ok(accepting)
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Its index, which covers it.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Begins the next batch.
    pub(crate) fn stage(
        &self,
        source: &SourceFile,
        accepted_at: jiff::Timestamp,
        operator: &str,
    ) -> Result<Staged<'_>, LedgerError> {
        Staged::begin(
            &self.ledger,
            &self.index,
            source,
            accepted_at.to_string(),
            operator.to_owned(),
        )
    }

    /// Makes a sealed batch part of the ledger: durable and complete, or not there at all.
    pub(crate) fn commit(&mut self, sealed: Sealed) -> Result<(), LedgerError> {
        let dir = self.ledger.dir.clone();
        let path = layout::batch(&dir, sealed.batch);
        // A link never replaces a file, so a batch that exists stays what it is.
        fs::hard_link(&sealed.name, &path).map_err(LedgerError::io("create", &path))?;
        sync_dir(&layout::batches(&dir))?;
        self.ledger.head = Head {
            digest: sealed.digest,
            batches: u64::from(sealed.batch),
            rows: sealed.last_sequence,
        };
        let addition = Addition {
            batch: sealed.batch,
            digest: sealed.digest,
            source: sealed.source,
            standings: sealed.standings,
        };
        self.index.add(&dir, addition)?;
        // Dropped in silence, a name that cannot be removed would stay until the next delivery.
        let staging = layout::staging(&dir);
        let removed = sealed.name.close();
        removed.map_err(LedgerError::io("remove", &staging))
    }

    /// Merges the segments of the index that have become too many small ones, when nobody waits;
    /// `stop` is asked whether somebody does. Returns whether it is done. Cost: half a second a
    /// million certificates, seldom more than the newest few.
    pub(crate) fn tidy(&mut self, stop: &dyn Fn() -> bool) -> Result<bool, LedgerError> {
        self.index.tidy(&self.ledger.dir, stop)
    }

    /// Adds to the index the batches it does not cover, one by one.
    fn catch_up(&mut self) -> Result<(), LedgerError> {
        while self.index.covers() < self.ledger.head.batch() {
            let addition = self.replay(self.index.covers() + 1)?;
            self.index.add(&self.ledger.dir.clone(), addition)?;
        }
        Ok(())
    }

    /// Where the certificates of one batch stand after it.
    fn replay(&self, number: u32) -> Result<Addition, LedgerError> {
        let batch = self.ledger.batch(number)?;
        let after = (
            number - 1,
            batch.head.previous,
            batch.head.first_sequence - 1,
        );
        let mut addition = Addition {
            batch: number,
            digest: batch.digest,
            source: batch.head.source.sha256,
            standings: Standings::default(),
        };
        for chunk in Chunks::new(&self.ledger.dir, after, number) {
            self.replay_chunk(&chunk?, &mut addition)?;
        }
        Ok(addition)
    }

    fn replay_chunk(&self, chunk: &Chunk, addition: &mut Addition) -> Result<(), LedgerError> {
        for placed in chunk.placed_entries() {
            let (place, entry) = placed?;
            let number = entry.change.number;
            let before = addition.standings.find(&number, Some(&self.index))?;
            let after = Standing::after(before, Step::of(&entry.change), place)
                .ok()
                .filter(|after| after.revision == entry.revision)
                .ok_or_else(|| {
                    let path = layout::batch(&self.ledger.dir, addition.batch);
                    let problem = "row does not fit what the rows before it left";
                    LedgerError::damaged(&path, place.offset_bytes, problem)
                })?;
            addition.standings.insert(number, after);
        }
        Ok(())
    }
}

/// Makes the directory of a ledger, private to its owner because it holds personal data.
fn prepare(dir: &Path) -> Result<(), LedgerError> {
    let batches = layout::batches(dir);
    // A disk that does not answer is not an empty directory.
    let exists = |path: &Path| path.try_exists().map_err(LedgerError::io("read", path));
    if !exists(&batches)? && exists(dir)? {
        let mut entries = fs::read_dir(dir).map_err(LedgerError::io("read", dir))?;
        if entries.next().is_some() {
            return Err(LedgerError::NotALedger {
                path: dir.to_owned(),
            });
        }
    }
    create_private_dir(dir)?;
    let mode = fs::metadata(dir)
        .map_err(LedgerError::io("read", dir))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))
            .map_err(LedgerError::io("make private", dir))?;
    }
    create_private_dir(&batches)?;
    sync_dir(dir)
}

/// The lock belongs to the open file, so a killed process leaves none behind.
fn take_lock(dir: &Path) -> Result<File, LedgerError> {
    let path: PathBuf = layout::lock(dir);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(LedgerError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Busy {
            path: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(LedgerError::io("lock", &path)(error)),
    }
}

/// Creates a directory of mode 0700, and those above it.
pub(super) fn create_private_dir(path: &Path) -> Result<(), LedgerError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(LedgerError::io("create", path))
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<(), LedgerError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(LedgerError::io("sync", path))
}
