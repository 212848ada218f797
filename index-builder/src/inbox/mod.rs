//! The inbox: where batches are delivered, and where they lie after they were judged.
//!
//! ```text
//! inbox/a.csv            waiting             inbox/accepted/   at least one row admitted
//! inbox/a.csv.ok         it is whole         inbox/rejected/   none
//!                                            …/a.csv.report.json  what was told about it
//! ```
//!
//! It is looked at again and again and not watched by the kernel: a directory that another machine
//! writes into, over a network, gives no notice. Reading order: [`sighting`] says when a file is
//! whole, [`filing`] where it goes.

mod error;
mod filing;
mod sighting;

pub(crate) use error::InboxError;
pub(crate) use sighting::Delivery;

use std::ffi::OsString;
use std::fs::{self, DirBuilder, DirEntry, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::value::RawValue;

use sighting::{Sightings, Stamp};

/// Batches and reports hold, or point to, personal data.
const MODE: u32 = 0o700;

/// An inbox that nobody else watches.
pub(crate) struct Inbox {
    dir: PathBuf,
    sightings: Sightings,
    /// Unlocked when the file is closed.
    _lock: File,
}

/// Where a judged batch goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// At least one row is in the ledger.
    Accepted,
    /// None is.
    Rejected,
}

impl Inbox {
    /// Locks an inbox, makes its two folders, and removes what a killed `watch` left half written.
    ///
    /// # Errors
    ///
    /// [`InboxError::Busy`] at once when somebody else watches it.
    pub(crate) fn open(dir: &Path) -> Result<Self, InboxError> {
        if !dir.is_dir() {
            let path = dir.to_owned();
            return Err(InboxError::Absent { path });
        }
        let lock = take_lock(dir)?;
        for verdict in [Verdict::Accepted, Verdict::Rejected] {
            prepare(&dir.join(verdict.word()))?;
        }
        filing::sync(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            sightings: Sightings::default(),
            _lock: lock,
        })
    }

    /// Looks once: the files that are whole now, in the order in which they are to be judged.
    /// Cost: a listing, and a `stat` for each file that waits.
    pub(crate) fn ready(&mut self, now: Instant) -> Result<Vec<Delivery>, InboxError> {
        let listed = self.list()?;
        let look = self.sightings.look(listed, now);
        for marker in look.forgotten {
            remove_if_any(&self.dir.join(marker))?;
        }
        Ok(look.ready)
    }

    /// Whether nothing waits, whole or not. What cannot be listed is something.
    pub(crate) fn is_empty(&self) -> bool {
        self.list().is_ok_and(|listed| listed.is_empty())
    }

    /// Where a delivery is.
    pub(crate) fn path(&self, delivery: &Delivery) -> PathBuf {
        self.dir.join(&delivery.name)
    }

    /// Whether a delivery is still what it was when it was taken to be whole.
    pub(crate) fn is_unchanged(&self, delivery: &Delivery) -> Result<bool, InboxError> {
        let path = self.path(delivery);
        match fs::symlink_metadata(&path).and_then(|found| Stamp::of(&found)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            found => Ok(found.map_err(InboxError::io("read", &path))? == delivery.stamp),
        }
    }

    /// Files a judged delivery away with its report; returns where it is, below the inbox.
    ///
    /// The marker goes first: should this be killed, none is left that would vouch for the next
    /// file of this name, and this one is taken again because it does not change.
    pub(crate) fn file_away(
        &self,
        delivery: &Delivery,
        verdict: Verdict,
        report: &RawValue,
    ) -> Result<String, InboxError> {
        remove_if_any(&self.dir.join(sighting::marker(&delivery.name)))?;
        let folder = self.dir.join(verdict.word());
        let report = format!("{report}\n");
        let name = filing::file_away(&self.path(delivery), &folder, &report)?;
        filing::sync(&self.dir)?;
        Ok(format!("{}/{name}", verdict.word()))
    }

    /// Batches and markers; folders, links and everything else are passed over.
    fn list(&self) -> Result<Vec<(OsString, Stamp)>, InboxError> {
        let listing = |error| InboxError::io("list", &self.dir)(error);
        let mut listed = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(listing)? {
            let entry = entry.map_err(listing)?;
            let name = entry.file_name();
            if sighting::is_of_interest(&name) {
                listed.extend(stamp(&entry)?.map(|stamp| (name, stamp)));
            }
        }
        Ok(listed)
    }
}

