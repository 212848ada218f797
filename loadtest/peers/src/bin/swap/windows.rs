//! What came of each tenth of a second of an open loop, and whether that is good enough.

use std::fmt::Write as _;
use std::time::Duration;

/// Length of a window.
const WINDOW: Duration = Duration::from_millis(100);

/// Milliseconds are shown to people.
const MILLISECOND: f64 = 1e-3;

/// What no window may miss.
pub(crate) struct Limits {
    /// Answers, as a share of the questions that a window is offered.
    answered: f64,
    /// p99.9 in milliseconds.
    late: f64,
}

impl Limits {
    pub(crate) const USUAL: Self = Self {
        answered: 0.9,
        late: 25.0,
    };
}

/// One of them.
#[derive(Default)]
struct Window {
    /// Answers that came in it.
    answered: u32,
    /// How long after its intended start each question of it was answered.
    waits: Vec<Duration>,
    /// The latest that we asked a question of it although a connection was free.
    asked_late: Duration,
}

/// All of them, in order.
pub(crate) struct Windows {
    /// Questions that each is offered.
    offered: f64,
    windows: Vec<Window>,
}

impl Windows {
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            offered: rate * WINDOW.as_secs_f64(),
            windows: Vec::new(),
        }
    }

    /// A question that was to be asked at `intended` is answered at `now`.
    pub(crate) fn answered(&mut self, intended: Duration, now: Duration) {
        self.at(now).answered += 1;
        self.at(intended).waits.push(now - intended);
    }

    /// A question is asked so late, and the server is not the reason.
    pub(crate) fn asked_late(&mut self, intended: Duration, late: Duration) {
        let window = self.at(intended);
        window.asked_late = window.asked_late.max(late);
    }

    fn at(&mut self, time: Duration) -> &mut Window {
        let index = index_of(time);
        if self.windows.len() <= index {
            self.windows.resize_with(index + 1, Window::default);
        }
        &mut self.windows[index]
    }

    /// A line for each window, for machines: offered, answered, p50 and p99.9 and our own lateness
    /// in milliseconds.
    pub(crate) fn listing(&self) -> String {
        let mut text = String::from("window offered answered p50_ms p99.9_ms generator_ms\n");
        for (index, window) in self.windows.iter().enumerate() {
            text.push_str(&self.line(&index.to_string(), window));
        }
        text
    }

    /// The windows around the swap, for people; seconds count from it.
    pub(crate) fn table(&self, swapped: Duration, around: Duration) -> String {
        let mut text =
            String::from("  from s  offered answered   p50 ms p99.9 ms generator late ms\n");
        let (from, to) = (
            index_of(swapped.saturating_sub(around)),
            index_of(swapped + around),
        );
        for (index, window) in self.range(from, to) {
            let seconds = (index as f64 - index_of(swapped) as f64) * WINDOW.as_secs_f64();
            text.push_str(&self.line(&format!("{seconds:+8.1}"), window));
        }
        text
    }

    fn line(&self, name: &str, window: &Window) -> String {
        format!(
            "{name} {:8.0} {:8} {:8.3} {:8.3} {:8.3}\n",
            self.offered,
            window.answered,
            window.quantile(0.5),
            window.quantile(0.999),
            window.asked_late.as_secs_f64() / MILLISECOND,
        )
    }

    /// Judges the windows from the entry to the end, and shows those before beside them.
    pub(crate) fn verdict(
        &self,
        entered: Duration,
        end: Duration,
        limits: &Limits,
    ) -> (String, bool) {
        let (entered, end) = (index_of(entered), index_of(end));
        let mut text = String::new();
        // The first second is that of a server which gets into its stride.
        let before = self.worst(10, entered);
        let judged = self.worst(entered, end);
        for (name, worst) in [
            ("before the entry", &before),
            ("from the entry on", &judged),
        ] {
            let _ = writeln!(
                text,
                "worst windows {name}: {:.1} % answered, p99.9 {:.2} ms",
                worst.answered * 100.0,
                worst.late
            );
        }
        let passed = judged.answered >= limits.answered && judged.late <= limits.late;
        let _ = writeln!(
            text,
            "{}: at least {:.0} % answered in each window and p99.9 at most {} ms in each",
            if passed { "passed" } else { "FAILED" },
            limits.answered * 100.0,
            limits.late
        );
        (text, passed)
    }

    fn worst(&self, from: usize, to: usize) -> Worst {
        let mut worst = Worst {
            answered: f64::INFINITY,
            late: 0.0,
        };
        for (_, window) in self.range(from, to) {
            let answered = f64::from(window.answered) / self.offered;
            worst.answered = worst.answered.min(answered);
            worst.late = worst.late.max(window.quantile(0.999));
        }
        worst
    }

    fn range(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, &Window)> {
        let windows = self.windows.iter().enumerate().skip(from);
        windows.take(to.saturating_sub(from))
    }
}

/// The worst of some windows.
struct Worst {
    answered: f64,
    late: f64,
}

impl Window {
    /// In milliseconds; the smallest wait that this share of the questions does not exceed.
    fn quantile(&self, share: f64) -> f64 {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "questions of a tenth of a second"
        )]
        let rank = (waits.len() as f64 * share).ceil() as usize;
        let wait = waits.get(rank.saturating_sub(1));
        wait.map_or(0.0, |wait| wait.as_secs_f64() / MILLISECOND)
    }
}

fn index_of(time: Duration) -> usize {
    usize::try_from(time.as_nanos() / WINDOW.as_nanos()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Two seconds at a thousand a second, each answered `wait` later; but from 1.5 s on for
    /// `stall` nothing is.
    fn stalled_for(stall: Duration) -> Windows {
        let mut windows = Windows::new(1000.0);
        let (begins, wait) = (SECOND * 3 / 2, Duration::from_micros(200));
        for index in 0..2000 {
            let intended = Duration::from_millis(1) * index;
            let stalled = intended >= begins && intended < begins + stall;
            let from = if stalled { begins + stall } else { intended };
            windows.answered(intended, from + wait);
        }
        windows
    }

    #[test]
    fn a_stall_fails_by_answers_and_by_lateness() {
        let verdict = |stall| stalled_for(stall).verdict(SECOND, SECOND * 2, &Limits::USUAL);
        assert!(verdict(Duration::ZERO).1);
        assert!(verdict(Duration::from_millis(9)).1);
        let (text, passed) = verdict(Duration::from_millis(30));
        assert!(!passed && text.contains("p99.9 30.20 ms"), "{text}");
        let (text, passed) = verdict(Duration::from_millis(150));
        assert!(!passed && text.contains(" 0.0 % answered"), "{text}");
    }

    #[test]
    fn what_happens_before_the_entry_is_not_judged() {
        let windows = stalled_for(Duration::from_millis(150));
        assert!(
            windows
                .verdict(SECOND * 17 / 10, SECOND * 2, &Limits::USUAL)
                .1
        );
    }
}
