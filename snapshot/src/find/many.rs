//! Look-ups in turn, whose rows are asked of memory ahead.
//!
//! A row of a large register is in no cache, and waiting for it takes as long as all the rest of a
//! look-up. So where the rows of a few questions are is found out first, and by the time one has been
//! judged, the others are near. Nothing is said of a question before it is asked for: what is refused
//! for other reasons has not been compared with anything.

use std::slice;

use super::{Found, Place, Question, Sought, by_number, look_up, stand_in};
use crate::damage::Damaged;
use crate::serials::Spot;
use crate::snapshot::Snapshot;

/// Questions whose rows are on their way at once. Each takes up to two cache lines, and a core can
/// wait for some tens.
const AHEAD: usize = 32;

/// A look-up for each of some questions, in their order.
pub struct LookUps<'s, 'q> {
    snapshot: &'s Snapshot,
    questions: slice::Iter<'q, Question>,
    /// Those of the block of [`AHEAD`] that is being given out; `None` without a number.
    sought: [Option<Sought<'s>>; AHEAD],
    next: usize,
}

/// One question, whose row is on its way.
pub struct LookUp<'s, 'q> {
    snapshot: &'s Snapshot,
    question: &'q Question,
    sought: Option<Sought<'s>>,
}

impl LookUp<'_, '_> {
    /// Compares the row with the question.
    ///
    /// # Errors
    ///
    /// Those of [`look_up`].
    pub fn found(self) -> Result<Vec<Found>, Damaged> {
        match (self.question.number(), self.sought) {
            (Some(number), Some(sought)) => by_number(self.snapshot, self.question, number, sought),
            _ => look_up(self.snapshot, self.question),
        }
    }
}

/// Prepares to look up every question. What each finds is exactly what [`look_up`] gives, whatever
/// becomes of the others.
///
/// Cost: for questions by number, of a register that no cache holds, about half of that of
/// [`look_up`]; by holder the same.
pub fn look_up_all<'s, 'q>(snapshot: &'s Snapshot, questions: &'q [Question]) -> LookUps<'s, 'q> {
    LookUps {
        snapshot,
        questions: questions.iter(),
        sought: [None; AHEAD],
        next: 0,
    }
}

impl LookUps<'_, '_> {
    /// Finds the numbers of the next questions in three steps, each of which asks memory for all
    /// that the next one reads.
    fn seek(&mut self) {
        let questions = self.questions.as_slice();
        let numbers = questions.iter().take(AHEAD).map(Question::number);
        self.sought = [None; AHEAD];
        for (sought, number) in self.sought.iter_mut().zip(numbers.clone()) {
            *sought = number.map(|number| stand_in(self.snapshot, number));
        }
        // The newest layer is the last word.
        for layer in self.snapshot.layers().rev() {
            let mut spots = [None; AHEAD];
            for (spot, number) in spots.iter_mut().zip(numbers.clone()) {
                *spot = number.map(|number| layer.serials.spot(number));
                spot.iter().for_each(Spot::prefetch);
            }
            for (sought, spot) in self.sought.iter_mut().zip(&spots) {
                let ordinal = spot.and_then(|spot| spot.ordinal());
                let known = |ordinal| Sought::known(Place { layer, ordinal });
                *sought = ordinal.map(known).or(*sought);
            }
        }
        // Alone in their loop, so that a core waits for the pages of many rows at once.
        for Sought { place, .. } in self.sought.iter().flatten() {
            place.layer.rows.prefetch(place.ordinal);
        }
    }
}

impl<'s, 'q> Iterator for LookUps<'s, 'q> {
    type Item = LookUp<'s, 'q>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == 0 {
            self.seek();
        }
        let question = self.questions.next()?;
        let sought = self.sought[self.next].take();
        self.next = (self.next + 1) % AHEAD;
        Some(LookUp {
            snapshot: self.snapshot,
            question,
            sought,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.questions.size_hint()
    }
}

impl ExactSizeIterator for LookUps<'_, '_> {}

impl std::fmt::Debug for LookUp<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LookUp(…)")
    }
}

impl std::fmt::Debug for LookUps<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LookUps({} to come)", self.questions.len())
    }
}
