//! The history of one certificate, folded into the one row that is published.
//!
//! The gate let in only operations that fit the state. A history that does not fit was not written
//! by it, so it is refused whole instead of guessed at.

use certificate::date::{self, Date};
use certificate::key::HolderKey;
use certificate::record::OperationKind;
use snapshot::{Row, Status};

use super::record::{KeyedChange, Shown};

/// A certificate after the changes seen so far.
pub(crate) struct History {
    details: Shown,
    /// Code and packed day of the review of `details`.
    reviewed: (u8, u16),
    /// Packed day of the withdrawal in force.
    withdrawn_on: Option<u16>,
    /// Of the withdrawal in force, else of the newest change.
    reason: Option<u16>,
    revision: u16,
    sequence: u64,
    /// Under which key the holder finds it; `None` while no change seen has said.
    holder: Option<HolderKey>,
    /// Packed day of the latest review of an issue or a correction seen.
    latest_review: Option<u16>,
}

/// A change that its certificate's state does not allow, by its position in the ledger.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Misfit {
    pub(crate) sequence: u64,
}

impl History {
    /// Begins with the first change of a number, which must be an issue.
    pub(crate) fn begin(change: &KeyedChange) -> Result<Self, Misfit> {
        match (change.kind, change.details) {
            (OperationKind::Issue, Some(details)) => Ok(Self {
                details: details.shown,
                reviewed: (change.review_centre, change.reviewed_on),
                withdrawn_on: None,
                reason: change.reason,
                revision: 1,
                sequence: change.sequence,
                holder: Some(details.holder),
                latest_review: Some(change.reviewed_on),
            }),
            _ => Err(change.misfit()),
        }
    }

    /// Begins with what was published of a number.
    pub(crate) fn resume(row: &Row) -> Result<Self, Misfit> {
        let day = |on| {
            date::to_day_number(on).ok_or(Misfit {
                sequence: row.sequence,
            })
        };
        Ok(Self {
            details: Shown {
                name_tag: row.name_tag,
                id_tag: row.id_tag,
                initial: row.initial,
                occupation: row.occupation,
                direction: row.direction,
                issued_on: day(row.issued_on)?,
            },
            reviewed: (row.review_centre, day(row.reviewed_on)?),
            withdrawn_on: row.status_on.map(day).transpose()?,
            reason: row.reason,
            revision: row.revision,
            sequence: row.sequence,
            holder: None,
            latest_review: None,
        })
    }

    /// Goes on with the next change of the same number.
    pub(crate) fn apply(&mut self, change: &KeyedChange) -> Result<(), Misfit> {
        match (change.kind, change.details, self.withdrawn_on) {
            (OperationKind::Correct, Some(details), withdrawn_on) => {
                self.details = details.shown;
                self.holder = Some(details.holder);
                self.latest_review = self.latest_review.max(Some(change.reviewed_on));
                self.reviewed = (change.review_centre, change.reviewed_on);
                if withdrawn_on.is_none() {
                    self.reason = change.reason;
                }
            }
            (OperationKind::Withdraw, None, None) => {
                self.withdrawn_on = Some(change.reviewed_on);
                self.reason = change.reason;
            }
            (OperationKind::Restore, None, Some(_)) => {
                self.withdrawn_on = None;
                self.reason = change.reason;
            }
            _ => return Err(change.misfit()),
        }
        self.revision = self.revision.checked_add(1).ok_or(change.misfit())?;
        self.sequence = change.sequence;
        Ok(())
    }

    /// Under which key the holder finds it now; the key of a corrected name leads nowhere. `None`
    /// when none of the changes seen was an issue or a correction.
    pub(crate) fn holder(&self) -> Option<HolderKey> {
        self.holder
    }

    /// Day of the latest review among the issues and corrections seen.
    pub(crate) fn latest_review(&self) -> Option<Date> {
        self.latest_review.map(date::from_day_number)
    }

    /// What is published of it.
    pub(crate) fn row(&self) -> Row {
        Row {
            name_tag: self.details.name_tag,
            id_tag: self.details.id_tag,
            initial: self.details.initial,
            occupation: self.details.occupation,
            direction: self.details.direction,
            reason: self.reason,
            review_centre: self.reviewed.0,
            issued_on: date::from_day_number(self.details.issued_on),
            reviewed_on: date::from_day_number(self.reviewed.1),
            status: match self.withdrawn_on {
                Some(_) => Status::Withdrawn,
                None => Status::Valid,
            },
            status_on: self.withdrawn_on.map(date::from_day_number),
            revision: self.revision,
            sequence: self.sequence,
        }
    }
}

