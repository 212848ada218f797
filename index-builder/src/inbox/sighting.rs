//! When a file is whole: it has not changed for half a second, or a marker says so.
//!
//! Nothing here looks at a disk or a clock: it is told what lies there and when that was seen.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::time::{Duration, Instant, SystemTime};

/// A file that has not changed for so long is taken to be whole.
const STEADY: Duration = Duration::from_millis(500);

/// A marker without its file is removed after so long. It came after its file had been taken, and
/// would vouch for the next file of that name while that one is being written.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// What the name of a marker ends with.
const MARKER: &str = ".ok";

/// What tells that a file was written to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

/// A file that was delivered and is whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Delivery {
    /// Its name in the inbox.
    pub(crate) name: OsString,
    pub(super) stamp: Stamp,
}

/// What one look found, and since when it has been like that.
#[derive(Default)]
pub(super) struct Sightings(HashMap<OsString, (Stamp, Instant)>);

/// What is to be done after a look.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Look {
    /// Whole files: the oldest first, then by name, so that the order does not depend on the disk.
    pub(super) ready: Vec<Delivery>,
    /// Markers whose files are gone.
    pub(super) forgotten: Vec<OsString>,
}

impl Stamp {
    /// # Errors
    ///
    /// On a file system that keeps no time of modification.
    pub(super) fn of(metadata: &Metadata) -> std::io::Result<Self> {
        Ok(Self {
            modified: metadata.modified()?,
            bytes: metadata.len(),
        })
    }
}

impl Sightings {
    /// Takes note of what lies in the inbox now: batches and markers, everything else left out.
    pub(super) fn look(&mut self, listed: Vec<(OsString, Stamp)>, now: Instant) -> Look {
        let names: HashSet<OsString> = listed.iter().map(|(name, _)| name.clone()).collect();
        self.0.retain(|name, _| names.contains(name));
        let mut look = Look::default();
        for (name, stamp) in listed {
            let unchanged_for = self.unchanged_for(&name, stamp, now);
            match marked(&name) {
                Some(file) if names.contains(file) => {}
                Some(_) if unchanged_for >= FORGOTTEN => look.forgotten.push(name),
                Some(_) => {}
                None if unchanged_for >= STEADY || names.contains(&marker(&name)) => {
                    look.ready.push(Delivery { name, stamp });
                }
                None => {}
            }
        }
        let order = |delivery: &Delivery| (delivery.stamp.modified, delivery.name.clone());
        look.ready.sort_by_key(order);
        look
    }

    fn unchanged_for(&mut self, name: &OsStr, stamp: Stamp, now: Instant) -> Duration {
        let sighting = self.0.entry(name.to_owned()).or_insert((stamp, now));
        if sighting.0 != stamp {
            *sighting = (stamp, now);
        }
        now.duration_since(sighting.1)
    }
}

/// Whether a name is that of a batch or of a marker of one. Dotfiles, and what is still being
/// written under another ending (`.part`, `.tmp`), are neither.
pub(super) fn is_of_interest(name: &OsStr) -> bool {
    let file = marked(name).unwrap_or(name);
    let bytes = file.as_encoded_bytes();
    let ends_with = |ending: &str| {
        let at = bytes.len().checked_sub(ending.len());
        at.is_some_and(|at| bytes[at..].eq_ignore_ascii_case(ending.as_bytes()))
    };
    !bytes.starts_with(b".") && [".csv", ".xlsx"].into_iter().any(ends_with)
}

/// The marker that vouches for a file.
pub(super) fn marker(file: &OsStr) -> OsString {
    let mut name = file.to_owned();
    name.push(MARKER);
    name
}

