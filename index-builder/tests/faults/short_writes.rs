//! Disks that take only a part of what is written: a limit on the size of files, which the kernel
//! enforces in the middle of a write, and a file system that is full.

use std::fs;
use std::process::Command;

use crate::centre::{Centre, Run, Work, copy_tree};
use crate::chance::{Chance, cases};
use crate::oracle::{Found, Oracle};
use crate::scenario::{SCENARIOS, Scenario};

/// Cases of the slice, for each of the three ways and each scenario.
const SLICE: usize = 1;

/// No file of these scenarios is longer than 2 to the power of this and 4.
const LONGEST_BITS: usize = 11;

/// A way in which a write falls short.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The rest of the write is refused with EFBIG.
    Limit,
    /// The rest of the write kills: SIGXFSZ, as a service manager's limit does by default.
    DeadlyLimit,
    /// The file system has room for so many more bytes.
    Full,
}

#[test]
fn short_writes() {
    let centre = Centre::new();
    let each = match cases("CERTQ_FAULTS", 0) {
        0 => SLICE,
        faults => faults.div_ceil(10 * SCENARIOS.len()),
    };
    let mut all = 0;
    for scenario in SCENARIOS {
        let oracle = Oracle::of(&centre, scenario);
        let work = oracle.work();
        let mut chance = Chance::of(scenario.name);
        for way in [Way::Limit, Way::DeadlyLimit, Way::Full] {
            // From outside the mount nobody sees when it has nothing more to do; what it does is
            // what `accept` and `publish` do.
            if matches!(way, Way::Full) && scenario.is_watch() {
                continue;
            }
            let mut short = 0;
            for _ in 0..each {
                // Most files are small, so most limits are.
                let bits = 5 + chance.below(LONGEST_BITS);
                let bytes = chance.below(1 << bits) + 1;
                short += usize::from(fall_short(&oracle, &work, scenario, way, bytes));
            }
            println!("{}, {way:?}: {short} of {each} fell short", scenario.name);
            all += short;
        }
    }
    assert!(all > 0, "no write fell short");
}

/// Whether the run did fall short of its end.
fn fall_short(oracle: &Oracle, work: &Work, scenario: &Scenario, way: Way, bytes: usize) -> bool {
    work.reset(&oracle.template);
    let run = match way {
        Way::Limit => limited(work, &["--ignore-signal=XFSZ"], scenario.command, bytes),
        Way::DeadlyLimit => limited(work, &[], scenario.command, bytes),
        Way::Full => full(work, oracle, scenario.command, bytes),
    };
    let found = oracle
        .judge_run(work, run.acknowledged())
        .unwrap_or_else(|wrong| {
            panic!(
                "{}, {way:?} at {bytes} bytes: {wrong}; it ended {:?}: {}",
                scenario.name, run.code, run.err
            )
        });
    let killed = run.code.is_none() || run.code == Some(128 + 25);
    match (way, run.code) {
        (_, Some(0)) => assert_eq!(found, Found::New),
        (Way::DeadlyLimit, _) => assert!(killed, "{:?}", run.code),
        _ => assert_eq!(run.code, Some(74), "{}", run.err),
    }
    run.code != Some(0)
}

fn limited(work: &Work, signal: &[&str], line: &str, bytes: usize) -> Run {
    let limit = format!("--fsize={bytes}");
    let mut arguments = signal.to_vec();
    arguments.extend(["prlimit", &limit]);
    work.finish(work.under("env", &arguments, line), line)
}

/// Runs in a file system of its own that has little room left, and brings back what is there.
fn full(work: &Work, oracle: &Oracle, line: &str, bytes: usize) -> Run {
    let used = pages_below(&oracle.template);
    let size = (used + bytes.div_ceil(PAGE_BYTES)) * PAGE_BYTES;
    // The files come back by way of a folder outside the mount, which ends with the namespace.
    let out = work.path().with_extension("full");
    let script = "mount -t tmpfs -o size=\"$1\" certq-full \"$2\" && cp -a \"$3\"/. \"$2\" \
         && cd \"$2\" && { shift 4; \"$@\"; code=$?; cp -a . \"$OUT\"; exit $code; }";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(size.to_string()).arg(work.path());
    command.arg(oracle.template.path()).arg("--");
    let inner = work.command(line);
    command.arg(inner.get_program()).args(inner.get_args());
    command.env("OUT", &out).env("RAYON_NUM_THREADS", "1");
    command.env("TMPDIR", "tmp").env("TZ", "UTC");
    fs::create_dir(&out).unwrap();
    let run = Run::of(command);
    fs::remove_dir_all(work.path()).unwrap();
    copy_tree(&out, work.path());
    fs::remove_dir_all(&out).unwrap();
    run
}

/// What `tmpfs` counts by.
const PAGE_BYTES: usize = 4096;

/// Pages of a directory and everything below.
fn pages_below(work: &Work) -> usize {
    let mut pages = 0;
    let mut folders = vec![work.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            match metadata.is_dir() {
                true => folders.push(entry.path()),
                false => {
                    pages += usize::try_from(metadata.len())
                        .unwrap()
                        .div_ceil(PAGE_BYTES);
                }
            }
        }
    }
    pages
}
