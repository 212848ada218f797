//! The gate: judges every row of a batch in full, and admits what keeps every rule.
//!
//! Rules stand by subject, each function one rule with its clause: [`number`], [`institution`],
//! [`occupation`], [`holder`], [`review`], [`plan`], [`dates`], [`operation`]. A rule that needs a
//! value which could not be read is skipped, so nothing is told twice.
//!
//! Two steps. [`Batch::judge`] looks at a row alone, against the registry: it can run on any
//! thread. [`Judged::place`] compares it with what the register holds, in the order of the file.
//! No message quotes a cell: a report may be read by people who may not read the batch.

mod code;
mod dates;
mod field;
mod finding;
mod full_row;
mod holder;
mod institution;
mod number;
mod occupation;
mod operation;
mod plan;
mod read_before;
mod review;
mod roll;

pub(crate) use finding::{Finding, Findings};
pub(crate) use roll::{Roll, RollError};

use std::borrow::Cow;

use certificate::record::OperationKind;
use certificate::workday::YearMissing;
use certificate::{CertificateNumber, Date};

use crate::ledger::{Draft, DraftDetails, LedgerError, Rendered, Staged, Standing};
use crate::registry::{Institution, Registry};
use field::{ALWAYS_NEEDED, COLUMNS, Delivered, Field, NEEDED_FOR_FULL_ROWS};
use finding::Place;
use full_row::FullRow;
use read_before::ReadBefore;
use spreadsheet::{Cell, Header, Misshapen, Row, SpreadsheetError, column_letters};

/// What rows are judged against.
pub(crate) struct Gate {
    /// Who may certify what.
    pub(crate) registry: Registry,
    /// Who studies where, if a roll was given.
    pub(crate) roll: Option<Roll>,
    /// Whether a missed deadline keeps a row out.
    pub(crate) strict_deadlines: bool,
}

/// The gate before one file.
pub(crate) struct Batch<'a> {
    gate: &'a Gate,
    header: Header,
    /// Names of the columns that an issue or a correction would need and the file does not have.
    missing_for_full_rows: Vec<&'static str>,
}

/// A row that was judged alone.
pub(crate) struct Judged {
    /// As a spreadsheet counts.
    pub(crate) row: u64,
    findings: Findings,
    number: Option<CertificateNumber>,
    kind: Option<OperationKind>,
    reviewed_on: Option<Date>,
    reason: Option<String>,
    /// There when nothing was wrong so far.
    change: Option<Rendered>,
}

/// Why a whole file cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unjudgeable {
    /// The file itself.
    #[error(transparent)]
    Source(#[from] SpreadsheetError),
    /// A deadline reaches into a year without a calendar.
    #[error(transparent)]
    Calendar(#[from] YearMissing),
}

impl<'a> Batch<'a> {
    /// Finds the columns of a file by its first row.
    ///
    /// # Errors
    ///
    /// When a column is missing that every row needs.
    pub(crate) fn open(gate: &'a Gate, head: &Row) -> Result<Self, SpreadsheetError> {
        let header = Header::find(&COLUMNS, head)?;
        let needed =
            |fields: &[Field]| header.missing(&COLUMNS, fields.iter().map(|&field| field as usize));
        let mut missing = needed(&ALWAYS_NEEDED);
        let missing_for_full_rows = needed(&NEEDED_FOR_FULL_ROWS);
        // Without the column every row is an issue.
        if !header.has(Field::Op as usize) {
            missing.extend(&missing_for_full_rows);
        }
        if !missing.is_empty() {
            return Err(SpreadsheetError::ColumnMissing { columns: missing });
        }
        Ok(Self {
            gate,
            header,
            missing_for_full_rows,
        })
    }

    /// What a person should know about the file as a whole.
    pub(crate) fn notices(&self) -> Vec<String> {
        let unknown = self.header.unknown();
        unknown
            .map(|letters| format!("{letters}列的表头无法识别，该列已忽略"))
            .collect()
    }

    /// Judges rows, each alone. Cost: about 1 µs a row.
    ///
    /// # Errors
    ///
    /// When the whole file cannot be judged.
    pub(crate) fn judge(&self, rows: &[Row]) -> Result<Vec<Judged>, Unjudgeable> {
        let before = ReadBefore::nothing();
        rows.iter()
            .map(|row| self.judge_row(row, &before))
            .collect()
    }

    fn judge_row<'r>(
        &'r self,
        row: &'r Row,
        before: &'r ReadBefore<'r>,
    ) -> Result<Judged, Unjudgeable> {
        let mut judged = Judged::new(row.number);
        if let Some((place, message)) = self.misshapen(row) {
            judged.findings.reject_shape(place, &message);
            return Ok(judged);
        }
        let row = Delivered {
            header: &self.header,
            row,
            before,
        };
        let registry = &self.gate.registry;
        let findings = &mut judged.findings;
        judged.kind = operation::read(row, findings);
        judged.number = number::read(row, findings);
        let number = judged.number;
        let institution = number.and_then(|it| number::institution(registry, &it, findings));
        let review = self.review(row, institution, findings);
        judged.reviewed_on = review.on;
        let reason = match judged.kind {
            None | Some(OperationKind::Issue) => None,
            Some(_) => operation::read_reason(row, findings),
        };
        let details = match judged.kind {
            Some(kind) if kind.is_full_row() => {
                self.check_columns()?;
                let full = FullRow {
                    gate: self.gate,
                    row,
                    kind,
                    number,
                    institution,
                    reviewed_on: review.on,
                };
                full.judge(findings)?
            }
            _ => None,
        };
        judged.make_change(review.centre, reason.as_deref(), details);
        judged.reason = reason.map(Cow::into_owned);
        Ok(judged)
    }

    /// Whether the row has the shape of its header, in cells that can be read.
    fn misshapen(&self, row: &Row) -> Option<(Place, String)> {
        let misshapen = self.header.misshapen(row);
        if let Some(Misshapen::Surplus(place) | Misshapen::Short(place)) = misshapen {
            let message = if matches!(misshapen, Some(Misshapen::Short(_))) {
                "本行单元格比表头少；请检查是否断行或缺列"
            } else {
                "本行单元格比表头多；请检查内容里是否有未加引号的逗号"
            };
            return Some((self.place(place), message.to_owned()));
        }
        if !row.has_oversize() {
            return None;
        }
        let place = (0..row.used()).find(|&place| {
            row.cell(place) == Cell::Oversize && self.header.column_at(place).is_some()
        })?;
        let message = "单元格内容超过64KiB；请检查引号是否配对".to_owned();
        Some((self.place(place), message))
    }

    fn place(&self, place: usize) -> Place {
        match self.header.column_at(place) {
            Some(column) => Place::Field(Field::of_column(column)),
            None => Place::Column(column_letters(place)),
        }
    }

    fn review<'r>(
        &'r self,
        row: Delivered<'r>,
        institution: Option<&Institution>,
        findings: &mut Findings,
    ) -> ReviewCells<'r> {
        let registry = &self.gate.registry;
        let centre = review::read_centre(row, findings);
        let on = review::read_day(row, findings);
        review::is_approved(row, findings);
        if let (Some(institution), Some(centre)) = (institution, &centre) {
            review::is_competent(registry, institution, centre, findings);
        }
        ReviewCells { centre, on }
    }

    fn check_columns(&self) -> Result<(), SpreadsheetError> {
        if self.missing_for_full_rows.is_empty() {
            return Ok(());
        }
        Err(SpreadsheetError::ColumnMissing {
            columns: self.missing_for_full_rows.clone(),
        })
    }
}