/// The file that a marker vouches for; `None` when this is no marker.
fn marked(name: &OsStr) -> Option<&OsStr> {
    use std::os::unix::ffi::OsStrExt;
    let file = name.as_bytes().strip_suffix(MARKER.as_bytes())?;
    Some(OsStr::from_bytes(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of this name, last written to so many seconds after the epoch.
    fn file(name: &str, modified: u64, bytes: u64) -> (OsString, Stamp) {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(modified);
        (name.into(), Stamp { modified, bytes })
    }

    fn names(look: &Look) -> Vec<&str> {
        let ready = look.ready.iter();
        ready
            .map(|delivery| delivery.name.to_str().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_whole_when_it_has_not_changed_for_half_a_second() {
        let mut sightings = Sightings::default();
        let start = Instant::now();
        let mut at = |ms: u64, listed: Vec<(OsString, Stamp)>| {
            let look = sightings.look(listed, start + Duration::from_millis(ms));
            look.ready.len()
        };
        assert_eq!(at(0, vec![file("a.csv", 1, 10)]), 0);
        assert_eq!(at(499, vec![file("a.csv", 1, 10)]), 0);
        // It grew, then it was written to without growing.
        assert_eq!(at(500, vec![file("a.csv", 1, 11)]), 0);
        assert_eq!(at(999, vec![file("a.csv", 2, 11)]), 0);
        assert_eq!(at(1_498, vec![file("a.csv", 2, 11)]), 0);
        assert_eq!(at(1_499, vec![file("a.csv", 2, 11)]), 1);
        // It was gone: another one of the same name starts anew.
        assert_eq!(at(1_500, vec![]), 0);
        assert_eq!(at(2_100, vec![file("a.csv", 2, 11)]), 0);
        assert_eq!(at(2_600, vec![file("a.csv", 2, 11)]), 1);
    }

    #[test]
    fn a_marker_vouches_at_once() {
        let mut sightings = Sightings::default();
        let listed = vec![
            file("b.csv", 1, 1),
            file("a.csv", 1, 1),
            file("a.csv.ok", 1, 0),
        ];
        assert_eq!(names(&sightings.look(listed, Instant::now())), ["a.csv"]);
    }

    #[test]
    fn a_marker_whose_file_is_gone_is_forgotten_after_a_while() {
        let mut sightings = Sightings::default();
        let start = Instant::now();
        let marker = || vec![file("a.csv.ok", 1, 0)];
        assert_eq!(sightings.look(marker(), start), Look::default());
        let before = start + FORGOTTEN - Duration::from_millis(1);
        assert_eq!(sightings.look(marker(), before), Look::default());
        let look = sightings.look(marker(), start + FORGOTTEN);
        assert_eq!(look.forgotten, ["a.csv.ok"]);
        // With its file it stays, however old.
        let both = vec![file("a.csv.ok", 1, 0), file("a.csv", 1, 1)];
        let look = sightings.look(both, start + FORGOTTEN);
        assert_eq!((names(&look), look.forgotten.len()), (vec!["a.csv"], 0));
    }

    #[test]
    fn the_oldest_first_then_by_name() {
        let mut sightings = Sightings::default();
        let start = Instant::now();
        let listed = || {
            vec![
                file("c.csv", 2, 1),
                file("b.xlsx", 2, 1),
                file("a.csv", 3, 1),
                file("d.csv", 1, 9),
            ]
        };
        sightings.look(listed(), start);
        let look = sightings.look(listed(), start + STEADY);
        assert_eq!(names(&look), ["d.csv", "b.xlsx", "c.csv", "a.csv"]);
    }

    #[test]
    fn what_is_of_interest() {
        for name in [
            "a.csv",
            "A.CSV",
            "b.XlsX",
            "名册.csv",
            "a.csv.ok",
            "b.XLSX.ok",
            "a.tmp.csv",
        ] {
            assert!(is_of_interest(OsStr::new(name)), "{name}");
        }
        for name in [
            ".a.csv",
            ".a.csv.ok",
            "a.csv.part",
            "a.csv.tmp",
            "a.ok",
            "ok",
            "a.xls",
            "csv",
            "a",
            "a.csv.report.json",
            ".csv",
            "a.csv.OK",
        ] {
            assert!(!is_of_interest(OsStr::new(name)), "{name}");
        }
    }
}
