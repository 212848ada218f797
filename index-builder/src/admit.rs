//! The way of one batch file: read, judged row by row, told about, and kept or let go.
//!
//! `accept` and `check` differ only in what is done with the rows at the end, so both give the
//! same verdicts. A file is one transaction: its admitted rows enter the ledger together, or, when
//! anything is wrong with the file as a whole, not at all.

use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::failure::{Exit, Failure};
use crate::gate::{Batch, Gate, Judged, Unjudgeable};
use crate::ledger::{Accepting, Index, Ledger, LedgerError, SourceFile, Staged};
use crate::report::{Report, Told};
use crate::source::Source;
use spreadsheet::{Row, SpreadsheetError};

/// Rows judged at once, on all threads; their verdicts are then taken in the order of the file.
const GROUP_ROWS: usize = 1024;

/// A group ends before it takes more memory than this, whatever its rows hold.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Who accepts, and when; it stands in the head of the batch.
pub(crate) struct Signature<'a> {
    /// The time.
    pub(crate) now: jiff::Timestamp,
    /// The person.
    pub(crate) operator: &'a str,
}

/// Judges a file and makes its admitted rows part of the ledger. The same file again changes
/// nothing and is told what it was told first.
pub(crate) fn accept(
    path: &Path,
    gate: &Gate,
    accepting: &mut Accepting,
    signature: &Signature<'_>,
) -> Result<Told, Failure> {
    let mut source = match open(path)? {
        Ok(source) => source,
        Err(refused) => return Ok(refused),
    };
    if let Some(batch) = accepting.index().batch_of(&source.sha256) {
        return first_report(accepting.ledger(), batch);
    }
    let described = SourceFile {
        file: name_of(path),
        sha256: source.sha256,
        bytes: source.bytes,
    };
    let mut staged = accepting.stage(&described, signature.now, signature.operator)?;
    let told = judge(path, gate, &mut source, &mut staged)?;
    if told.report.admitted == 0 {
        return Ok(told);
    }
    let sealed = staged.seal(&told.json, told.report.rows, told.exit.code())?;
    accepting.commit(sealed)?;
    Ok(told)
}

/// Judges a file and changes nothing.
pub(crate) fn check(
    path: &Path,
    gate: &Gate,
    known: Option<(&Ledger, &Index)>,
) -> Result<Told, Failure> {
    let mut source = match open(path)? {
        Ok(source) => source,
        Err(refused) => return Ok(refused),
    };
    let before = known.and_then(|(ledger, index)| Some((ledger, index.batch_of(&source.sha256)?)));
    if let Some((ledger, batch)) = before {
        return first_report(ledger, batch);
    }
    let mut staged = Staged::rehearse(known)?;
    judge(path, gate, &mut source, &mut staged)
}

/// Opens a file; one that cannot be read is told about like any other.
fn open(path: &Path) -> Result<Result<Source, Told>, Failure> {
    match Source::open(path) {
        Ok(source) => Ok(Ok(source)),
        Err(error) => {
            let mut report = Report::new(name_of(path), None);
            refuse(&mut report, Unjudgeable::Source(error))?;
            Ok(Err(Told::first(report)))
        }
    }
}

fn judge(
    path: &Path,
    gate: &Gate,
    source: &mut Source,
    staged: &mut Staged<'_>,
) -> Result<Told, Failure> {
    let mut file = FileInJudgement {
        gate,
        batch: None,
        group: Vec::new(),
        group_bytes: 0,
        report: Report::new(name_of(path), Some(source.sha256)),
        staged,
    };
    let read = source.rows("judging", |row| file.take(row));
    let judged = read.and_then(|()| file.end());
    let mut report = file.report;
    match judged {
        Ok(()) => {}
        Err(Trouble::Ledger(error)) => return Err(error.into()),
        Err(Trouble::File(error)) => refuse(&mut report, error)?,
    }
    Ok(Told::first(report))
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

/// What ends a file early.
enum Trouble {
    File(Unjudgeable),
    Ledger(LedgerError),
}

impl From<SpreadsheetError> for Trouble {
    fn from(error: SpreadsheetError) -> Self {
        Self::File(error.into())
    }
}

/// A file while its rows come in.
struct FileInJudgement<'a, 'l> {
    gate: &'a Gate,
    /// Known from the first row on.
    batch: Option<Batch<'a>>,
    group: Vec<Row>,
    group_bytes: usize,
    report: Report,
    staged: &'a mut Staged<'l>,
}

impl FileInJudgement<'_, '_> {
    fn take(&mut self, row: Row) -> Result<(), Trouble> {
        if self.batch.is_none() {
            let batch = Batch::open(self.gate, &row)?;
            batch
                .notices()
                .into_iter()
                .for_each(|notice| self.report.notice(notice));
            self.batch = Some(batch);
            return Ok(());
        }
        self.group_bytes += row.bytes();
        self.group.push(row);
        if self.group.len() == GROUP_ROWS || self.group_bytes > GROUP_BYTES {
            self.judge_group()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Trouble> {
        if self.batch.is_none() {
            return Err(SpreadsheetError::Unreadable("文件里没有表头".to_owned()).into());
        }
        self.judge_group()?;
        if self.report.rows == 0 {
            self.report.notice("表头以下没有数据行".to_owned());
        }
        Ok(())
    }

    fn judge_group(&mut self) -> Result<(), Trouble> {
        let Some(batch) = &self.batch else {
            return Ok(());
        };
        let judged: Vec<Result<Judged, Unjudgeable>> =
            self.group.par_iter().map(|row| batch.judge(row)).collect();
        self.group.clear();
        self.group_bytes = 0;
        for judged in judged {
            let judged = judged.map_err(Trouble::File)?;
            let row = judged.row;
            let findings = judged.place(self.staged).map_err(Trouble::Ledger)?;
            self.report.add_row(row, findings);
        }
        Ok(())
    }
}
