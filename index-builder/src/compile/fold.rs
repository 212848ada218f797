//! Folds sorted changes into one row a certificate: from its issue on, or from the row that an
//! earlier generation published of it.

use std::iter::Peekable;

use certificate::key::{HolderKey, LookupKey};
use certificate::record::Details;
use certificate::{CertificateNumber, Date};
use snapshot::Row;

use super::CompileError;
use super::history::{History, Misfit};
use super::previous::Previous;
use super::record::{KeyedChange, WIDTH};
use crate::ledger::{Index, Ledger};
use crate::sort::Sorted;

/// A certificate after its changes.
pub(super) struct Folded {
    pub(super) number: CertificateNumber,
    /// What was published of it before; `None` when it is new.
    pub(super) before: Option<Row>,
    pub(super) row: Row,
    pub(super) holder: HolderKey,
    /// Day of the latest review among the issues and corrections folded.
    pub(super) latest_review: Option<Date>,
    /// What the ledger says of its holder, when no change folded did.
    pub(super) details: Option<Details>,
}

/// What there was before the changes, and where else a certificate's holder can be found out.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) previous: &'a Previous,
    pub(super) ledger: &'a Ledger,
    pub(super) index: &'a Index,
    pub(super) key: &'a LookupKey,
}

/// The certificates of sorted changes, in the order of their numbers.
pub(super) struct Folding<'a> {
    changes: Peekable<Changes>,
    before: Option<Before<'a>>,
}

/// Sorted changes, unpacked.
struct Changes(Sorted<WIDTH>);

impl<'a> Folding<'a> {
    /// Of all changes there are, or of those after what was there before.
    pub(super) fn new(changes: Sorted<WIDTH>, before: Option<Before<'a>>) -> Self {
        Self {
            changes: Changes(changes).peekable(),
            before,
        }
    }

    fn fold(&mut self, first: &KeyedChange) -> Result<Folded, CompileError> {
        let number = first.number;
        let published = match self.before {
            Some(before) => before.previous.row(&number)?,
            None => None,
        };
        let mut history = match &published {
            Some(row) => {
                let mut history = History::resume(row)?;
                history.apply(first)?;
                history
            }
            None => History::begin(first)?,
        };
        let is_same = |next: &Result<KeyedChange, CompileError>| {
            next.as_ref().map_or(true, |next| next.number == number)
        };
        while let Some(next) = self.changes.next_if(is_same) {
            history.apply(&next?)?;
        }
        let row = history.row();
        let (holder, details) = match (history.holder(), self.before) {
            (Some(holder), _) => (holder, None),
            (None, Some(before)) => {
                let details = before.details(&number, &row)?;
                let holder = before.key.holder_key(&details.id_number, &details.name);
                (holder, Some(details))
            }
            (None, None) => unreachable!("a history that began with an issue has a holder"),
        };
        Ok(Folded {
            number,
            before: published,
            row,
            holder,
            latest_review: history.latest_review(),
            details,
        })
    }
}

impl Iterator for Folding<'_> {
    type Item = Result<Folded, CompileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.changes.next()?;
        Some(first.and_then(|first| self.fold(&first)))
    }
}

impl Iterator for Changes {
    type Item = Result<KeyedChange, CompileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = match self.0.next()? {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error.into())),
        };
        Some(KeyedChange::unpack(&bytes).ok_or(CompileError::Spool))
    }
}

impl Before<'_> {
    /// Name and identity number of a certificate where they have not changed. Rows do not have
    /// them, so the ledger is asked; and it must agree with what was published.
    fn details(&self, number: &CertificateNumber, row: &Row) -> Result<Details, CompileError> {
        let details = self.ledger.details(self.index, number)?;
        let agrees = details.map(|newest| newest.details).filter(|details| {
            self.key.name_tag(number, &details.name) == row.name_tag
                && self.key.id_tag(number, &details.id_number) == row.id_tag
        });
        let misfit = Misfit {
            sequence: row.sequence,
        };
        Ok(agrees.ok_or(misfit)?)
    }
}
