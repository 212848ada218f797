//! The forms that an answered list can have.

mod csv;
mod ndjson;
mod xlsx;

use std::io;
use std::path::Path;

use super::list::{Cells, List};
use super::outlet::Outlet;
use super::verdict::Verdict;
use crate::live::Current;
use crate::reply::Media;

/// In what form the answers leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A JSON object a line, and a summary.
    Ndjson,
    /// CSV in UTF-8 with a byte order mark, which spreadsheets need.
    CsvUtf8,
    /// The same, with cells as they were also where a spreadsheet would take them for formulas:
    /// for a program that makes a file of its own of them.
    CsvAsIs,
    /// CSV in GB18030.
    CsvGb18030,
    /// A workbook.
    Xlsx,
}

/// How many rows came to which outcome, in the order of [`super::verdict::OUTCOMES`].
pub(super) type Counts = [u64; 5];

/// Writes answers in one of the forms.
pub(super) enum Output {
    Ndjson(ndjson::Lines),
    Csv(Box<csv::Table>),
    Xlsx(Box<xlsx::Sheet>),
}

impl Form {
    /// What the reply says it is.
    pub fn media(self) -> Media {
        match self {
            Self::Ndjson => Media::Ndjson,
            Self::CsvUtf8 | Self::CsvAsIs => Media::Csv,
            Self::CsvGb18030 => Media::CsvGb18030,
            Self::Xlsx => Media::Xlsx,
        }
    }

    /// The name to save it under.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Ndjson => "certq-results.ndjson",
            Self::CsvUtf8 | Self::CsvAsIs | Self::CsvGb18030 => "certq-results.csv",
            Self::Xlsx => "certq-results.xlsx",
        }
    }
}

impl Output {
    /// Begins an answer to a list. A workbook is made in an unlinked file in `spool`.
    pub(super) fn begin(
        form: Form,
        list: &List,
        current: &Current,
        spool: &Path,
        outlet: Outlet,
    ) -> io::Result<Self> {
        Ok(match form {
            Form::Ndjson => Self::Ndjson(ndjson::Lines::new(outlet)),
            Form::CsvUtf8 => Self::Csv(Box::new(csv::Table::begin_utf8(list, outlet, true)?)),
            Form::CsvAsIs => Self::Csv(Box::new(csv::Table::begin_utf8(list, outlet, false)?)),
            Form::CsvGb18030 => Self::Csv(Box::new(csv::Table::begin_gb18030(list, outlet)?)),
            Form::Xlsx => Self::Xlsx(Box::new(xlsx::Sheet::begin(list, current, spool, outlet)?)),
        })
    }

    /// Writes one row.
    pub(super) fn row(
        &mut self,
        current: &Current,
        cells: Cells<'_>,
        verdict: &Verdict<'_>,
    ) -> io::Result<()> {
        match self {
            Self::Ndjson(lines) => lines.row(current, cells, verdict),
            Self::Csv(table) => table.row(current, cells, verdict),
            Self::Xlsx(sheet) => sheet.row(current, cells, verdict),
        }
    }

    /// Ends the answer.
    pub(super) fn end(self, current: &Current, counts: &Counts) -> io::Result<()> {
        match self {
            Self::Ndjson(lines) => lines.end(current, counts),
            Self::Csv(table) => table.end(),
            Self::Xlsx(sheet) => sheet.end(),
        }
    }
}

/// Whether a spreadsheet would take a text for a formula (OWASP's list, and its full-width forms).
pub(crate) fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}
