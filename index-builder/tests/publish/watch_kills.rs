//! `watch` is killed again and again, at times that a seed chooses: in the end every batch is in
//! the ledger once, lies in `accepted/` once, and is published.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::centre::{Centre, VERIFY};
use crate::watching::Watcher;

/// Seeded, small (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// How often it is killed, unless `CERTQ_KILLS` says otherwise.
const KILLS: u32 = 40;

#[test]
fn killed_anywhere_nothing_is_lost_and_nothing_is_there_twice() {
    let kills = std::env::var("CERTQ_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let centre = Centre::waiting(1_200, 12);
    let made = centre.made();
    for name in &made {
        centre.deliver(name, name);
        centre.vouch(name);
    }
    let mut random = Random(11);
    let mut interrupted = 0;
    for kill in 0..kills {
        let watcher = Watcher::spawn(&centre);
        // Some before it begins, some at an event, some between two.
        for _ in 0..random.below(4) {
            if watcher.next().is_none() {
                break;
            }
            if centre.path("inbox/accepted").exists() && waiting(&centre) == 0 {
                break;
            }
        }
        thread::sleep(Duration::from_micros(random.below(60_000)));
        watcher.kill();
        interrupted += u32::from(waiting(&centre) > 0);
        whole(&centre);
        // Deliver the first ones again, so that there is always something to be killed at.
        if waiting(&centre) == 0 {
            let name = &made[usize::try_from(random.below(12)).unwrap()];
            centre.deliver(name, &format!("again-{kill}-{name}"));
        }
    }
    assert!(interrupted > 2, "killed {interrupted} times with work left");
    settle(&centre);
    centre.run(VERIFY).silent(0);
    assert_eq!(centre.names("ledger/batches").len(), made.len());
    assert_eq!(centre.names("inbox"), ["accepted", "rejected"]);
    assert!(centre.names("inbox/rejected").is_empty());
    let accepted = centre.names("inbox/accepted");
    for name in &made {
        assert!(accepted.contains(name), "{name}");
        let numbered = format!("{}.2.csv", name.trim_end_matches(".csv"));
        assert!(!accepted.contains(&numbered), "{name} twice");
        let bytes = |path: &str| fs::read(centre.path(path)).unwrap();
        assert_eq!(
            bytes(&format!("inbox/accepted/{name}")),
            bytes(&format!("made/{name}"))
        );
    }
    for name in accepted.iter().filter(|name| name.ends_with(".csv")) {
        let report = centre.report(&format!("accepted/{name}"));
        assert_eq!(report["rows"], report["admitted"], "{name}");
    }
    assert_eq!(accepted.len() % 2, 0, "a report for each: {accepted:?}");
}

/// Batches in the inbox.
fn waiting(centre: &Centre) -> usize {
    let names = centre.names("inbox");
    names.iter().filter(|name| name.ends_with(".csv")).count()
}

/// What a reader sees right after a kill: the store, as far as there is one, is readable.
fn whole(centre: &Centre) {
    let published = centre.path("store/channels/stable");
    if published.exists() && fs::read_dir(published).unwrap().next().is_some() {
        let verified = centre.run("verify --store store --keys keys --ledger ledger");
        assert_eq!(verified.code, 0, "{}", verified.err);
    }
}

/// Lets it finish, and end.
fn settle(centre: &Centre) {
    let watcher = Watcher::start(centre);
    loop {
        let live = || centre.run(VERIFY).out.contains("publish them");
        if waiting(centre) == 0 && !live() && centre.path("store/channels/stable").exists() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(watcher.terminate().code, 0);
}
