//! The employer's list: read whole, its columns found, given out as bodies of requests.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use snapshot::Digest;
use spreadsheet::{
    Cell, Header, Limits, Row, Spreadsheet, SpreadsheetError, column_letters, header,
};

use crate::command::{Exit, Failure};

/// Columns that are sent; nothing else of a list leaves this machine.
const SENT: [spreadsheet::Column; 4] = [
    header::CERTIFICATE_NUMBER,
    header::NAME,
    header::ID_NUMBER,
    header::ID_TYPE,
];

/// How many of them, from the first, are factors of a question.
const FACTORS: usize = 3;

const ID_NUMBER: usize = 2;
const ID_TYPE: usize = 3;

/// What an employer's machine can hold.
const LIMITS: Limits = Limits {
    file_bytes: 256 << 20,
    inflated_bytes: 2 << 30,
    part_bytes: 256 << 20,
    strings: 5_000_000,
};

/// A list, whole.
pub(super) struct List {
    /// Digest of the file, by which the same list is known again.
    pub(super) sha256: Digest,
    pub(super) head: Row,
    pub(super) rows: Vec<Row>,
    /// Cells of the widest row.
    pub(super) width: usize,
    header: Header,
}

/// Why reading stops.
enum Stop {
    Sheet(SpreadsheetError),
    /// A cell that could not be given back as it is.
    Lossy {
        row: u64,
        column: usize,
    },
}

impl From<SpreadsheetError> for Stop {
    fn from(error: SpreadsheetError) -> Self {
        Self::Sheet(error)
    }
}

impl List {
    /// Reads a CSV or XLSX file.
    ///
    /// # Errors
    ///
    /// When it is none, has not two of the columns that a question needs, or has a cell that is
    /// too long to be given back.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let named = |stop: Stop| failure(path, stop);
        let bytes = fs::read(path).map_err(SpreadsheetError::opening(path));
        let bytes = bytes.map_err(|error| named(error.into()))?;
        let sha256 = Digest::of(&bytes);
        let sheet = Spreadsheet::open(Cursor::new(bytes), path, &LIMITS);
        let mut sheet = sheet.map_err(|error| named(error.into()))?;
        let mut rows = Vec::new();
        let read = sheet.rows(|row: Row| {
            check_whole(&row)?;
            rows.push(row);
            Ok::<(), Stop>(())
        });
        read.map_err(named)?;
        Self::of(sha256, rows).map_err(|error| named(error.into()))
    }

    fn of(sha256: Digest, mut rows: Vec<Row>) -> Result<Self, SpreadsheetError> {
        if rows.is_empty() {
            return Err(SpreadsheetError::Unreadable("文件里没有表头".to_owned()));
        }
        let head = rows.remove(0);
        let header = Header::find(&SENT, &head)?;
        if header.missing(&SENT, 0..FACTORS).len() > FACTORS - 2 {
            let needed =
                "第一行应为表头，证书编号、姓名、证件号码三列中至少要有两列；请把表头改成这样";
            return Err(SpreadsheetError::Unreadable(needed.to_owned()));
        }
        let width = rows.iter().map(Row::used).max().unwrap_or(0);
        Ok(Self {
            width: width.max(head.used()),
            sha256,
            head,
            rows,
            header,
        })
    }

    /// Questions as CSV.
    pub(super) fn body(questions: &[Vec<String>]) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        let head = SENT.map(|column| column.name.to_owned());
        for record in std::iter::once(head.as_slice()).chain(questions.iter().map(Vec::as_slice)) {
            let written = writer.write_record(record);
            written.expect("writing to memory does not fail");
        }
        let written = writer.into_inner();
        written.expect("writing to memory does not fail")
    }

    /// What is sent of one row.
    pub(super) fn question(&self, row: &Row) -> Vec<String> {
        let mut cells: Vec<String> = (0..SENT.len())
            .map(|column| match self.header.cell(row, column) {
                Cell::Fault => "#N/A".to_owned(),
                cell => cell.text().to_owned(),
            })
            .collect();
        if let Cell::Number(number) = self.header.cell(row, ID_NUMBER)
            && let Ok(number) = number.parse::<f64>()
        {
            // What a spreadsheet makes of an identity number when it is saved as CSV: the last
            // digits are lost, and the server must be able to see that.
            cells[ID_NUMBER] = format!("{number:e}");
        }
        if cells.iter().all(|cell| certificate::tidy(cell).is_empty()) {
            // A blank row would not be counted; this says the same and is not blank.
            "01".clone_into(&mut cells[ID_TYPE]);
        }
        let is_surplus = |shape: spreadsheet::Misshapen| shape.is_surplus();
        if !row.is_positional() && self.header.misshapen(row).is_some_and(is_surplus) {
            // Cells beyond the header mean that nobody knows which is which; the server judges
            // it, and needs no more than to see that there is one. In a workbook nothing moves.
            cells.push("+".to_owned());
        }
        cells
    }
}

/// A cell that was too long to keep, or lay too far out, would be missing in the result.
fn check_whole(row: &Row) -> Result<(), Stop> {
    let used = row.used();
    let lost = (0..used).find(|column| row.cell(*column) == Cell::Oversize);
    let lost =
        lost.or((used > spreadsheet::row::CELLS_MOST).then_some(spreadsheet::row::CELLS_MOST));
    lost.map_or(Ok(()), |column| {
        Err(Stop::Lossy {
            row: row.number,
            column,
        })
    })
}

fn failure(path: &Path, stop: Stop) -> Failure {
    let file = path.display();
    match stop {
        Stop::Sheet(error @ SpreadsheetError::Io { .. }) => Exit::Io.because(&error),
        Stop::Sheet(error) => Exit::Input.saying(format!("{file}：{error}")),
        Stop::Lossy { row, column } => Exit::Input.saying(format!(
            "{file}：第{row}行{}列的内容过长或列数过多；请删去后重试",
            column_letters(column)
        )),
    }
}
