//! What a connection waits for, and how long it may.
//!
//! Shared by the request, which knows when it begins to wait, and the connection, which alone
//! looks at the clock: one alarm a connection, set anew when it rings, instead of two timers a
//! request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub struct Waiting(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    /// The request has seen to it that the connection is polled again.
    again: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// For the next head, or for its end.
    Head { since: Instant },
    /// For the rest of a body.
    Body { until: Instant },
    /// That body did not come in time; nobody has heard of it yet.
    BodyTooSlow,
    /// For nothing that the client must send.
    Nothing,
}

/// What the alarm of a connection comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing before then.
    LookAgain(Instant),
    /// The client has said nothing, or not enough, for too long.
    Close,
    /// The request is to be polled, and will find its body too slow.
    Poll,
}

impl Waiting {
    /// For the first head, since now.
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            phase: Phase::Head { since: now },
            again: false,
        }))
    }

    /// A request is being answered.
    pub fn for_nothing(&self) {
        self.state().phase = Phase::Nothing;
    }

    /// The answer is made, and the next head is awaited.
    pub fn for_head(&self, now: Instant) {
        self.state().phase = Phase::Head { since: now };
    }

    /// A body is not here yet, and whoever reads it has woken the connection: it need not do
    /// anything before it is polled again.
    pub(super) fn again(&self) {
        self.state().again = true;
    }

    /// Still not here. The first call decides until when.
    pub(super) fn for_body(&self, until: impl FnOnce() -> Instant) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Nothing) {
            state.phase = Phase::Body { until: until() };
        }
    }

    /// Whether the body did not come in time.
    pub(super) fn is_too_slow(&self) -> bool {
        matches!(self.state().phase, Phase::BodyTooSlow)
    }

    /// Whether the connection will be polled again at once.
    pub fn takes_again(&self) -> bool {
        std::mem::take(&mut self.state().again)
    }

    /// What is to be done now that the alarm rings, where a client may take `head` for a head and
    /// took bytes until `taken`. Rings again after `tick` when nothing is awaited.
    pub fn judge(
        &self,
        now: Instant,
        head: Duration,
        tick: Duration,
        taken: Option<Instant>,
    ) -> Verdict {
        let mut state = self.state();
        let until = match state.phase {
            Phase::Head { since } => taken.map_or(since, |taken| taken.max(since)) + head,
            Phase::Body { until } => until,
            Phase::BodyTooSlow | Phase::Nothing => return Verdict::LookAgain(now + tick),
        };
        match state.phase {
            _ if now < until => Verdict::LookAgain(until.min(now + tick)),
            Phase::Body { .. } => {
                state.phase = Phase::BodyTooSlow;
                Verdict::Poll
            }
            _ => Verdict::Close,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const TICK: Duration = Duration::from_secs(3);

    fn after(seconds: u64) -> (Instant, impl Fn(u64) -> Instant) {
        let began = Instant::now();
        let at = move |seconds| began + Duration::from_secs(seconds);
        (at(seconds), at)
    }

    #[test]
    fn a_head_is_awaited_from_the_answer_before_it() {
        let (began, at) = after(0);
        let waiting = Waiting::new(began);
        let judge = |now, taken| waiting.judge(at(now), HEAD, TICK, taken);
        assert_eq!(judge(5, None), Verdict::LookAgain(at(8)));
        assert_eq!(judge(9, None), Verdict::LookAgain(at(10)));
        assert_eq!(judge(10, None), Verdict::Close);
        // Whoever was long in taking the answer is given as long after it.
        assert_eq!(judge(10, Some(at(4))), Verdict::LookAgain(at(13)));
        waiting.for_nothing();
        assert_eq!(judge(60, None), Verdict::LookAgain(at(63)));
        waiting.for_head(at(60));
        assert_eq!(judge(69, None), Verdict::LookAgain(at(70)));
        assert_eq!(judge(70, None), Verdict::Close);
    }

    #[test]
    fn a_slow_body_is_told_once() {
        let (began, at) = after(0);
        let waiting = Waiting::new(began);
        waiting.for_nothing();
        waiting.for_body(|| at(4));
        waiting.for_body(|| at(40));
        let judge = |now| waiting.judge(at(now), HEAD, TICK, None);
        assert_eq!(judge(3), Verdict::LookAgain(at(4)));
        assert!(!waiting.is_too_slow());
        assert_eq!(judge(4), Verdict::Poll);
        assert!(waiting.is_too_slow());
        assert_eq!(judge(5), Verdict::LookAgain(at(8)));
    }
}
