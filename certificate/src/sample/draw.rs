//! Seeded choices by integer arithmetic alone, so that every machine draws the same.
//!
//! It knows nothing of what is drawn.

/// What a draw is for; two purposes never share their numbers.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// The order of slots within a round.
    Order = 1,
    /// How many more certificates than its kind an institution issues.
    Size,
    /// Which trades an institution examines.
    Programme,
    /// When a plan begins and ends.
    Plan,
    /// When a session is reported and reviewed.
    Report,
    /// Which serial of fifty stays unused.
    Gap,
    /// Who a holder is.
    Person,
    /// Which of the institution's trades a holder learns.
    Trade,
    /// Where a year's birth dates begin.
    Birth,
    /// How the sequence numbers of one birth date are turned.
    Sequence,
    /// Days and scores of one certificate.
    Certificate,
    /// Which certificate of a hundred is withdrawn, when and why.
    Withdrawal,
}

/// A stream of choices for one purpose and one index.
pub(super) struct Draw(u64);

impl Draw {
    /// The stream of (seed, purpose, index).
    pub(super) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        Self(mix(mix(seed ^ (purpose as u64) << 56) ^ index))
    }

    /// A number of `0..bound`. Cost: one multiplication more than the mixer.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let product = u128::from(mix(self.0)) * u128::from(bound);
        u64::try_from(product >> 64).expect("the high half of a 128-bit product has 64 bits")
    }

    /// One of `choices`, which are not empty.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// An index into something of `length`.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let index = self.below(length as u64);
        usize::try_from(index).expect("below a usize")
    }

    /// A number of days of `0..bound`.
    pub(super) fn days(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).expect("bounds of days are small")
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection without pattern.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
