//! What the cells of some rows were read as, for columns that say the same few things again and
//! again: most of judging would be reading the same days, scores, levels and plans.

use std::cell::RefCell;
use std::convert::Infallible;

use certificate::record::{OperationKind, Score};
use certificate::{Date, IdentityType, Level, OccupationCode};

use crate::known::Known;
use crate::registry::Plan;

/// Readings of the rows of one group. Nothing in it is a judgement: what follows from a value is
/// asked for each row.
pub(super) struct ReadBefore<'a> {
    pub(super) kinds: Reading<'a, Option<OperationKind>>,
    pub(super) days: Reading<'a, Option<Date>>,
    pub(super) id_types: Reading<'a, Option<IdentityType>>,
    pub(super) occupations: Reading<'a, Option<OccupationCode>>,
    pub(super) levels: Reading<'a, Option<Level>>,
    pub(super) scores: Reading<'a, Option<Score>>,
    pub(super) plans: Reading<'a, Option<&'a Plan>>,
}

/// Readings of one kind of cell.
pub(super) struct Reading<'a, V>(RefCell<Known<'a, V>>);

impl<'a> ReadBefore<'a> {
    /// Nothing yet.
    pub(super) fn nothing() -> Self {
        Self {
            kinds: Reading::none(),
            days: Reading::none(),
            id_types: Reading::none(),
            occupations: Reading::none(),
            levels: Reading::none(),
            scores: Reading::none(),
            plans: Reading::none(),
        }
    }
}

impl<'a, V: Copy> Reading<'a, V> {
    fn none() -> Self {
        Self(RefCell::new(Known::new()))
    }

    /// What a text is, as remembered or else as `read` says. Cost of what is remembered: 5 ns.
    pub(super) fn of(&self, text: &'a str, read: impl FnOnce(&'a str) -> V) -> V {
        let read = |text| Ok::<_, Infallible>(read(text));
        match self.0.borrow_mut().get(text, read) {
            Ok(value) => value,
        }
    }
}
