//! The pace of an open loop: who asks when, and how late each question was answered.
//!
//! A question belongs to the slice of time in which it was to be asked, whenever its answer comes
//! and whether or not it could be asked at all. So a server that is offered more than it can do
//! shows that in every slice, and not only in those of the answers that it still gave.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Percentiles of lateness are taken of slices this long.
const SLICE: Duration = Duration::from_millis(100);

/// Percentiles of one slice in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// What an open loop saw.
pub(crate) struct OpenLoop {
    /// Answers that came in time.
    pub(crate) answers: u64,
    /// Questions that were to be asked in time and had no answer when it was over.
    pub(crate) unanswered: u64,
    /// Lateness of each slice.
    pub(crate) slices: Vec<Late>,
    /// How late we asked when a connection was free.
    pub(crate) own: Late,
}

/// Who asks when, and what came of it. Times are nanoseconds since it began.
pub(crate) struct Pace {
    began: Instant,
    interval: f64,
    /// Questions that have been asked or wait for a connection.
    asked: u64,
    /// Intended starts that wait for a connection.
    waiting: VecDeque<u64>,
    free: VecDeque<usize>,
    /// Slices count from here to there.
    measured_from: u64,
    measured_to: u64,
    slices: Vec<Histogram<u64>>,
    own: Histogram<u64>,
    answers: u64,
    unanswered: u64,
}

impl Pace {
    /// So many questions a second; those of the first `settle` are not measured, those of the
    /// `length` after it are.
    pub(crate) fn new(rate: f64, connections: usize, settle: Duration, length: Duration) -> Self {
        let slices = length.as_nanos().div_ceil(SLICE.as_nanos());
        Self {
            began: Instant::now(),
            interval: 1e9 / rate,
            asked: 0,
            waiting: VecDeque::new(),
            free: (0..connections).collect(),
            measured_from: nanoseconds(settle),
            measured_to: nanoseconds(settle + length),
            slices: (0..slices).map(|_| histogram()).collect(),
            own: histogram(),
            answers: 0,
            unanswered: 0,
        }
    }

    /// When it began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// A connection has nothing under way.
    pub(crate) fn free(&mut self, index: usize) {
        self.free.push_back(index);
    }

    /// A question that is to be asked by now, and the connection for it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "nanoseconds of a window"
    )]
    pub(crate) fn due(&mut self, now: u64) -> Option<(usize, u64)> {
        loop {
            let next = (self.asked as f64 * self.interval) as u64;
            if next > now {
                break;
            }
            if self.free.len() > self.waiting.len() {
                self.own.saturating_record(now - next);
            }
            self.waiting.push_back(next);
            self.asked += 1;
        }
        if self.free.is_empty() {
            return None;
        }
        let intended = self.waiting.pop_front()?;
        let index = self.free.pop_front()?;
        Some((index, intended))
    }

    /// A question that was to be asked at `intended` is answered.
    pub(crate) fn answered(&mut self, intended: u64, now: u64) {
        if now >= self.measured_to {
            self.unanswered += 1;
        } else if now >= self.measured_from {
            self.answers += 1;
        }
        self.late(intended, now);
    }

    /// Nobody is asked any more: what still waits for a connection is late since it was intended,
    /// and may have become later.
    pub(crate) fn finish(mut self, now: u64) -> OpenLoop {
        self.unanswered += self.waiting.len() as u64;
        for intended in std::mem::take(&mut self.waiting) {
            self.late(intended, now);
        }
        let slices = self.slices.iter().filter(|slice| !slice.is_empty());
        OpenLoop {
            answers: self.answers,
            unanswered: self.unanswered,
            slices: slices.map(late).collect(),
            own: late(&self.own),
        }
    }

    fn late(&mut self, intended: u64, now: u64) {
        let Some(since) = intended.checked_sub(self.measured_from) else {
            return;
        };
        let slice = usize::try_from(since / nanoseconds(SLICE)).unwrap_or(usize::MAX);
        if let Some(slice) = self.slices.get_mut(slice) {
            slice.saturating_record(now - intended);
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds")
}

fn late(histogram: &Histogram<u64>) -> Late {
    #[expect(clippy::cast_precision_loss, reason = "microseconds to three digits")]
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Late {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
    }
}

/// Of a clock that has not run for 500 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A second at a thousand a second over two connections; each answer comes `wait` after its
    /// question has been asked. The clock goes by milliseconds.
    fn served(wait: u64) -> OpenLoop {
        let mut pace = Pace::new(1000.0, 2, Duration::ZERO, Duration::from_secs(1));
        let mut under_way: VecDeque<(u64, usize, u64)> = VecDeque::new();
        let answer = |pace: &mut Pace, under_way: &mut VecDeque<(u64, usize, u64)>, now| {
            while under_way.front().is_some_and(|(done, ..)| *done <= now) {
                let (_, index, intended) = under_way.pop_front().unwrap();
                pace.answered(intended, now);
                pace.free(index);
            }
        };
        for now in (0..1000).map(|it| it * MS) {
            answer(&mut pace, &mut under_way, now);
            while let Some((index, intended)) = pace.due(now) {
                under_way.push_back((now + wait, index, intended));
            }
        }
        let end = 1000 * MS + wait;
        answer(&mut pace, &mut under_way, end);
        pace.finish(end)
    }

    #[test]
    fn who_keeps_up_leaves_nothing() {
        let seen = served(MS);
        assert_eq!((seen.answers, seen.unanswered), (999, 1));
        assert_eq!(seen.slices.len(), 10);
        assert!(seen.slices.iter().all(|slice| slice.p999 < 2100.0));
    }

    #[test]
    fn who_does_half_of_it_is_late_in_every_slice() {
        // Two connections, four milliseconds each: 500 a second.
        let seen = served(4 * MS);
        assert_eq!(seen.answers + seen.unanswered, 1000);
        assert!((498..=500).contains(&seen.answers), "{}", seen.answers);
        // What was to be asked in the middle is answered at the end, and what was to be asked in
        // the last tenth is not; it is late by what is left of the second at least.
        let (middle, last) = (seen.slices[4], seen.slices[9]);
        assert!(middle.p50 > 440e3, "{middle:?}");
        assert!(last.p50 > 50e3, "{last:?}");
        assert!(seen.slices.iter().all(|slice| slice.p99 > 90e3));
    }

    #[test]
    fn who_answers_nothing_is_late_by_all_that_is_left() {
        let seen = served(5000 * MS);
        assert_eq!((seen.answers, seen.unanswered), (0, 1000));
        assert!(seen.slices.iter().all(|slice| slice.p50 > 5e6));
    }
}
