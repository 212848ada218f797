//! The standing of a certificate: what the operations on it have led to so far.
//!
//! One function says what an operation makes of a standing. The gate asks it before a row is
//! admitted, and rebuilding the index replays it.

use certificate::Date;
use certificate::record::{Change, OperationKind};

use super::chunk::Place;

/// Where a certificate stands after some operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// How many operations there were.
    pub(crate) revision: u16,
    /// 已撤销.
    pub(crate) withdrawn: bool,
    /// 发证日期, of the newest details.
    pub(crate) issued_on: Date,
    /// The newest issue or correction, where name and identity number are.
    pub(super) details_at: Place,
}

/// Why an operation cannot be applied to a standing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Misfit {
    /// An issue of a number that exists, even when every value is equal.
    Duplicate,
    /// Another operation on a number that does not exist.
    Unknown,
    /// A withdrawal of a withdrawn certificate, a restoration of a valid one, or the 65,536th
    /// operation.
    State,
}

/// What of a change a standing follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) kind: OperationKind,
    /// Of the new details, where the change has some.
    pub(super) issued_on: Option<Date>,
}

impl Step {
    /// The step of a change.
    pub(super) fn of(change: &Change) -> Self {
        Self {
            kind: change.operation.kind(),
            issued_on: change.operation.details().map(|details| details.issued_on),
        }
    }
}

impl Standing {
    /// What a change, written at `place`, makes of `before`.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when it does not fit; nothing is changed then.
    pub(super) fn after(
        before: Option<Self>,
        Step { kind, issued_on }: Step,
        place: Place,
    ) -> Result<Self, Misfit> {
        if let Some(misfit) = Self::misfit(before.as_ref(), kind) {
            return Err(misfit);
        }
        match (before, issued_on) {
            (before, Some(issued_on)) => Ok(Self {
                revision: before.map_or(1, |before| before.revision + 1),
                withdrawn: before.is_some_and(|before| before.withdrawn),
                issued_on,
                details_at: place,
            }),
            (Some(before), None) => Ok(Self {
                revision: before.revision + 1,
                withdrawn: kind == OperationKind::Withdraw,
                ..before
            }),
            (None, None) => Err(Misfit::Unknown),
        }
    }

    /// Why an operation of this kind does not fit a certificate that stands so; `None` when it
    /// fits.
    pub(crate) fn misfit(before: Option<&Self>, kind: OperationKind) -> Option<Misfit> {
        let Some(before) = before else {
            return (kind != OperationKind::Issue).then_some(Misfit::Unknown);
        };
        let fits = match kind {
            OperationKind::Issue => return Some(Misfit::Duplicate),
            OperationKind::Correct => true,
            OperationKind::Withdraw => !before.withdrawn,
            OperationKind::Restore => before.withdrawn,
        };
        (!fits || before.revision == u16::MAX).then_some(Misfit::State)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{issue, withdrawal};
    use super::*;
    use certificate::record::Operation;

    const PLACE: Place = Place {
        batch: 1,
        offset_bytes: 300,
    };

    fn operation(kind: OperationKind) -> Change {
        let issue = issue(1);
        let details = Box::new(issue.operation.details().unwrap().clone());
        let operation = match kind {
            OperationKind::Issue => Operation::Issue(details),
            OperationKind::Correct => Operation::Correct(details),
            OperationKind::Withdraw => Operation::Withdraw,
            OperationKind::Restore => Operation::Restore,
        };
        Change { operation, ..issue }
    }

    #[test]
    fn operations_and_the_states_they_fit() {
        use OperationKind::{Correct, Issue, Restore, Withdraw};
        let unknown = Err(Misfit::Unknown);
        let state = Err(Misfit::State);
        /// The revision and whether it is withdrawn.
        type Outcome = Result<(u16, bool), Misfit>;
        let cases: [(&[OperationKind], Outcome); 10] = [
            (&[Issue], Ok((1, false))),
            (&[Issue, Withdraw], Ok((2, true))),
            (&[Issue, Withdraw, Correct], Ok((3, true))),
            (&[Issue, Correct], Ok((2, false))),
            (&[Issue, Withdraw, Restore, Withdraw], Ok((4, true))),
            (&[Issue, Issue], Err(Misfit::Duplicate)),
            (&[Issue, Withdraw, Withdraw], state),
            (&[Issue, Restore], state),
            (&[Withdraw], unknown),
            (&[Correct], unknown),
        ];
        for (kinds, expected) in cases {
            let mut standing = Ok(None);
            for &kind in kinds {
                standing = standing.and_then(|before| {
                    Standing::after(before, Step::of(&operation(kind)), PLACE).map(Some)
                });
            }
            let result = standing.map(|standing| {
                let standing = standing.unwrap();
                (standing.revision, standing.withdrawn)
            });
            assert_eq!(result, expected, "{kinds:?}");
        }
    }

    #[test]
    fn a_withdrawal_keeps_the_place_of_the_details() {
        let issued = Standing::after(None, Step::of(&issue(1)), PLACE).unwrap();
        let later = Place {
            batch: 2,
            offset_bytes: 7,
        };
        let withdrawn = Standing::after(Some(issued), Step::of(&withdrawal(1)), later).unwrap();
        assert_eq!(withdrawn.details_at, PLACE);
        let corrected = Standing::after(
            Some(withdrawn),
            Step::of(&operation(OperationKind::Correct)),
            later,
        )
        .unwrap();
        assert_eq!(corrected.details_at, later);
    }

    #[test]
    fn revisions_end() {
        let last = Standing {
            revision: u16::MAX,
            ..Standing::after(None, Step::of(&issue(1)), PLACE).unwrap()
        };
        assert_eq!(
            Standing::after(Some(last), Step::of(&withdrawal(1)), PLACE),
            Err(Misfit::State)
        );
    }
}
