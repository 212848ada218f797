//! How a reader follows a channel over hours, with the clock in the hand of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use certq::live::Live;
use certq::log::Log;
use certq::memory::Memory;
use certq::metrics::Metrics;
use certq::refresh::{Look, Refresh, RefreshError};
use jiff::{SignedDuration, Timestamp};

use crate::register::{PUBLISHED_AT, Register, flip};
use crate::swap::withdrawn_on;

/// A refresh in this process.
pub(crate) struct Follower {
    pub(crate) refresh: Refresh,
    pub(crate) live: Arc<Live>,
    pub(crate) metrics: Arc<Metrics>,
    began: Instant,
    /// The wall clock.
    pub(crate) time: Timestamp,
}

impl Follower {
    pub(crate) fn new(register: &Register) -> Self {
        Self::within(register, Memory::below(Path::new("/")))
    }

    /// On a system with this memory.
    pub(crate) fn within(register: &Register, memory: Memory) -> Self {
        let live = Arc::new(Live::new(""));
        let metrics = Arc::new(Metrics::new(&[], Vec::new()));
        let log = Log::start(std::io::sink(), metrics.log_lines_dropped.clone(), || {
            Timestamp::UNIX_EPOCH
        });
        let mut source = register.source();
        source.memory = memory;
        Self {
            refresh: Refresh::new(source, Arc::clone(&live), Arc::clone(&metrics), log),
            live,
            metrics,
            began: Instant::now(),
            time: PUBLISHED_AT.parse().unwrap(),
        }
    }

    /// Looks, so many seconds after the start.
    pub(crate) fn look(&mut self, seconds: u64) -> Result<Look, RefreshError> {
        let now = self.began + Duration::from_secs(seconds);
        self.refresh.look(now, self.time)
    }

    /// The live epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.live.current().as_ref().unwrap().snapshot.epoch()
    }

    /// What `/readyz` says.
    pub(crate) fn readiness(&self) -> String {
        self.live.readiness().unwrap_or_else(|line| line)
    }

    /// Changes the live numbers in the private copy, and so in memory.
    fn rot(&self, register: &Register) {
        let current = self.live.current();
        let numbers = current.as_ref().unwrap().snapshot.manifest().layers[0].numbers;
        let path = register.path(&format!("cache/blobs/{}", numbers.sha256));
        flip(&path, 40);
    }
}

#[test]
fn an_epoch_beyond_a_gap_is_found_within_a_minute() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    follower.look(0).unwrap();
    register.publish(200, &withdrawn_on(1));
    for (seconds, epoch) in [(1, 107), (59, 107), (60, 200)] {
        follower.look(seconds).unwrap();
        assert_eq!(follower.epoch(), epoch, "after {seconds} s");
    }
}

#[test]
fn a_refused_epoch_is_tried_again_ever_more_rarely() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    follower.look(0).unwrap();
    register.publish(108, &withdrawn_on(1));
    let blob = register.blob_path(&register.rows_blob(&withdrawn_on(1)));
    flip(&blob, 100);
    let mut tried = Vec::new();
    for seconds in 0..200 {
        match follower.look(seconds) {
            Err(_) => tried.push(seconds),
            Ok(look) => assert_eq!(look, Look::Waiting),
        }
    }
    assert_eq!(tried, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    flip(&blob, 100);
    assert_eq!(follower.look(243).unwrap(), Look::UpToDate);
    assert_eq!(follower.epoch(), 108);
}

/// Puts a file into the channel that is no entry.
pub(crate) fn stray(register: &Register, epoch: u64) -> PathBuf {
    let path = register.path(&format!("store/channels/stable/{epoch:020}.json"));
    fs::write(&path, "{}").unwrap();
    path
}

#[test]
fn a_stray_file_far_ahead_keeps_no_good_epoch_from_being_taken() {
    let register = Register::published();
    for epoch in [9_999, u64::MAX] {
        stray(&register, epoch);
    }
    let mut follower = Follower::new(&register);
    let refused = follower.look(0).unwrap_err().to_string();
    assert!(refused.contains("18446744073709551615"), "{refused}");
    assert_eq!(follower.epoch(), 107);
    assert_eq!(follower.look(0).unwrap(), Look::Waiting);
    // The one that follows is found without a listing, the one beyond a gap with the next.
    for (epoch, day, seconds) in [(108, 1, 0), (200, 2, 60)] {
        register.publish(epoch, &withdrawn_on(day));
        follower.look(seconds).unwrap_err();
        assert_eq!(follower.epoch(), epoch);
    }
}

#[test]
fn as_many_refused_epochs_as_are_tried_are_passed_over() {
    for (strays, taken) in [(8, true), (9, false)] {
        let register = Register::published();
        for nth in 1..=strays {
            stray(&register, 1_000 * nth);
        }
        let mut follower = Follower::new(&register);
        follower.look(0).unwrap_err();
        assert_eq!(follower.live.current().is_some(), taken, "{strays} strays");
    }
}

#[test]
fn a_stray_file_that_is_removed_is_forgotten_within_a_minute() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    let path = stray(&register, 9_999);
    follower.look(0).unwrap_err();
    fs::remove_file(path).unwrap();
    assert_eq!(follower.look(60).unwrap(), Look::UpToDate);
}

#[test]
fn numbers_are_looked_after_while_a_newer_epoch_is_refused() {
    let register = Register::published();
    stray(&register, 9_999);
    let mut follower = Follower::new(&register);
    follower.look(0).unwrap_err();
    follower.rot(&register);
    let rotten = follower.look(0).unwrap_err().to_string();
    assert!(rotten.contains("rotted in memory"), "{rotten}");
}