impl KeyedChange {
    fn misfit(&self) -> Misfit {
        Misfit {
            sequence: self.sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use certificate::key::Tag;
    use certificate::number::CertificateNumber;

    use super::super::record::KeyedDetails;
    use super::*;

    /// A change of one number: the letter is the operation, the sequence its place in the text.
    /// Details, reason, centre and day follow from the sequence.
    fn change(operation: char, sequence: u8) -> KeyedChange {
        let kind = match operation {
            'i' => OperationKind::Issue,
            'c' => OperationKind::Correct,
            'w' => OperationKind::Withdraw,
            _ => OperationKind::Restore,
        };
        let code = u16::from(sequence);
        let shown = Shown {
            name_tag: Tag::from_bytes([sequence; 8]),
            id_tag: Tag::from_bytes([sequence + 100; 8]),
            initial: '张',
            occupation: code,
            direction: code,
            issued_on: 18_000 + code,
        };
        let details = KeyedDetails {
            shown,
            holder: HolderKey::from_bytes([sequence; 12]),
        };
        KeyedChange {
            number: CertificateNumber::parse("J000044000001203000123").unwrap(),
            sequence: u64::from(sequence),
            kind,
            details: kind.is_full_row().then_some(details),
            reason: (kind != OperationKind::Issue).then_some(code),
            review_centre: sequence,
            reviewed_on: 19_000 + code,
        }
    }

    fn fold(operations: &str) -> Result<History, Misfit> {
        let mut changes = operations.chars().zip(1..).map(|(o, s)| change(o, s));
        let mut history = History::begin(&changes.next().unwrap())?;
        changes.try_for_each(|change| history.apply(&change))?;
        Ok(history)
    }

    #[test]
    fn the_row_after_each_kind_of_history() {
        // Operations; then the sequence that gives the details, the reason and the withdrawal.
        for (operations, details, reason, withdrawn) in [
            ("i", 1, None, None),
            ("iw", 1, Some(2), Some(2)),
            ("iwr", 1, Some(3), None),
            ("ic", 2, Some(2), None),
            ("iwc", 3, Some(2), Some(2)),
            ("iwcr", 3, Some(4), None),
            ("iwrw", 1, Some(4), Some(4)),
            ("iccwrc", 6, Some(6), None),
        ] {
            let history = fold(operations).unwrap();
            let row = history.row();
            let day = |base, code: u16| Some(date::from_day_number(base + code));
            assert_eq!(row.occupation, details, "{operations}");
            assert_eq!(
                u16::from(row.name_tag.as_bytes()[0]),
                details,
                "{operations}"
            );
            assert_eq!(
                u16::from(history.holder().unwrap().as_bytes()[0]),
                details,
                "{operations}"
            );
            assert_eq!(u16::from(row.review_centre), details, "{operations}");
            assert_eq!(Some(row.reviewed_on), day(19_000, details), "{operations}");
            assert_eq!(Some(row.issued_on), day(18_000, details), "{operations}");
            assert_eq!(row.reason, reason, "{operations}");
            assert_eq!(
                row.status_on,
                withdrawn.and_then(|code| day(19_000, code)),
                "{operations}"
            );
            assert_eq!(row.status == Status::Withdrawn, withdrawn.is_some());
            assert_eq!(usize::from(row.revision), operations.len());
            assert_eq!(row.sequence, operations.len() as u64);
        }
    }

    #[test]
    fn a_history_goes_on_from_its_row() {
        for operations in ["iw", "iwr", "ic", "iwc", "iwcr", "iwrw", "iccwrc"] {
            let whole = fold(operations).unwrap();
            for seen in 1..operations.len() {
                let row = fold(&operations[..seen]).unwrap().row();
                let mut history = History::resume(&row).unwrap();
                for (operation, sequence) in operations.chars().zip(1..).skip(seen) {
                    history.apply(&change(operation, sequence)).unwrap();
                }
                assert_eq!(history.row(), whole.row(), "{operations} after {seen}");
                let corrected = operations[seen..].contains('c');
                assert_eq!(history.holder().is_some(), corrected, "{operations}");
                assert_eq!(history.latest_review().is_some(), corrected);
            }
        }
    }

    #[test]
    fn a_history_that_no_gate_admits_names_the_change() {
        for (operations, sequence) in [("w", 1), ("c", 1), ("ii", 2), ("ir", 2), ("iww", 3)] {
            assert_eq!(
                fold(operations).err(),
                Some(Misfit { sequence }),
                "{operations}"
            );
        }
    }

    #[test]
    fn more_changes_than_a_revision_counts() {
        let mut history = fold("i").unwrap();
        for turn in 1..u16::MAX {
            let operation = if turn % 2 == 1 { 'w' } else { 'r' };
            history.apply(&change(operation, 2)).unwrap();
        }
        assert_eq!(history.row().revision, u16::MAX);
        assert!(history.apply(&change('w', 9)).is_err());
    }
}
