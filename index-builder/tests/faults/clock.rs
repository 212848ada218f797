//! Clocks that are wrong, and clocks that are put right: a year off either way, the end of 32-bit
//! time, a leap day, the turn of the year.

use crate::centre::{Centre, Run, Work};
use crate::oracle::Register;
use crate::scenario::{ACCEPT_TWO, PUBLISH, PUBLISH_BASE, PUBLISHED, Scenario, VERIFY};

const CLOCK: Scenario = Scenario {
    name: "clock",
    before: PUBLISHED,
    command: PUBLISH,
};

/// What the clock says, and whether all rows are in its past: those of the sample end in 2026.
const TIMES: &[(&str, bool)] = &[
    ("-1 year", false),
    ("+1 year", true),
    ("2027-12-31 23:59:59", true),
    ("2028-02-29 12:00:00", true),
    ("2038-01-19 03:14:07", true),
    ("2038-01-19 03:14:08", true),
];

fn at(work: &Work, time: &str, line: &str) -> Run {
    let run = Run::of(work.under("faketime", &[time], line));
    assert!(!run.err.contains("panicked"), "{time}: {}", run.err);
    assert!(!run.err.contains("bug"), "{time}: {}", run.err);
    run
}

#[test]
fn clocks() {
    let centre = Centre::new();
    let template = centre.before(&CLOCK, "template");
    let work = centre.work("clock");
    for (time, past) in TIMES {
        work.reset(&template);
        let accepted = at(&work, time, ACCEPT_TWO);
        match past {
            true => assert_eq!(accepted.code, Some(0), "{time}: {}", accepted.err),
            // Rows from the future are rejected one by one; a file without any leaves no trace.
            false => assert!([Some(0), Some(1)].contains(&accepted.code), "{accepted:?}"),
        }
        let there = Register::read(&work);
        at(&work, time, PUBLISH_BASE).expect_code(0);
        // The clock is right again: what is live is from another time.
        work.run(PUBLISH).expect_code(0);
        work.run(ACCEPT_TWO);
        work.run(PUBLISH_BASE).expect_code(0);
        let now = Register::read(&work);
        there.is_kept_by(&now).unwrap();
        let epochs = now.epoch_numbers();
        assert_eq!(epochs, (1..=epochs.len()).collect::<Vec<_>>(), "{time}");
        assert!(epochs.len() >= 3, "{time}: {epochs:?}");
        work.run(VERIFY).expect_code(0);
    }
}
