//! The way of one batch file: read, judged row by row, told about, and kept or let go.
//!
//! `accept` and `check` differ only in what is done with the rows at the end, so both give the
//! same verdicts. A file is one transaction: its admitted rows enter the ledger together, or, when
//! anything is wrong with the file as a whole, not at all.

use std::path::Path;

use crate::ahead::{self, Ahead, Identity};
use crate::failure::{Exit, Failure};
use crate::gate::Unjudgeable;
use crate::ledger::{Accepting, Index, Ledger, SourceFile, Staged};
use crate::report::{Report, Told};
use spreadsheet::SpreadsheetError;

/// Who accepts, and when; it stands in the head of the batch.
pub(crate) struct Signature<'a> {
    /// The time.
    pub(crate) now: jiff::Timestamp,
    /// The person.
    pub(crate) operator: &'a str,
}

/// Judges the next file and makes its admitted rows part of the ledger. The same file again
/// changes nothing and is told what it was told first.
pub(crate) fn accept(
    path: &Path,
    ahead: &mut Ahead<'_>,
    accepting: &mut Accepting,
    signature: &Signature<'_>,
) -> Result<Told, Failure> {
    let identity = match open(path, ahead)? {
        Ok(identity) => identity,
        Err(refused) => return Ok(refused),
    };
    if let Some(batch) = accepting.index().batch_of(&identity.sha256) {
        return first_report(accepting.ledger(), batch);
    }
    let described = SourceFile {
        file: name_of(path),
        sha256: identity.sha256,
        bytes: identity.bytes,
    };
    let mut staged = accepting.stage(&described, signature.now, signature.operator)?;
    let told = judge(path, &identity, ahead, &mut staged)?;
    if told.report.admitted == 0 {
        return Ok(told);
    }
    let sealed = staged.seal(&told.json, told.report.rows, told.exit.code())?;
    accepting.commit(sealed)?;
    Ok(told)
}

/// Judges the next file and changes nothing.
pub(crate) fn check(
    path: &Path,
    ahead: &mut Ahead<'_>,
    known: Option<(&Ledger, &Index)>,
) -> Result<Told, Failure> {
    let identity = match open(path, ahead)? {
        Ok(identity) => identity,
        Err(refused) => return Ok(refused),
    };
    let before =
        known.and_then(|(ledger, index)| Some((ledger, index.batch_of(&identity.sha256)?)));
    if let Some((ledger, batch)) = before {
        return first_report(ledger, batch);
    }
    let mut staged = Staged::rehearse(known)?;
    judge(path, &identity, ahead, &mut staged)
}

/// Opens the next file; one that cannot be read is told about like any other.
fn open(path: &Path, ahead: &mut Ahead<'_>) -> Result<Result<Identity, Told>, Failure> {
    match ahead.open() {
        Ok(identity) => Ok(Ok(identity)),
        Err(error) => {
            let mut report = Report::new(name_of(path), None);
            refuse(&mut report, Unjudgeable::Source(error))?;
            Ok(Err(Told::first(report)))
        }
    }
}

/// Takes the verdicts on the rows of the opened file in their order.
fn judge(
    path: &Path,
    identity: &Identity,
    ahead: &mut Ahead<'_>,
    staged: &mut Staged<'_>,
) -> Result<Told, Failure> {
    let mut report = Report::new(name_of(path), Some(identity.sha256));
    loop {
        match ahead.next() {
            Ok(ahead::Told::Notices(notices)) => {
                notices.into_iter().for_each(|notice| report.notice(notice));
            }
            Ok(ahead::Told::Rows(rows)) => {
                for judged in rows {
                    let row = judged.row;
                    let findings = judged.place(staged)?;
                    report.add_row(row, findings);
                }
            }
            Ok(ahead::Told::End) => {
                if report.rows == 0 {
                    report.notice("表头以下没有数据行".to_owned());
                }
                return Ok(Told::first(report));
            }
            Err(error) => {
                refuse(&mut report, error)?;
                return Ok(Told::first(report));
            }
        }
    }
}

/// Writes into the report that the whole file is refused; passes on what is not the file's fault.
fn refuse(report: &mut Report, error: Unjudgeable) -> Result<(), Failure> {
    let message = error.to_string();
    let (code, field) = match error {
        Unjudgeable::Calendar(_) => ("calendar_year_missing", None),
        Unjudgeable::Source(error) => {
            let Some(code) = error.code() else {
                return Err(error.into());
            };
            let field = match error {
                SpreadsheetError::ColumnMissing { columns } => Some(columns.join(",")),
                _ => None,
            };
            (code, field)
        }
    };
    report.refuse(code, field, message);
    Ok(())
}

fn first_report(ledger: &Ledger, batch: u32) -> Result<Told, Failure> {
    let first = ledger.first_report(batch)?;
    let report = serde_json::from_str(first.report.get()).map_err(|_| {
        Failure::Input(format!(
            "the report in batch {batch} is not one of this program's"
        ))
    })?;
    Ok(Told {
        report,
        json: first.report,
        accepted_before: Some(first.accepted_at),
        exit: if first.exit == Exit::Done.code() {
            Exit::Done
        } else {
            Exit::Rejected
        },
    })
}

fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
