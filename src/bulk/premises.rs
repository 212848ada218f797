//! Where jobs work: what all of them use, and what they tell the operator.

use std::path::PathBuf;
use std::sync::Arc;

use snapshot::Damaged;

use super::output::Counts;
use super::turns::Turns;
use super::verdict::OUTCOMES;
use crate::log::{Level, Log};
use crate::metrics::Metrics;

/// What jobs share.
#[derive(Debug)]
pub(super) struct Premises {
    pub(super) turns: Arc<Turns>,
    pub(super) spool: PathBuf,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: Log,
}

impl Premises {
    /// Tells the operator of damage that was met, in words only the first `time` of a list.
    pub(super) fn alarm(&self, damaged: &Damaged, time: u64) {
        self.metrics.damaged_answers.inc();
        if time > 1 {
            return;
        }
        let place = damaged.to_string();
        self.log
            .event(Level::Error, "damaged", &[("where", &place)]);
    }

    /// Counts rows by outcome.
    pub(super) fn count(&self, counts: &Counts) {
        for (outcome, count) in OUTCOMES.iter().zip(counts) {
            self.metrics.count_rows(outcome, *count);
        }
    }
}
