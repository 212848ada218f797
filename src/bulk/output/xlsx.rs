//! The original table with ten more columns, as a workbook.
//!
//! Rows are spooled into an unlinked file, so memory does not follow their number; the archive is
//! made and sent when the last one is there. Every text is a string cell, so none is a formula.

use std::io::{self, ErrorKind};
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, Worksheet, XlsxError};

use super::super::columns;
use super::super::list::{Cells, List};
use super::super::outlet::Outlet;
use super::super::verdict::Verdict;
use crate::live::Current;

/// Rows between two turns.
const ROWS_A_TURN: u32 = 1024;

/// A sheet under way.
pub(in super::super) struct Sheet {
    workbook: Workbook,
    sheet: Worksheet,
    outlet: Outlet,
    width: usize,
    row: u32,
}

impl Sheet {
    pub(super) fn begin(
        list: &List,
        current: &Current,
        spool: &Path,
        outlet: Outlet,
    ) -> io::Result<Self> {
        let mut workbook = Workbook::new();
        let made = ExcelDateTime::from_timestamp(current.snapshot.published_at().as_second());
        // The same list gives the same bytes: no clock in a workbook.
        let properties = DocProperties::new().set_creation_datetime(&made.map_err(of_workbook)?);
        workbook.set_properties(&properties);
        workbook.set_tempdir(spool).map_err(of_workbook)?;
        let mut sheet = workbook
            .new_worksheet_with_constant_memory()
            .map_err(of_workbook)?;
        sheet.set_name("核验结果").map_err(of_workbook)?;
        sheet.set_freeze_panes(1, 0).map_err(of_workbook)?;
        let mut this = Self {
            workbook,
            sheet,
            outlet,
            width: list.width,
            row: 0,
        };
        for (place, text) in list.head().into_iter().chain(columns::APPENDED).enumerate() {
            this.put(place, text)?;
        }
        Ok(this)
    }

    pub(super) fn row(
        &mut self,
        current: &Current,
        cells: Cells<'_>,
        verdict: &Verdict<'_>,
    ) -> io::Result<()> {
        self.row += 1;
        for place in 0..self.width {
            match cells.number(place) {
                Some(number) => {
                    let column = column(place)?;
                    self.sheet
                        .write_number(self.row, column, number)
                        .map_err(of_workbook)?;
                }
                None => self.put(place, cells.text(place))?,
            }
        }
        for (place, text) in columns::values(current, verdict).iter().enumerate() {
            self.put(self.width + place, text)?;
        }
        // Nothing is sent before the last row, so this is where others get their turn.
        if self.row.is_multiple_of(ROWS_A_TURN) {
            self.outlet.pass()?;
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.workbook.push_worksheet(self.sheet);
        self.workbook
            .save_to_writer(&mut self.outlet)
            .map_err(of_workbook)?;
        self.outlet.end()
    }

    fn put(&mut self, place: usize, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.sheet
            .write_string(self.row, column(place)?, text)
            .map_err(of_workbook)?;
        Ok(())
    }
}

fn column(place: usize) -> io::Result<u16> {
    u16::try_from(place).map_err(|_| ErrorKind::InvalidData.into())
}

/// Keeps an error of the outlet or the spool what it was.
fn of_workbook(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
