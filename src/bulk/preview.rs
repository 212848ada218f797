//! What a spreadsheet looks like, before somebody has it answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use spreadsheet::{Encoding, Format, Row, SpreadsheetError};
use tokio::time::Instant;

use super::mapping::{self, COLUMNS};
use super::turns::{Turn, Turns};
use super::{Refused, list};
use crate::refusal::Refusal;

/// Rows that are shown.
const ROWS_SHOWN: usize = 10;

/// Columns of rows that are shown; of the header all are, because one of them may be asked for.
const COLUMNS_SHOWN: usize = 100;

/// Characters of a cell that are shown.
const CELL_SHOWN: usize = 100;

/// What is found in a spreadsheet. Serialised as it is.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// `csv` or `xlsx`.
    pub format: &'static str,
    /// `utf-8` or `gb18030`; `None` for a workbook.
    pub encoding: Option<&'static str>,
    /// Rows below the header.
    pub row_count: u64,
    /// The header's texts.
    pub columns: Vec<String>,
    /// For each column that is read, which of the spreadsheet's columns it seems to be, from 1.
    pub mapping: Mapping,
    /// The first rows, as wide as the header.
    pub rows: Vec<Vec<String>>,
}

/// Which columns are what, from 1.
#[derive(Debug, Default, Serialize)]
pub struct Mapping {
    /// 证书编号.
    pub certificate_number: Option<usize>,
    /// 姓名.
    pub name: Option<usize>,
    /// 证件号码.
    pub id_number: Option<usize>,
    /// 证件类型.
    pub id_type: Option<usize>,
}

/// Reads a spreadsheet once.
///
/// # Errors
///
/// What is wrong with it as a whole, or that there is no turn before `deadline`. A header without
/// the needed columns is no error: somebody will say which they are.
pub(super) fn look(body: Bytes, turns: &Arc<Turns>, deadline: Instant) -> Result<Preview, Refused> {
    let _turn = Turn::wait(turns, deadline).map_err(|_| Refusal::Overloaded)?;
    catch_unwind(AssertUnwindSafe(|| read(body))).unwrap_or(Err(Refusal::Internal.into()))
}

fn read(body: Bytes) -> Result<Preview, Refused> {
    let mut sheet = list::open_sheet(body)?;
    let (format, encoding) = match sheet.format() {
        Format::Csv(Encoding::Utf8) => ("csv", Some("utf-8")),
        Format::Csv(Encoding::Gb18030) => ("csv", Some("gb18030")),
        Format::Xlsx => ("xlsx", None),
    };
    let mut preview = Preview {
        format,
        encoding,
        row_count: 0,
        columns: Vec::new(),
        mapping: Mapping::default(),
        rows: Vec::new(),
    };
    let mut head = None;
    sheet.rows(|row| {
        match &head {
            None => head = Some(row),
            Some(head) => {
                preview.row_count += 1;
                if preview.rows.len() < ROWS_SHOWN {
                    preview
                        .rows
                        .push(shown(&row, head.used().min(COLUMNS_SHOWN)));
                }
            }
        }
        Ok::<(), SpreadsheetError>(())
    })?;
    let Some(head) = head else {
        return Err(Refused::because(
            Refusal::ColumnMissing,
            "表里没有任何内容，第一行应为表头",
        ));
    };
    preview.columns = shown(&head, head.used());
    // Two columns with one name are for the asker to choose from.
    if let Ok(found) = mapping::guess(&head) {
        let place = |column: usize| {
            (0..head.used())
                .find(|at| found.column_at(*at) == Some(column))
                .map(|at| at + 1)
        };
        let [certificate_number, name, id_number, id_type] =
            std::array::from_fn::<_, { COLUMNS.len() }, _>(place);
        preview.mapping = Mapping {
            certificate_number,
            name,
            id_number,
            id_type,
        };
    }
    Ok(preview)
}

fn shown(row: &Row, width: usize) -> Vec<String> {
    (0..width)
        .map(|at| row.printed(at).chars().take(CELL_SHOWN).collect())
        .collect()
}
