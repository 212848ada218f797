//! Two publishers at once: started together, or one held at a system call until the other is
//! done; with the lock of the store, and without it, as on a file system that has none.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::centre::{Centre, Run, Work};
use crate::chance::{Chance, cases};
use crate::oracle::Register;
use crate::scenario::{
    ACCEPT_TWO, ACCEPT_WITHDRAWALS, PUBLISH, PUBLISH_BASE, PUBLISHED, SHOW, Scenario, VERIFY,
};
use crate::strace::{self, Point, Strike};

/// Races of the slice.
const SLICE: usize = 12;

/// How long to wait for a process that does what it must.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one is kept at the door, so that the other is done long before.
const AT_THE_DOOR: Duration = Duration::from_secs(3);

const RACE: Scenario = Scenario {
    name: "two publishers",
    before: PUBLISHED,
    command: PUBLISH_BASE,
};

/// How the two meet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Meeting {
    Together,
    Held,
    /// As held, and the lock is given to both.
    HeldWithoutLock,
}

#[test]
fn races() {
    let centre = Centre::new();
    let work = centre.before(&RACE, "race");
    let points = strace::survey(&work, RACE.command);
    let races = cases("CERTQ_RACES", SLICE);
    let mut chance = Chance::of(RACE.name);
    let points = chance.choose(points, races, |point| point.call.clone());
    let mut endings: BTreeMap<(Meeting, [Option<i32>; 2]), usize> = BTreeMap::new();
    for race in 0..races {
        let point = &points[race % points.len()];
        let meeting = [Meeting::Together, Meeting::Held, Meeting::HeldWithoutLock][race % 3];
        let before = Register::read(&work);
        let codes = match meeting {
            Meeting::Together => together(&work, Duration::from_millis(chance.below(60) as u64)),
            _ => held(&work, point, meeting),
        };
        judge(&work, &before, &codes, meeting)
            .unwrap_or_else(|wrong| panic!("{meeting:?}, {point:?}, {codes:?}: {wrong}"));
        *endings.entry((meeting, codes)).or_default() += 1;
    }
    println!("{races} races; endings {endings:?}");
}

/// Kept at the door of the lock while somebody accepts withdrawals and publishes them: what it
/// publishes then must not be the ledger of before.
#[test]
fn who_waited_for_the_lock_does_not_publish_an_older_ledger() {
    let centre = Centre::new();
    let work = centre.before(&RACE, "door");
    let trace = work.temporary().join("trace");
    let trace = trace.to_str().unwrap();
    let delay = format!(
        "inject=flock:delay_enter={}:when=1",
        AT_THE_DOOR.as_micros()
    );
    let arguments = ["-f", "-qq", "-o", trace, "-e", "trace=flock", "-e", &delay];
    let line = format!("{PUBLISH} --allow-other-ledger");
    let first = start(work.under("strace", &arguments, &line));
    for line in [ACCEPT_TWO, ACCEPT_WITHDRAWALS] {
        assert_eq!(work.run(line).code, Some(0));
    }
    let second = published(&work.run(PUBLISH));
    let first = published(&finish(first));
    fs::remove_file(trace).unwrap();
    assert!(second["withdrawn"].as_u64() > Some(0));
    // Unless it came first after all, it found nothing new.
    if first["epoch"] != 1 {
        assert_eq!(first["ledger"], second["ledger"]);
        assert_eq!(first["withdrawn"], second["withdrawn"]);
    }
    let last: Value = serde_json::from_str(&work.run(SHOW).out).unwrap();
    assert_eq!(
        last["generation"]["withdrawn"], second["withdrawn"],
        "{last}"
    );
}

/// The report of a publish that ended well.
fn published(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

/// Each that ends with 0 has published once, nobody else has, and nothing else has changed.
fn judge(
    work: &Work,
    before: &Register,
    codes: &[Option<i32>; 2],
    meeting: Meeting,
) -> Result<(), String> {
    // Without a lock the winner sweeps away what the other one has staged.
    let losing: &[i32] = match meeting {
        Meeting::HeldWithoutLock => &[75, 74, 65],
        _ => &[75],
    };
    let won = codes.iter().filter(|code| **code == Some(0)).count();
    if let Some(code) = codes
        .iter()
        .flatten()
        .find(|code| **code != 0 && !losing.contains(code))
    {
        return Err(format!("nobody loses with {code}"));
    }
    if won == 0 || codes.contains(&None) {
        return Err("nobody won, or one was killed".to_owned());
    }
    let after = Register::read(work);
    before.is_kept_by(&after)?;
    let expected: Vec<usize> = (1..=before.epochs() + won).collect();
    if after.epoch_numbers() != expected {
        return Err(format!("epochs {:?}", after.epoch_numbers()));
    }
    match work.run(VERIFY) {
        run if run.code == Some(0) => Ok(()),
        run => Err(run.err),
    }
}

fn together(work: &Work, delay: Duration) -> [Option<i32>; 2] {
    let first = start(work.command(RACE.command));
    thread::sleep(delay);
    let second = work.run(RACE.command);
    [finish(first).code, second.code]
}

/// Holds one at a call, lets the other run to its end, and lets the first go on.
fn held(work: &Work, point: &Point, meeting: Meeting) -> [Option<i32>; 2] {
    let mut arguments = strace::arguments(point, &Strike::Stop);
    if meeting == Meeting::HeldWithoutLock && point.call != "flock" {
        let filter = arguments.iter_mut().find(|word| word.starts_with("trace="));
        filter.unwrap().push_str(",flock");
        arguments.extend(["-e", "inject=flock:retval=0"].map(str::to_owned));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut first = start(work.under("strace", &arguments, RACE.command));
    let trace = work.temporary().join("trace");
    let mut stops = wait_until_stopped(&mut first, &trace, 0);
    let second = work.run(RACE.command);
    // Another thread may come as far, and stop it again.
    while stops > 0 {
        let children = format!("/proc/{0}/task/{0}/children", first.id());
        let child = fs::read_to_string(children).unwrap_or_default();
        let mut signal = Command::new("kill");
        signal.args(["-s", "CONT", child.trim()]);
        Run::of(signal);
        stops = wait_until_stopped(&mut first, &trace, stops);
    }
    let first = finish(first);
    fs::remove_file(&trace).unwrap();
    [first.code, second.code]
}

/// How often its threads were stopped, when that is more often than before; 0 when it has ended.
fn wait_until_stopped(tracer: &mut Child, trace: &Path, before: usize) -> usize {
    let began = Instant::now();
    loop {
        if tracer.try_wait().unwrap().is_some() {
            return 0;
        }
        let text = fs::read_to_string(trace).unwrap_or_default();
        let stops = text.matches("--- stopped by SIGSTOP ---").count();
        if stops > before {
            return stops;
        }
        assert!(began.elapsed() < PATIENCE, "neither stopped nor ended");
        thread::sleep(Duration::from_millis(2));
    }
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn finish(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}
