//! Many look-ups in one request: a list in, the same list with its answers out.
//!
//! A list is held whole and read twice. The first pass finds what is wrong with it as a whole and
//! counts what it will cost, while a refusal can still have a status of its own; the second answers
//! row by row, and the answer leaves while it is made. One snapshot answers all rows. Rows out are
//! rows in, in order, whatever their outcome (invariant 10).
//!
//! Jobs run on threads of their own that give way to single look-ups, a few at a time; one whose
//! client stops reading waits without keeping others from running, and one whose client goes ends.
//!
//! Reading order: an [`order`] is what is asked for; [`mapping`] and [`list`] read it, [`verdict`]
//! answers one row, [`columns`] puts it in words, [`output`] gives it a form, into an [`outlet`];
//! [`plan`] is the first pass and [`grant`] what the second may cost; a [`job`] is the whole, on
//! the [`premises`], in [`turns`]; the [`workshop`] starts jobs.

pub(crate) mod columns;
mod grant;
mod job;
mod list;
pub mod mapping;
pub mod order;
mod outlet;
pub mod output;
mod plan;
mod premises;
pub mod preview;
mod turns;
mod verdict;
pub mod workshop;

use std::borrow::Cow;

use spreadsheet::SpreadsheetError;

use crate::refusal::Refusal;

pub use list::Kind;
pub use order::Order;
pub use output::Form;
pub use workshop::Workshop;

/// Why a whole list is refused, in words of its own where a refusal has none fitting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Status and code.
    pub refusal: Refusal,
    /// The Chinese sentence, when it is not the refusal's.
    pub detail: Option<Cow<'static, str>>,
}

impl Refused {
    /// A refusal in other words.
    pub fn because(refusal: Refusal, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            refusal,
            detail: Some(detail.into()),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            detail: None,
        }
    }
}

impl From<SpreadsheetError> for Refused {
    fn from(error: SpreadsheetError) -> Self {
        let refusal = match &error {
            SpreadsheetError::Encoding { .. } => Refusal::Encoding,
            SpreadsheetError::ColumnMissing { .. } => Refusal::ColumnMissing,
            SpreadsheetError::TooLarge(_) => Refusal::FileTooLarge,
            SpreadsheetError::Unreadable(_) => Refusal::FileUnreadable,
            // The list is in memory, where nothing fails to be read.
            SpreadsheetError::Io { .. } => return Refusal::Internal.into(),
        };
        Self::because(refusal, error.to_string())
    }
}
