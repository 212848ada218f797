//! Every system call refused: a full disk, a broken one, no more descriptors, an interruption;
//! once, and from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::centre::{Centre, Work};
use crate::chance::{Chance, cases};
use crate::oracle::{Found, Oracle};
use crate::scenario::{SCENARIOS, Scenario};
use crate::strace::{self, Point, Strike, Struck};

/// Faults of the slice, over all scenarios.
const SLICE: usize = 49;

/// How a run may end that the system refused something: done all the same, refused, unusable
/// input, I/O error. 70 would be a bug, 101 a panic that nobody caught.
const ENDINGS: [i32; 4] = [0, 2, 65, 74];

#[derive(Default)]
struct Tally {
    faults: usize,
    found: BTreeMap<Found, usize>,
    endings: BTreeMap<i32, usize>,
    calls: BTreeMap<String, usize>,
    /// What was told, of endings other than 0 and 74.
    told: BTreeSet<String>,
}

#[test]
fn errors() {
    let centre = Centre::new();
    let share = cases("CERTQ_FAULTS", SLICE).div_ceil(SCENARIOS.len());
    thread::scope(|scope| {
        let running: Vec<_> = SCENARIOS
            .iter()
            .map(|scenario| scope.spawn(|| refuse_in_scenario(&centre, scenario, share)))
            .collect();
        for (scenario, tally) in SCENARIOS.iter().zip(running) {
            let tally = tally.join().expect("no fault did damage");
            println!(
                "{}: {} faults; exit codes {:?}; found {:?}; at {:?}",
                scenario.name, tally.faults, tally.endings, tally.found, tally.calls
            );
            for told in tally.told {
                println!("    {told}");
            }
        }
    });
}

fn refuse_in_scenario(centre: &Centre, scenario: &Scenario, share: usize) -> Tally {
    let oracle = Oracle::of(centre, scenario);
    let work = oracle.work();
    work.reset(&oracle.template);
    let points = strace::survey(&work, scenario.command);
    let strikes: Vec<(Point, Strike)> = points.iter().flat_map(strikes_at).collect();
    let mut chance = Chance::of(scenario.name);
    let mut tally = Tally::default();
    // A few do not come about: after the first error the run may go another way.
    for (point, strike) in chance.choose(strikes, usize::MAX, |(point, _)| point.call.clone()) {
        if tally.faults == share {
            return tally;
        }
        work.reset(&oracle.template);
        let struck = strace::strike(&work, scenario.command, &point, &strike);
        let judged = judge(&oracle, &work, scenario, &strike, &struck);
        let found = judged.unwrap_or_else(|wrong| {
            panic!(
                "{}, {strike:?} at {point:?}: {wrong}; it ended {:?}: {}\n{}",
                scenario.name, struck.run.code, struck.run.err, struck.trace
            )
        });
        if struck.fired {
            tally.faults += 1;
            *tally.found.entry(found).or_default() += 1;
            *tally.endings.entry(struck.run.code.unwrap()).or_default() += 1;
            if ![Some(0), Some(74)].contains(&struck.run.code) {
                let told = struck.run.err.trim();
                tally
                    .told
                    .insert(format!("{strike:?} at {}: {told}", point.call));
            }
            *tally.calls.entry(point.call).or_default() += 1;
        }
    }
    assert!(tally.faults >= share.min(points.len()), "{}", tally.faults);
    tally
}

/// The errors that Linux documents for a call, once and for ever. An interruption for ever would
/// be retried for ever.
fn strikes_at(point: &Point) -> Vec<(Point, Strike)> {
    let errors: &[&str] = match point.call.as_str() {
        "openat" => &["EIO", "EMFILE", "ENOSPC", "EDQUOT", "EACCES"],
        "write" | "pwrite64" | "copy_file_range" | "fsync" | "fdatasync" => {
            &["EIO", "ENOSPC", "EDQUOT"]
        }
        "rename" | "link" | "linkat" | "mkdir" => &["EIO", "ENOSPC", "EDQUOT", "EROFS"],
        "unlink" | "unlinkat" | "rmdir" | "fchmod" | "chmod" => &["EIO", "EROFS"],
        "read" | "pread64" | "getdents64" | "lseek" | "statx" | "newfstatat" | "flock" => &["EIO"],
        // Nothing but a mapping of memory or of a file; and a thread.
        "clone3" => &["EAGAIN"],
        _ => &[],
    };
    let interrupted = ["openat", "write", "read", "pread64", "fsync", "flock"];
    let once = errors.iter().map(|error| Strike::Fail(error));
    let for_ever = errors.iter().map(|error| Strike::FailForEver(error));
    let interruption = interrupted
        .contains(&point.call.as_str())
        .then_some(Strike::Fail("EINTR"));
    once.chain(for_ever)
        .chain(interruption)
        .map(|strike| (point.clone(), strike))
        .collect()
}

fn judge(
    oracle: &Oracle,
    work: &Work,
    scenario: &Scenario,
    strike: &Strike,
    struck: &Struck,
) -> Result<Found, String> {
    let code = struck.run.code.ok_or("a signal ended it")?;
    if !ENDINGS.contains(&code) || struck.run.err.contains("panicked") {
        return Err("no ending for a fault".to_owned());
    }
    if code != 0 && struck.run.err.lines().count() > 1 {
        return Err("not told in one line".to_owned());
    }
    let retried = synced_after_an_error(&struck.trace);
    if !retried.is_empty() && !matches!(strike, Strike::Fail("EINTR")) {
        return Err(format!("synced again after an error: {retried:?}"));
    }
    let found = oracle.judge_run(work, struck.run.acknowledged())?;
    match code == 0 && found != Found::New && !scenario.is_watch() {
        true => Err(format!("done, but {found:?}")),
        false => Ok(found),
    }
}

/// Files that were given to `fsync` after `fsync` had failed on them. The kernel may have dropped
/// what it could not write, so a second call would say that all is well.
fn synced_after_an_error(trace: &str) -> BTreeSet<&str> {
    let mut failed = BTreeSet::new();
    let mut again = BTreeSet::new();
    for line in trace.lines() {
        let Some((_, call)) = line.split_once("sync(") else {
            continue;
        };
        let file = call.split(['<', '>']).nth(1).unwrap_or_default();
        if failed.contains(file) {
            again.insert(file);
        }
        if line.contains("(INJECTED)") {
            failed.insert(file);
        }
    }
    again
}

#[test]
fn a_second_sync_of_the_same_file_is_seen() {
    let trace = "\
fsync(5</s/a>) = 0
fsync(5</s/a>) = -1 EIO (Input/output error) (INJECTED)
7 fsync(5</s/b>) = 0
";
    assert!(synced_after_an_error(trace).is_empty());
    let again = format!("{trace}fsync(6</s/a>) = 0\n");
    assert_eq!(synced_after_an_error(&again), BTreeSet::from(["/s/a"]));
}
