//! Rounds of `watch` with the time given: when it publishes although nothing was delivered.

use std::fs;
use std::sync::atomic::AtomicI64;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use snapshot::{Channel, Store, keyfile};

use super::*;
use crate::compile::tests::{ACCEPTANCE, Centre, issues};
use certificate::sample::Population;

/// As on a command line.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// A centre with keys, an inbox and a ledger of one batch, not published.
fn centre() -> (Centre, Args) {
    let centre = Centre::new();
    keyfile::create_missing(&centre.path("keys")).unwrap();
    fs::create_dir(centre.path("inbox")).unwrap();
    let names = ["inbox", "registry", "ledger", "keys", "store"];
    let flags = names.map(|name| format!("--{name}={}", centre.path(name).display()));
    let line = ["watch".to_owned()].into_iter().chain(flags);
    let args = Line::parse_from(line).args;
    (centre, args)
}

fn epochs(centre: &Centre) -> usize {
    let store = Store::open(&centre.path("store"));
    let channel = Channel::parse("stable").unwrap();
    store.epochs(&channel).map_or(0, |epochs| epochs.len())
}

#[test]
fn the_live_epoch_is_renewed_once_a_day_although_nothing_is_delivered() {
    static SECOND: AtomicI64 = AtomicI64::new(1_606_694_400);
    fn clock() -> Timestamp {
        Timestamp::from_second(SECOND.load(Ordering::Relaxed)).unwrap()
    }
    let (centre, args) = centre();
    centre.accept(&ACCEPTANCE, &issues(&Population::new(50, 3)));
    let context = Context {
        now: clock(),
        clock,
        json: false,
    };
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let mut watch = Watch::begin(&args, &context, &stop, start).unwrap();
    // What was accepted by hand is published at once.
    assert_eq!(watch.step(start).unwrap(), POLL);
    assert_eq!(epochs(&centre), 1);
    SECOND.fetch_add(25 * 3600, Ordering::Relaxed);
    let almost = IDLE - Duration::from_millis(1);
    watch.step(start + almost).unwrap();
    assert_eq!(epochs(&centre), 1, "ten minutes are not over");
    watch.step(start + IDLE).unwrap();
    assert_eq!(epochs(&centre), 2, "renewed");
    watch.step(start + IDLE * 2).unwrap();
    assert_eq!(epochs(&centre), 2, "young enough");
}

#[test]
fn nothing_is_published_before_anything_was_accepted() {
    let (centre, args) = centre();
    let context = Context {
        now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1),
        clock: || Timestamp::UNIX_EPOCH,
        json: false,
    };
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let mut watch = Watch::begin(&args, &context, &stop, start).unwrap();
    watch.step(start).unwrap();
    assert!(!centre.path("store").exists());
    assert!(!centre.path("ledger").exists());
}

#[test]
fn once_it_is_told_to_stop_nothing_more_is_begun() {
    let (centre, args) = centre();
    centre.accept(&ACCEPTANCE, &issues(&Population::new(50, 3)));
    let context = Context {
        now: Timestamp::UNIX_EPOCH,
        clock: || Timestamp::UNIX_EPOCH,
        json: false,
    };
    let stop = AtomicBool::new(true);
    let start = Instant::now();
    let mut watch = Watch::begin(&args, &context, &stop, start).unwrap();
    fs::write(centre.path("inbox/a.csv"), "not judged").unwrap();
    fs::write(centre.path("inbox/a.csv.ok"), "").unwrap();
    watch.step(start).unwrap();
    assert!(centre.path("inbox/a.csv").exists());
    assert!(!centre.path("store").exists());
    stop.store(false, Ordering::Relaxed);
    watch.step(start).unwrap();
    assert!(centre.path("inbox/rejected/a.csv").exists());
    assert!(!centre.path("inbox/a.csv.ok").exists());
    assert_eq!(epochs(&centre), 1);
}
