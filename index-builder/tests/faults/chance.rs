//! Seeded choice: how much of a campaign to run, and which part of it.

use std::collections::BTreeMap;

/// Where every choice of this harness starts. A failure names the case itself, so no seed has to
/// be carried from a report into a run.
const SEED: u64 = 0x5EED_0003;

/// A stream of numbers that looks random and is the same every time (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// The stream of a name; other names give other streams.
    pub(crate) fn of(name: &str) -> Self {
        let seed = name.bytes().fold(SEED, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of the numbers below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }

    pub(crate) fn toss(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    /// At most `most` of these, shuffled, taking turns between the groups: a few of each kind, and
    /// not hundreds of the commonest.
    pub(crate) fn choose<T, K: Ord>(
        &mut self,
        mut items: Vec<T>,
        most: usize,
        group: impl Fn(&T) -> K,
    ) -> Vec<T> {
        self.shuffle(&mut items);
        let mut seen: BTreeMap<K, usize> = BTreeMap::new();
        let mut turns: Vec<(usize, T)> = items
            .into_iter()
            .map(|item| {
                let turn = seen.entry(group(&item)).or_default();
                *turn += 1;
                (*turn, item)
            })
            .collect();
        turns.sort_by_key(|(turn, _)| *turn);
        turns.into_iter().take(most).map(|(_, item)| item).collect()
    }
}

/// How many cases to run: of the environment in a campaign, else the slice.
pub(crate) fn cases(variable: &str, slice: usize) -> usize {
    match std::env::var(variable) {
        Err(_) => slice,
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number of cases, not {text:?}")),
    }
}

#[test]
fn choices_take_turns_and_repeat() {
    let items: Vec<u32> = (0..100).chain([1_000]).collect();
    let choose = || Chance::of("a").choose(items.clone(), 6, |item| item / 50);
    assert_eq!(choose(), choose());
    assert!(choose().contains(&1_000), "the rare group has its turn");
    assert_ne!(
        choose(),
        Chance::of("b").choose(items.clone(), 6, |item| item / 50)
    );
}
