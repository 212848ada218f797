//! Whose turn it is to compute: few jobs at once, however many are under way.
//!
//! A job takes a turn to compute and leaves it while it waits for its client, so a slow reader
//! costs nobody anything. It waits for a turn no longer than for everything else.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::time::Instant;

/// How many jobs may compute at the same time.
#[derive(Debug)]
pub(super) struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A turn of one job, taken or not; left when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    deadline: Instant,
    is_taken: bool,
}

/// There was no turn before the deadline.
#[derive(Debug)]
pub(super) struct TooLate;

impl From<TooLate> for io::Error {
    fn from(_: TooLate) -> Self {
        ErrorKind::TimedOut.into()
    }
}

impl Turns {
    /// So many at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            free: Mutex::new(at_once),
            freed: Condvar::new(),
        }
    }
}

impl Turn {
    /// Waits for a turn, now and whenever it is left, until `deadline`.
    pub(super) fn wait(turns: &Arc<Turns>, deadline: Instant) -> Result<Self, TooLate> {
        let mut turn = Self {
            turns: Arc::clone(turns),
            deadline,
            is_taken: false,
        };
        turn.take()?;
        Ok(turn)
    }

    /// Takes the turn again.
    pub(super) fn take(&mut self) -> Result<(), TooLate> {
        let free = self.turns.free.lock();
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TooLate);
            }
            let woken = self.turns.freed.wait_timeout(free, left);
            free = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        self.is_taken = true;
        Ok(())
    }

    /// Lets another job compute.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.is_taken) {
            let free = self.turns.free.lock();
            *free.unwrap_or_else(PoisonError::into_inner) += 1;
            self.turns.freed.notify_one();
        }
    }

    /// Lets another job compute that waits.
    pub(super) fn pass(&mut self) -> Result<(), TooLate> {
        self.leave();
        std::thread::yield_now();
        self.take()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_than_allowed_compute_at_once() {
        let turns = Arc::new(Turns::new(2));
        let (computing, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut turn = Turn::wait(&turns, far()).unwrap();
                    for _ in 0..100 {
                        let now = computing.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        computing.fetch_sub(1, Ordering::SeqCst);
                        turn.pass().unwrap();
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert_eq!(*turns.free.lock().unwrap(), 2);
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn nobody_waits_beyond_the_deadline_and_no_turn_is_lost() {
        let turns = Arc::new(Turns::new(1));
        let first = Turn::wait(&turns, far()).unwrap();
        let began = Instant::now();
        let patience = Duration::from_millis(30);
        assert!(Turn::wait(&turns, began + patience).is_err());
        assert!(began.elapsed() >= patience);
        drop(first);
        assert_eq!(*turns.free.lock().unwrap(), 1);
        let mut again = Turn::wait(&turns, began + patience).unwrap();
        assert!(again.pass().is_ok(), "a free turn is taken however late");
    }
}
