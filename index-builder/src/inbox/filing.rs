//! Files a batch away with its report: the report first and durable, then the batch.
//!
//! A kill between the two leaves a report without its batch, which is still in the inbox. It is
//! judged again, the report is known by the digest in it, and both end under the same name.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde_json::Value;

use super::error::InboxError;

/// What the name of a report ends with, after that of its batch.
const REPORT: &str = ".report.json";

/// A report on its way; there is one at a time. A killed `watch` leaves it, the next removes it.
pub(super) const STAGED: &str = ".report.staged";

/// Longest name given to a batch: with a number and the report's ending it fits into the 255
/// bytes that file systems allow.
const NAME_BYTES_MOST: usize = 220;

/// Puts `batch` into `folder` with its report, under its own name or, when that is taken, under
/// one with a number (`a.2.csv`). Returns the name.
pub(super) fn file_away(batch: &Path, folder: &Path, report: &str) -> Result<String, InboxError> {
    let name = batch.file_name().unwrap_or(OsStr::new("batch"));
    let name = free_name(folder, &name.to_string_lossy(), report)?;
    write_report(folder, &report_of(folder, &name), report)?;
    rename_new(batch, &folder.join(&name))?;
    sync(folder)?;
    Ok(name)
}

/// The first name under which neither a batch lies nor another batch's report. The lock on the
/// inbox sees to it that it stays free.
fn free_name(folder: &Path, wish: &str, report: &str) -> Result<String, InboxError> {
    for number in 1_u64.. {
        let name = numbered(wish, number);
        if !exists(&folder.join(&name))? && is_ours(&report_of(folder, &name), report)? {
            return Ok(name);
        }
    }
    unreachable!("2^64 files of one name")
}

/// `a.csv`, `a.2.csv`, `a.3.csv`, …
fn numbered(wish: &str, number: u64) -> String {
    let (stem, ending) = wish.rsplit_once('.').unwrap_or((wish, ""));
    let most = NAME_BYTES_MOST.saturating_sub(ending.len());
    let stem = &stem[..stem.floor_char_boundary(most)];
    match number {
        1 => format!("{stem}.{ending}"),
        number => format!("{stem}.{number}.{ending}"),
    }
}

fn report_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{REPORT}"))
}

/// Whether a report may be written here: there is none, or the one there is about the same bytes.
fn is_ours(path: &Path, report: &str) -> Result<bool, InboxError> {
    let there = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        there => there.map_err(InboxError::io("read", path))?,
    };
    let ours = report.as_bytes();
    Ok(there == ours || digest(&there).is_some_and(|there| digest(ours) == Some(there)))
}

/// The digest of the batch that a report is about.
fn digest(report: &[u8]) -> Option<String> {
    let report: Value = serde_json::from_slice(report).ok()?;
    report["sha256"].as_str().map(str::to_owned)
}

fn exists(path: &Path) -> Result<bool, InboxError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true).map_err(InboxError::io("read", path)),
    }
}

/// Writes a report so that it is there whole or not at all. An error of `fsync` is not retried.
fn write_report(folder: &Path, path: &Path, report: &str) -> Result<(), InboxError> {
    let staged = folder.join(STAGED);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&staged)
        .map_err(InboxError::io("create", &staged))?;
    file.write_all(report.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(InboxError::io("write", &staged))?;
    fs::rename(&staged, path).map_err(InboxError::io("create", path))?;
    sync(folder)
}

/// Renames to a name that was seen free. Where the file system can refuse to replace a file that
/// somebody made meanwhile, it is told to; some network file systems cannot.
fn rename_new(from: &Path, to: &Path) -> Result<(), InboxError> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        renamed => renamed.map_err(io::Error::from),
    }
    .map_err(InboxError::io("create", to))
}

/// Makes the names in a directory durable.
pub(super) fn sync(folder: &Path) -> Result<(), InboxError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(InboxError::io("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files a batch of these bytes away; the report holds `digest` and a remark.
    fn file(dir: &Path, batch: &str, digest: Option<&str>, remark: &str) -> String {
        let path = dir.join("a.csv");
        fs::write(&path, batch).unwrap();
        let report = serde_json::json!({"sha256": digest, "remark": remark}).to_string();
        let folder = dir.join("accepted");
        fs::create_dir_all(&folder).unwrap();
        let name = file_away(&path, &folder, &report).unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(folder.join(&name)).unwrap(), batch);
        let written = fs::read_to_string(report_of(&folder, &name)).unwrap();
        assert_eq!(written, report);
        name
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let dir = tempfile::tempdir().unwrap();
        for (batch, name) in [("1", "a.csv"), ("2", "a.2.csv"), ("3", "a.3.csv")] {
            assert_eq!(file(dir.path(), batch, Some(batch), ""), name);
        }
        // The three batches, their reports, and nothing staged.
        assert_eq!(
            fs::read_dir(dir.path().join("accepted")).unwrap().count(),
            6
        );
    }

    #[test]
    fn a_report_whose_batch_is_missing_is_known_by_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(file(dir.path(), "1", Some("x"), "first"), "a.csv");
        fs::remove_file(dir.path().join("accepted/a.csv")).unwrap();
        assert_eq!(file(dir.path(), "2", Some("y"), "another"), "a.2.csv");
        assert_eq!(file(dir.path(), "1", Some("x"), "again"), "a.csv");
        // A file that could not be read has no digest, and its report is known only by itself.
        fs::remove_file(dir.path().join("accepted/a.csv")).unwrap();
        fs::remove_file(dir.path().join("accepted/a.csv.report.json")).unwrap();
        assert_eq!(file(dir.path(), "3", None, "unreadable"), "a.csv");
        fs::remove_file(dir.path().join("accepted/a.csv")).unwrap();
        assert_eq!(file(dir.path(), "4", None, "otherwise"), "a.3.csv");
        assert_eq!(file(dir.path(), "3", None, "unreadable"), "a.csv");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = numbered(&format!("{}.xlsx", "证".repeat(83)), 12);
        assert!(name.ends_with("证.12.xlsx"), "{name}");
        // There is room for a number of 20 digits.
        assert!(name.len() + REPORT.len() + 18 <= 255, "{}", name.len());
        assert_eq!(numbered("a.b.csv", 1), "a.b.csv");
        assert_eq!(numbered("a.b.csv", 2), "a.b.2.csv");
    }
}
