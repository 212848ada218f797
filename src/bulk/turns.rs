//! Whose turn it is to compute: few jobs at once, however many are under way.
//!
//! A job takes a turn to compute and leaves it while it waits for its client, so a slow reader
//! costs nobody anything.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

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
    is_taken: bool,
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
    /// Waits for a turn.
    pub(super) fn wait(turns: &Arc<Turns>) -> Self {
        let mut turn = Self {
            turns: Arc::clone(turns),
            is_taken: false,
        };
        turn.take();
        turn
    }

    /// Takes the turn again.
    pub(super) fn take(&mut self) {
        let free = self.turns.free.lock();
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            let woken = self.turns.freed.wait(free);
            free = woken.unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        self.is_taken = true;
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
    pub(super) fn pass(&mut self) {
        self.leave();
        std::thread::yield_now();
        self.take();
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

    use super::*;

    #[test]
    fn no_more_than_allowed_compute_at_once() {
        let turns = Arc::new(Turns::new(2));
        let (computing, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut turn = Turn::wait(&turns);
                    for _ in 0..100 {
                        let now = computing.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        computing.fetch_sub(1, Ordering::SeqCst);
                        turn.pass();
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        assert_eq!(*turns.free.lock().unwrap(), 2);
    }
}
