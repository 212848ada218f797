//! Killed at every system call, and killed again while putting that right.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::centre::{Centre, Run, Work};
use crate::chance::{Chance, cases};
use crate::oracle::{Found, Oracle, Verdict};
use crate::scenario::{SCENARIOS, Scenario};
use crate::strace::{self, Point, Strike};

/// Kills of the slice, over all scenarios.
const SLICE: usize = 49;

/// A run of these takes 20 to 60 ms in memory.
const LONGEST_DELAY_MICROS: usize = 60_000;

/// One in so many is a kill at any time.
const TIMED_KILL_IN: usize = 6;

/// One in so many cases is a kill at a call and a second one in the run that follows.
const SECOND_KILL_IN: usize = 6;

#[derive(Default)]
struct Tally {
    points: usize,
    kills: usize,
    recoveries_killed: usize,
    timed: usize,
    found: BTreeMap<Found, usize>,
    calls: BTreeMap<String, usize>,
}

#[test]
fn kills() {
    let centre = Centre::new();
    let share = cases("CERTQ_KILLS", SLICE).div_ceil(SCENARIOS.len());
    let is_campaign = cases("CERTQ_KILLS", 0) > 0;
    thread::scope(|scope| {
        let running: Vec<_> = SCENARIOS
            .iter()
            .map(|scenario| scope.spawn(|| kill_scenario(&centre, scenario, (share, is_campaign))))
            .collect();
        for (scenario, tally) in SCENARIOS.iter().zip(running) {
            let tally = tally.join().expect("no kill did damage");
            println!(
                "{}: {} calls; {} kills, {} of them while recovering, {} at any time; found {:?}; \
                 at {:?}",
                scenario.name,
                tally.points,
                tally.kills,
                tally.recoveries_killed,
                tally.timed,
                tally.found,
                tally.calls
            );
            assert!(tally.kills >= share, "{} of {share} kills", tally.kills);
        }
    });
}

/// Kills a scenario at least so many times: in a slice at chosen calls, in a campaign at every
/// call; and then in pairs.
fn kill_scenario(
    centre: &Centre,
    scenario: &Scenario,
    (share, is_campaign): (usize, bool),
) -> Tally {
    let oracle = Oracle::of(centre, scenario);
    let work = oracle.work();
    work.reset(&oracle.template);
    let points = strace::survey(&work, scenario.command);
    let mut chance = Chance::of(scenario.name);
    let pairs = share.div_ceil(SECOND_KILL_IN);
    let mut tally = Tally {
        points: points.len(),
        ..Tally::default()
    };
    let mut chosen = points.clone();
    let single = match is_campaign {
        true => points.len(),
        false => {
            // Killed at a call that only reads, a run leaves what the next change would find.
            chosen.retain(Point::changes_files);
            share - pairs
        }
    };
    for point in chance.choose(chosen, single, |point| point.call.clone()) {
        kill(&oracle, &work, scenario, &[&point], &mut tally);
    }
    let enough = share.max(tally.kills + pairs);
    while tally.kills < enough {
        let mut pick = || &points[chance.below(points.len())];
        kill(&oracle, &work, scenario, &[pick(), pick()], &mut tally);
    }
    kill_at_any_time(
        &oracle,
        &work,
        scenario,
        &mut tally,
        share.div_ceil(TIMED_KILL_IN),
    );
    tally
}

/// Kills runs with two threads at work, after delays that may outlast them.
fn kill_at_any_time(
    oracle: &Oracle,
    work: &Work,
    scenario: &Scenario,
    tally: &mut Tally,
    share: usize,
) {
    let line = scenario.command.replace("--threads 1", "--threads 2");
    let mut chance = Chance::of(&line);
    for _ in 0..share {
        work.reset(&oracle.template);
        let mut command = work.command(&line);
        command.env_remove("RAYON_NUM_THREADS");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let delay = chance.below(LONGEST_DELAY_MICROS);
        thread::sleep(Duration::from_micros(delay.try_into().unwrap()));
        child.kill().unwrap();
        let run = Run::from(child.wait_with_output().unwrap());
        let judged = oracle.judge_run(work, run.acknowledged());
        let found = judged
            .unwrap_or_else(|wrong| panic!("{}, killed after {delay} µs: {wrong}", scenario.name));
        if run.code.is_none() {
            tally.kills += 1;
            tally.timed += 1;
            *tally.found.entry(found).or_default() += 1;
        }
    }
}

/// Kills one run after the other, judging what each leaves, and then lets one through.
fn kill(oracle: &Oracle, work: &Work, scenario: &Scenario, at: &[&Point], tally: &mut Tally) {
    let judged = |verdict: Verdict<()>| {
        verdict.unwrap_or_else(|wrong| panic!("{}, killed at {at:?}: {wrong}", scenario.name));
    };
    work.reset(&oracle.template);
    let mut from = oracle.before().clone();
    for (round, point) in at.iter().enumerate() {
        let struck = strace::strike(work, scenario.command, point, &Strike::Kill);
        // A run that finds the work done tells of it once more.
        let steps = match round {
            0 => struck.run.acknowledged(),
            _ => 0,
        };
        let found = oracle.judge(work, &from, steps);
        judged(found.map(|found| from = found));
        if struck.fired {
            tally.kills += 1;
            tally.recoveries_killed += round;
            *tally.found.entry(oracle.side(&from)).or_default() += 1;
            *tally.calls.entry(point.call.clone()).or_default() += 1;
        }
    }
    judged(oracle.judge_recovery(work, &from));
}
