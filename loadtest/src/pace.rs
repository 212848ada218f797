//! When each question is to start.
//!
//! A pacing thread hands out one permit a question on its time; whoever has a free connection
//! takes it. A thread of its own with short sleeps, because the runtime's timer counts whole
//! milliseconds, which is longer than most answers take.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// The pacing thread sleeps no shorter: below it, waking up costs more than it gives.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);

/// An even schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: Instant,
    per_second: u64,
    questions: u64,
}

impl Schedule {
    /// `questions` of them, `per_second`, the first one at `start`.
    pub(crate) fn new(start: Instant, per_second: u64, questions: u64) -> Self {
        Self {
            start,
            per_second,
            questions,
        }
    }

    /// How many questions there are.
    pub(crate) fn questions(&self) -> u64 {
        self.questions
    }

    /// The intended start of question `n`, from 0.
    pub(crate) fn intended(&self, n: u64) -> Instant {
        let nanoseconds = u128::from(n) * 1_000_000_000 / u128::from(self.per_second);
        let nanoseconds = u64::try_from(nanoseconds).expect("an hour has fewer");
        self.start + Duration::from_nanos(nanoseconds)
    }

    /// How many questions should have started by `now`.
    fn due(&self, now: Instant) -> u64 {
        let Some(elapsed) = now.checked_duration_since(self.start) else {
            return 0;
        };
        let due = elapsed.as_nanos() * u128::from(self.per_second) / 1_000_000_000 + 1;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.questions)
    }

    /// Hands out a permit for each question on its time, and at the end one for each of `takers`,
    /// so that all of them come and see that there is nothing left.
    pub(crate) fn hand_out(&self, permits: &Semaphore, takers: u32) {
        let mut handed_out = 0;
        while handed_out < self.questions {
            let due = self.due(Instant::now());
            let new = usize::try_from(due - handed_out).expect("a usize has 64 bits here");
            permits.add_permits(new);
            handed_out = due;
            let next = self.intended(handed_out);
            thread::sleep(
                next.saturating_duration_since(Instant::now())
                    .max(SHORTEST_SLEEP),
            );
        }
        permits.add_permits(usize::try_from(takers).expect("a usize has 64 bits here"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_and_intended_agree() {
        let start = Instant::now();
        for per_second in [1, 3, 7_777, 1_000_000] {
            let schedule = Schedule::new(start, per_second, 5_000);
            assert_eq!(schedule.intended(0), start);
            assert_eq!(schedule.due(start - Duration::from_nanos(1)), 0);
            for n in [0, 1, 2, 999, 4_998] {
                let due = schedule.due(schedule.intended(n) + Duration::from_nanos(1));
                assert_eq!(due, n + 1, "{per_second}/s, question {n}");
            }
            assert_eq!(schedule.due(start + Duration::from_secs(9_999)), 5_000);
        }
    }

    #[test]
    fn every_question_gets_one_permit() {
        let schedule = Schedule::new(Instant::now(), 1_000_000, 2_500);
        let permits = Semaphore::new(0);
        schedule.hand_out(&permits, 3);
        assert_eq!(permits.available_permits(), 2_503);
    }
}
