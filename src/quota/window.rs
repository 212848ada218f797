//! The last rows of an account, one bit each: was it a miss?

/// Rows that are remembered.
const ROWS: usize = 1_000;

/// More misses than this among them are guessing. An employer's list has a few typing errors.
const MISSES_MOST: usize = ROWS / 5;

/// A ring of the last [`ROWS`] rows.
#[derive(Debug)]
pub(super) struct Window {
    misses: [u64; ROWS.div_ceil(64)],
    missed: usize,
    next: usize,
    full: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            misses: [0; ROWS.div_ceil(64)],
            missed: 0,
            next: 0,
            full: false,
        }
    }
}

impl Window {
    /// The newest row takes the place of the oldest.
    pub(super) fn push(&mut self, is_miss: bool) {
        let (word, bit) = (self.next / 64, 1 << (self.next % 64));
        self.missed -= usize::from(self.misses[word] & bit != 0);
        self.missed += usize::from(is_miss);
        if is_miss {
            self.misses[word] |= bit;
        } else {
            self.misses[word] &= !bit;
        }
        self.next = (self.next + 1) % ROWS;
        self.full |= self.next == 0;
    }

    /// Whether there are as many rows as are judged, and too many of them misses.
    pub(super) fn is_mostly_guessed(&self) -> bool {
        self.full && self.missed > MISSES_MOST
    }
}
