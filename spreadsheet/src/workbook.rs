//! Rows of a workbook (XLSX): the first visible sheet, cell by cell.
//!
//! Cells keep their kind: what a spreadsheet stored as a number or a date is known as such, because
//! an identity number that became a number has lost its last digits. There is never a grid: a cell
//! far out costs nothing.

use std::io::{BufReader, Read, Seek};
use std::panic::{self, AssertUnwindSafe};

use calamine::{
    DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxCellReader, XlsxError,
};

use super::error::SpreadsheetError;
use super::row::{Kind, Row};

/// Integers up to here are exact in a spreadsheet; beyond, the last digits are invented.
const EXACT_MOST: f64 = 1e15;

type Workbook<'a, R> = Xlsx<BufReader<&'a mut R>>;

/// Gives out every row of the first visible sheet that is not blank.
pub(super) fn rows<R: Read + Seek, E: From<SpreadsheetError>>(
    reader: &mut R,
    mut each: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut workbook: Workbook<'_, R> = guarded(|| Xlsx::new(BufReader::new(reader)))?;
    let sheet = first_visible(&workbook)?;
    let mut cells = guarded(|| workbook.worksheet_cells_reader(&sheet))?;
    let mut row = Row::new(1, true);
    while let Some((place, cell)) = next_cell(&mut cells)? {
        let number = u64::from(place.0) + 1;
        if number > row.number {
            let done = std::mem::replace(&mut row, Row::new(number, true));
            give(done, &mut each)?;
        }
        put(&mut row, place, cell)?;
    }
    give(row, &mut each)
}

fn give<E>(row: Row, each: &mut impl FnMut(Row) -> Result<(), E>) -> Result<(), E> {
    if row.is_blank() { Ok(()) } else { each(row) }
}

fn first_visible<R: Read + Seek>(workbook: &Workbook<'_, R>) -> Result<String, SpreadsheetError> {
    let mut sheets = workbook.sheets_metadata().iter();
    sheets
        .find(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .ok_or_else(|| SpreadsheetError::Unreadable("工作簿里没有可见的工作表".to_owned()))
}

/// The next cell and its place, row and column from 0.
type Placed<'a> = ((u32, u32), DataRef<'a>);

fn next_cell<'a, R: Read + Seek>(
    cells: &mut XlsxCellReader<'a, BufReader<&mut R>>,
) -> Result<Option<Placed<'a>>, SpreadsheetError> {
    let cell = guarded(|| cells.next_cell())?;
    Ok(cell.map(|cell| (cell.get_position(), cell.get_value().clone())))
}

fn put(
    row: &mut Row,
    (line, column): (u32, u32),
    cell: DataRef<'_>,
) -> Result<(), SpreadsheetError> {
    let column = column as usize;
    if u64::from(line) + 1 < row.number || column < row.len() {
        return Err(SpreadsheetError::Unreadable(format!(
            "工作表第{}行附近的单元格次序颠倒；请用表格软件重新另存",
            row.number
        )));
    }
    match cell {
        DataRef::Empty => {}
        DataRef::String(text) => row.put(column, Kind::Text, &text),
        DataRef::SharedString(text) => row.put(column, Kind::Text, text),
        DataRef::Int(number) => row.put(column, Kind::Number, &number.to_string()),
        DataRef::Float(number) => row.put(column, Kind::Number, &print_number(number)),
        DataRef::Bool(value) => row.put(column, Kind::Text, if value { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(date) => put_date(row, column, date),
        DataRef::DateTimeIso(text) => {
            row.put(column, Kind::Date, &text.replace('T', " "));
        }
        DataRef::DurationIso(text) => row.put(column, Kind::Number, &text),
        DataRef::Error(error) => row.put(column, Kind::Fault, &error.to_string()),
    }
    Ok(())
}

/// A date, and the time of day where it has one; a time without a date is a number.
fn put_date(row: &mut Row, column: usize, date: ExcelDateTime) {
    if date.is_datetime() && date.as_f64() >= 1.0 {
        let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
        let mut text = format!("{year:04}-{month:02}-{day:02}");
        if (hour, minute, second) != (0, 0, 0) {
            text += &format!(" {hour:02}:{minute:02}:{second:02}");
        }
        row.put(column, Kind::Date, &text);
    } else {
        row.put(column, Kind::Number, &print_number(date.as_f64()));
    }
}

/// A number as a person would type it. One beyond the exact integers keeps its exponent, so that
/// invented digits do not pass for typed ones.
fn print_number(number: f64) -> String {
    if number.abs() < EXACT_MOST {
        format!("{number}")
    } else {
        format!("{number:E}")
    }
}

/// Runs the parser. What it makes of a broken workbook, be it an error or a panic, is the
/// workbook's fault, and its words may quote the content.
fn guarded<T>(parse: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, SpreadsheetError> {
    match panic::catch_unwind(AssertUnwindSafe(parse)) {
        Ok(Ok(parsed)) => Ok(parsed),
        Ok(Err(XlsxError::Password)) => Err(SpreadsheetError::Unreadable(
            "工作簿有密码；请去掉密码后重试".to_owned(),
        )),
        Ok(Err(_)) | Err(_) => Err(SpreadsheetError::Unreadable(
            "工作簿已损坏或不完整，无法读取；请用表格软件打开检查后重新另存".to_owned(),
        )),
    }
}
