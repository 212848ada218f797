//! Which snapshot is live, and whether the process is ready.
//!
//! A request loads the current snapshot once, after its body has been read, and hands it down as
//! a reference; endpoints are plain functions, so a guard cannot cross an await and an answer
//! cannot mix two registers. Replacing hands the old snapshot back, because dropping it unmaps
//! gigabytes, which is no work for a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use certificate::Date;
use jiff::Timestamp;
use jiff::tz::{self, Offset};
use snapshot::Snapshot;

use crate::phrases::Phrases;
use crate::stamp::Stamp;
use crate::statistics::Statistics;

/// Asia/Shanghai, which has had no summer time since 1991; so no time zone data are needed.
const SHANGHAI: Offset = tz::offset(8);

/// A snapshot with what every answer from it repeats.
#[derive(Debug)]
pub struct Current {
    /// The register's state.
    pub snapshot: Snapshot,
    /// The JSON object `as_of` of every answer.
    pub as_of: String,
    /// What answers repeat of the texts.
    pub phrases: Phrases,
    /// The minute of publication in Asia/Shanghai, for people.
    pub as_of_minute: String,
    /// The day of publication in Asia/Shanghai, for which the catalogue is shown.
    pub day: Date,
    stamp: Stamp,
    statistics: OnceLock<Statistics>,
}

/// Whether the process gets on, as far as the public is told: not why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Health {
    /// The last attempt to take a newer generation failed.
    pub refresh_failed: bool,
    /// The live epoch was published too long ago.
    pub old: bool,
}

/// The current snapshot of the process, if it has one. Shared by the requests, which read, and
/// the refresh thread, which alone replaces.
#[derive(Debug)]
pub struct Live {
    current: ArcSwapOption<Current>,
    trouble: ArcSwap<String>,
    old: AtomicBool,
    draining: AtomicBool,
}

impl Current {
    /// Prepares a snapshot for answering.
    pub fn new(snapshot: Snapshot) -> Self {
        let (epoch, generation) = (snapshot.epoch(), snapshot.generation());
        let published_at = snapshot.published_at();
        Self {
            as_of: format!(
                r#"{{"epoch":{epoch},"generation":{generation},"published_at":"{published_at:.0}"}}"#
            ),
            phrases: Phrases::new(snapshot.texts()),
            as_of_minute: SHANGHAI
                .to_datetime(published_at)
                .strftime("%Y-%m-%d %H:%M")
                .to_string(),
            day: day_in_shanghai(published_at),
            stamp: Stamp::new(epoch, generation),
            statistics: OnceLock::new(),
            snapshot,
        }
    }

    /// What its answers say of it in their heads.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// What the register holds, in counts. The first to ask adds it up; all others read.
    pub fn statistics(&self) -> &Statistics {
        self.statistics
            .get_or_init(|| Statistics::of(self.snapshot.texts()))
    }
}

fn day_in_shanghai(at: Timestamp) -> Date {
    SHANGHAI.to_datetime(at).date()
}

impl Live {
    /// No snapshot yet, and this is why.
    pub fn new(trouble: &str) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            trouble: ArcSwap::from_pointee(trouble.to_owned()),
            old: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// The snapshot to answer one request from. Cost: some nanoseconds, no lock. Load it once a
    /// request, and do not hold it across an await.
    pub fn current(&self) -> Guard<Option<Arc<Current>>> {
        self.current.load()
    }

    /// The snapshot to answer a whole list from, held as long as that takes.
    pub fn hold(&self) -> Option<Arc<Current>> {
        self.current.load_full()
    }

    /// Makes a snapshot live and returns the one before, which requests may still be reading.
    pub fn replace(&self, current: Arc<Current>) -> Option<Arc<Current>> {
        self.trouble.store(Arc::default());
        self.current.swap(Some(current))
    }

    /// Remembers what keeps the process from taking a newer snapshot; empty when nothing does.
    pub fn set_trouble(&self, trouble: &str) {
        self.trouble.store(Arc::new(trouble.to_owned()));
    }

    /// Remembers whether the live epoch was published too long ago.
    pub fn set_old(&self, old: bool) {
        self.old.store(old, Ordering::Relaxed);
    }

    /// What the public may know of the service's state.
    pub fn health(&self) -> Health {
        Health {
            refresh_failed: !self.trouble.load().is_empty(),
            old: self.old.load(Ordering::Relaxed),
        }
    }

    /// From now on not ready: the process ends soon.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether to send requests here, with a line for people, and one for each thing to look
    /// after. An old snapshot is an alarm by its age, not a reason to stop answering.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn readiness(&self) -> Result<String, String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("not ready: draining\n".to_owned());
        }
        let trouble = self.trouble.load();
        let Some(current) = &*self.current() else {
            return Err(format!("not ready: no valid generation: {trouble}\n"));
        };
        let (epoch, generation) = (current.snapshot.epoch(), current.snapshot.generation());
        let mut line = format!("ready: epoch {epoch}, generation {generation}\n");
        if !trouble.is_empty() {
            line += &format!("last refresh failed: {trouble}\n");
        }
        if self.old.load(Ordering::Relaxed) {
            let published_at = current.snapshot.published_at();
            line += &format!("old: last published {published_at:.0}; see whether publish runs\n");
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_at_midnight_in_shanghai() {
        for (at, day) in [
            ("2026-11-24T15:59:59Z", Date::constant(2026, 11, 24)),
            ("2026-11-24T16:00:00Z", Date::constant(2026, 11, 25)),
        ] {
            assert_eq!(day_in_shanghai(at.parse().unwrap()), day);
        }
    }

    #[test]
    fn health_follows_trouble_and_age() {
        let live = Live::new("");
        let health = |refresh_failed, old| Health {
            refresh_failed,
            old,
        };
        assert_eq!(live.health(), health(false, false));
        live.set_trouble("the store is away");
        live.set_old(true);
        assert_eq!(live.health(), health(true, true));
    }

    #[test]
    fn without_a_snapshot_readiness_says_why() {
        let live = Live::new("starting");
        assert_eq!(
            live.readiness(),
            Err("not ready: no valid generation: starting\n".to_owned())
        );
        live.set_trouble("the channel is empty");
        assert!(
            live.readiness()
                .unwrap_err()
                .contains("the channel is empty")
        );
        live.drain();
        assert_eq!(live.readiness(), Err("not ready: draining\n".to_owned()));
    }
}