impl Verdict {
    /// The word in messages, which is also the folder's name.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// `None` for what is no regular file, or no longer there.
fn stamp(entry: &DirEntry) -> Result<Option<Stamp>, InboxError> {
    let reading = |error| InboxError::io("read", &entry.path())(error);
    match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Ok(metadata) if !metadata.is_file() => Ok(None),
        metadata => {
            let stamp = metadata.and_then(|metadata| Stamp::of(&metadata));
            Ok(Some(stamp.map_err(reading)?))
        }
    }
}

/// The lock is on the directory itself, so there is no lock file that somebody could deliver or
/// delete, and a killed process leaves none behind.
fn take_lock(dir: &Path) -> Result<File, InboxError> {
    let file = File::open(dir).map_err(InboxError::io("open", dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InboxError::Busy {
            path: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(InboxError::io("lock", dir)(error)),
    }
}

fn prepare(folder: &Path) -> Result<(), InboxError> {
    match DirBuilder::new().mode(MODE).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(folder, Permissions::from_mode(MODE))
                .map_err(InboxError::io("make private", folder))?;
        }
        created => created.map_err(InboxError::io("create", folder))?,
    }
    remove_if_any(&folder.join(filing::STAGED))
}

fn remove_if_any(path: &Path) -> Result<(), InboxError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(InboxError::io("remove", path)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    fn inbox() -> (tempfile::TempDir, Inbox) {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(dir.path()).unwrap();
        (dir, inbox)
    }

    /// What is whole after everything has lain there for a minute.
    fn whole(inbox: &mut Inbox) -> Vec<Delivery> {
        let now = Instant::now();
        inbox.ready(now).unwrap();
        inbox.ready(now + Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn only_regular_files_are_taken() {
        let (dir, mut inbox) = inbox();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("folder.csv")).unwrap();
        fs::write(path("elsewhere"), "x").unwrap();
        symlink(path("elsewhere"), path("link.csv")).unwrap();
        fs::write(path("a.csv"), "x").unwrap();
        let whole = whole(&mut inbox);
        assert_eq!(whole.len(), 1);
        assert_eq!(inbox.path(&whole[0]), path("a.csv"));
        assert!(path("link.csv").exists() && path("folder.csv").exists());
    }

    #[test]
    fn what_is_written_to_later_is_known() {
        let (dir, mut inbox) = inbox();
        let path = dir.path().join("a.csv");
        fs::write(&path, "x").unwrap();
        let delivery = whole(&mut inbox).remove(0);
        assert!(inbox.is_unchanged(&delivery).unwrap());
        fs::write(&path, "xx").unwrap();
        assert!(!inbox.is_unchanged(&delivery).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!inbox.is_unchanged(&delivery).unwrap());
    }

    #[test]
    fn the_folders_are_private_and_half_a_report_is_cleared() {
        let (dir, inbox) = inbox();
        drop(inbox);
        let accepted = dir.path().join("accepted");
        fs::set_permissions(&accepted, Permissions::from_mode(0o755)).unwrap();
        fs::write(accepted.join(filing::STAGED), "{\"ha").unwrap();
        let _inbox = Inbox::open(dir.path()).unwrap();
        for name in ["accepted", "rejected"] {
            let mode = fs::metadata(dir.path().join(name)).unwrap();
            assert_eq!(mode.permissions().mode() & 0o7777, 0o700);
        }
        assert_eq!(fs::read_dir(accepted).unwrap().count(), 0);
    }

    #[test]
    fn one_at_a_time() {
        let (dir, inbox) = inbox();
        let second = Inbox::open(dir.path()).err().unwrap();
        assert!(matches!(second, InboxError::Busy { .. }), "{second}");
        drop(inbox);
        Inbox::open(dir.path()).unwrap();
        let absent = Inbox::open(&dir.path().join("inbxo")).err().unwrap();
        assert!(matches!(absent, InboxError::Absent { .. }), "{absent}");
    }
}
