//! A line for each row, and a summary that says that all of them are there.

use std::io::{self, Write};

use super::super::list::Cells;
use super::super::outlet::Outlet;
use super::super::verdict::{OUTCOMES, Verdict};
use super::Counts;
use crate::live::Current;
use crate::render;

/// The lines of an answer.
pub(in super::super) struct Lines {
    outlet: Outlet,
    line: String,
    row: u64,
}

impl Lines {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self {
            outlet,
            line: String::with_capacity(1024),
            row: 0,
        }
    }

    pub(super) fn row(
        &mut self,
        current: &Current,
        cells: Cells<'_>,
        verdict: &Verdict<'_>,
    ) -> io::Result<()> {
        self.row += 1;
        self.line.clear();
        let certificates = match verdict {
            Verdict::Match(certificates) => certificates.as_slice(),
            _ => &[],
        };
        let detail = match verdict {
            Verdict::Invalid(fault) => Some(fault.detail()),
            _ => None,
        };
        render::bulk_row(
            &mut self.line,
            &render::BulkRow {
                row: self.row,
                reference: cells.reference(),
                outcome: verdict.outcome(),
                code: verdict.code(),
                detail: detail.as_deref(),
                certificates,
                phrases: &current.phrases,
            },
        );
        self.outlet.write_all(self.line.as_bytes())
    }

    pub(super) fn end(mut self, current: &Current, counts: &Counts) -> io::Result<()> {
        write!(self.outlet, r#"{{"summary":{{"rows":{}"#, self.row)?;
        for (outcome, count) in OUTCOMES.iter().zip(counts) {
            write!(self.outlet, r#","{outcome}":{count}"#)?;
        }
        writeln!(self.outlet, r#","as_of":{}}}}}"#, current.as_of)?;
        self.outlet.end()
    }
}
