//! Counters of the request path, one set a thread: two cores that count in one place take the line
//! of memory from each other at every request.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, in microseconds: a look-up takes a few, a stall seconds.
pub(super) const BOUNDS_US: [u64; 13] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000,
];

/// Buckets of durations, the last one for what is above all bounds.
pub(super) const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Sets of counters. Threads beyond as many share them, which is slower and as right.
const SHARDS: usize = 16;

thread_local! {
    static MINE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// See the module. Readers may see a sum one observation ahead of a bucket, which no query over
/// time can tell.
#[derive(Debug)]
pub(super) struct Shards {
    shards: [Shard; SHARDS],
    threads: AtomicUsize,
}

/// Apart from its neighbours by two lines, which are fetched together.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    requests: Box<[AtomicU64]>,
}

impl Shards {
    /// All at zero, for so many kinds of requests.
    pub(super) fn new(kinds: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::new(kinds)),
            threads: AtomicUsize::new(0),
        }
    }

    /// Counts a request of a kind. Cost: some nanoseconds.
    pub(super) fn count(&self, kind: usize) {
        self.mine().requests[kind].fetch_add(1, Ordering::Relaxed);
    }

    /// Records how long something took.
    pub(super) fn observe(&self, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        let shard = self.mine();
        shard.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        shard.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Requests of a kind so far.
    pub(super) fn requests(&self, kind: usize) -> u64 {
        self.sum(|shard| &shard.requests[kind])
    }

    /// Observations in each bucket, and the sum of all in microseconds.
    pub(super) fn durations(&self) -> ([u64; BUCKETS], u64) {
        let bucket = |index: usize| self.sum(|shard| &shard.buckets[index]);
        (std::array::from_fn(bucket), self.sum(|shard| &shard.sum_us))
    }

    fn sum(&self, of: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        let counts = self.shards.iter().map(|it| of(it).load(Ordering::Relaxed));
        counts.fold(0, u64::wrapping_add)
    }

    fn mine(&self) -> &Shard {
        let mine = MINE.get().unwrap_or_else(|| {
            let next = self.threads.fetch_add(1, Ordering::Relaxed) % SHARDS;
            MINE.set(Some(next));
            next
        });
        &self.shards[mine]
    }
}

impl Shard {
    fn new(kinds: usize) -> Self {
        Self {
            buckets: Default::default(),
            sum_us: AtomicU64::new(0),
            requests: (0..kinds).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up() {
        let shards = Shards::new(3);
        std::thread::scope(|threads| {
            for _ in 0..SHARDS + 4 {
                threads.spawn(|| {
                    for _ in 0..100 {
                        shards.count(1);
                        shards.observe(Duration::from_micros(10));
                    }
                    shards.observe(Duration::from_secs(2));
                });
            }
        });
        let threads = SHARDS as u64 + 4;
        assert_eq!(
            [0, 1, 2].map(|kind| shards.requests(kind)),
            [0, threads * 100, 0]
        );
        let (buckets, sum_us) = shards.durations();
        assert_eq!((buckets[0], buckets[BUCKETS - 1]), (threads * 100, threads));
        assert_eq!(sum_us, threads * (1_000 + 2_000_000));
    }
}