/// What a row says of its review, as far as it could be read.
struct ReviewCells<'a> {
    centre: Option<Cow<'a, str>>,
    on: Option<Date>,
}

impl Judged {
    fn new(row: u64) -> Self {
        Self {
            row,
            findings: Findings::default(),
            number: None,
            kind: None,
            reviewed_on: None,
            reason: None,
            change: None,
        }
    }

    /// Puts the values together, when nothing was wrong with any of them.
    fn make_change(
        &mut self,
        centre: Option<Cow<'_, str>>,
        reason: Option<&str>,
        details: Option<DraftDetails<'_>>,
    ) {
        if !self.findings.is_clean() {
            return;
        }
        if let (Some(reason), Some(details)) = (reason, &details) {
            operation::names_nobody(reason, &details.name, &mut self.findings);
        }
        let kind = self.kind.expect(EVERY_VALUE);
        assert!(details.is_some() == kind.is_full_row(), "{EVERY_VALUE}");
        let draft = Draft {
            number: self.number.expect(EVERY_VALUE),
            kind,
            centre: &centre.expect(EVERY_VALUE),
            reviewed_on: self.reviewed_on.expect(EVERY_VALUE),
            reason: reason.unwrap_or_default(),
            details,
        };
        self.change = self.findings.is_clean().then(|| Rendered::from(&draft));
    }

    /// Compares the row with where its certificate stands, and adds it to the batch when nothing
    /// is wrong. Rows must come in the order of the file.
    pub(crate) fn place(mut self, staged: &mut Staged<'_>) -> Result<Findings, LedgerError> {
        if let (Some(number), Some(kind)) = (self.number, self.kind) {
            let standing = staged.standing(&number)?;
            self.judge_standing(kind, standing, staged)?;
            if let Some(change) = self.change.filter(|_| self.findings.is_clean()) {
                staged.push(change, standing)?;
            }
        }
        Ok(self.findings)
    }

    fn judge_standing(
        &mut self,
        kind: OperationKind,
        standing: Option<Standing>,
        staged: &mut Staged<'_>,
    ) -> Result<(), LedgerError> {
        let findings = &mut self.findings;
        if let Some(misfit) = Standing::misfit(standing.as_ref(), kind) {
            operation::misfit(misfit, findings);
        }
        let Some(standing) = standing else {
            return Ok(());
        };
        if let Some(reason) = &self.reason {
            operation::names_nobody(reason, &staged.holder(&standing)?, findings);
        }
        if !kind.is_full_row() {
            let message = "审核日期早于证书的发证日期";
            let issued_on = Some(standing.issued_on);
            dates::in_order(
                issued_on,
                self.reviewed_on,
                Field::ReviewedOn,
                message,
                findings,
            );
        }
        Ok(())
    }
}

/// Why a row without rejections can be put together.
const EVERY_VALUE: &str = "a value that could not be read was rejected";