#[test]
fn numbers_that_rot_in_memory_are_opened_again_within_a_minute() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    follower.look(0).unwrap();
    follower.look(1).unwrap();
    follower.rot(&register);
    assert_eq!(follower.look(60).unwrap(), Look::UpToDate);
    let rotten = follower.look(61).unwrap_err().to_string();
    assert!(rotten.contains("rotted in memory"), "{rotten}");
    assert_eq!(follower.look(121).unwrap(), Look::UpToDate);
    assert_eq!(follower.epoch(), 107);
}

/// A system with so much memory available.
fn memory(folder: &Path, bytes: u64) -> Memory {
    fs::create_dir_all(folder.join("proc")).unwrap();
    let text = format!("MemAvailable: {} kB\n", bytes >> 10);
    fs::write(folder.join("proc/meminfo"), text).unwrap();
    Memory::below(folder)
}

#[test]
fn a_generation_without_room_is_refused_until_there_is() {
    let register = Register::published();
    let system = register.path("system");
    // Without a live generation nothing is refused: a slow answer is better than none.
    let mut follower = Follower::within(&register, memory(&system, 0));
    follower.look(0).unwrap();
    register.publish(108, &withdrawn_on(1));
    let mut tried = Vec::new();
    for seconds in 0..20 {
        match follower.look(seconds) {
            Ok(look) => assert_eq!(look, Look::Waiting),
            Err(RefreshError::Memory {
                needed, available, ..
            }) => {
                assert_eq!((needed >> 20, available), (64, 0));
                tried.push(seconds);
            }
            Err(other) => panic!("{other}"),
        }
        assert_eq!(follower.epoch(), 107);
    }
    assert_eq!(tried, [0, 1, 3, 7, 15]);
    assert_eq!(follower.metrics.refresh_failures.get(), 5);
    let said = follower.readiness();
    let expected = "last refresh failed: epoch 108, generation 43 needs 65 MiB of memory and 0 MiB";
    assert!(said.contains(expected), "{said}");
    // Half a MiB more than the margin and the blobs need.
    memory(&system, 65 << 20);
    assert_eq!(follower.look(31).unwrap(), Look::UpToDate);
    assert_eq!(follower.epoch(), 108);
    assert_eq!(follower.readiness(), "ready: epoch 108, generation 43\n");
}

#[test]
fn an_old_generation_is_an_alarm_and_no_outage() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    let published_at = follower.time;
    let hours = SignedDuration::from_hours;
    let year = hours(365 * 24);
    follower.look(0).unwrap();
    // The store goes away, as the listing of each minute sees: that is when an alarm is needed.
    let (store, away) = (register.path("store"), register.path("away"));
    fs::rename(&store, &away).unwrap();
    for (age, old) in [
        (hours(25), false),
        (hours(25) + SignedDuration::from_nanos(1), true),
        // The clock jumps in both directions; published_at may lie in the future.
        (year, true),
        (-year, false),
        (hours(26), true),
        (hours(-26), false),
        (year, true),
    ] {
        follower.time = published_at + age;
        follower.look(60).unwrap_err();
        assert_eq!(
            follower.metrics.generation_old.get(),
            i64::from(old),
            "{age}"
        );
        let said = follower.live.readiness().unwrap();
        let line = "\nold: last published 2026-11-24T02:00:00Z; ";
        assert_eq!(said.contains(line), old, "{age}: {said}");
        assert_eq!(follower.epoch(), 107);
    }
    fs::rename(&away, &store).unwrap();
    // A newer epoch ends it, though the wall clock stands where it stood.
    register.publish_at(108, &withdrawn_on(1), follower.time);
    follower.look(61).unwrap();
    assert_eq!(follower.metrics.generation_old.get(), 0);
    assert_eq!(follower.readiness(), "ready: epoch 108, generation 43\n");
}

#[test]
fn a_clock_that_jumps_changes_neither_pauses_nor_what_is_taken() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    let year = SignedDuration::from_hours(365 * 24);
    let published_at = follower.time;
    follower.look(0).unwrap();
    for (seconds, epoch, day, jump) in [(1, 108, 1, -year), (2, 109, 2, year), (3, 110, 3, -year)] {
        follower.time = published_at + jump;
        register.publish(epoch, &withdrawn_on(day));
        follower.look(seconds).unwrap();
        assert_eq!(follower.epoch(), epoch);
    }
    stray(&register, 111);
    let mut tried = Vec::new();
    for seconds in 4..12 {
        follower.time = published_at + if seconds % 2 == 0 { year } else { -year };
        tried.extend(follower.look(seconds).is_err().then_some(seconds));
    }
    assert_eq!(tried, [4, 5, 7, 11]);
}

#[test]
fn what_was_damaged_when_asked_is_not_passed_on() {
    let register = Register::published();
    let mut follower = Follower::new(&register);
    follower.look(0).unwrap();
    let layers = follower
        .live
        .current()
        .as_ref()
        .unwrap()
        .snapshot
        .manifest()
        .layers
        .clone();
    let cached = register.path(&format!("cache/blobs/{}", layers[0].rows.sha256));
    let renew = |epoch: u64| {
        let manifest = register.manifest_of(epoch - 65, layers.clone(), &withdrawn_on(1));
        register.publish_manifest(epoch, manifest);
    };
    // Rot that nobody has met is shared with the next generation ...
    flip(&cached, 100);
    renew(108);
    follower.look(1).unwrap();
    let whole = || snapshot::Digest::of(&fs::read(&cached).unwrap()) == layers[0].rows.sha256;
    assert!(!whole());
    // ... and rot that a look-up has met brings a new copy.
    follower.metrics.damaged_answers.inc();
    renew(109);
    follower.look(2).unwrap();
    assert_eq!(follower.epoch(), 109);
    assert!(whole());
}
