//! The school roll (学籍名册): who studies where, as exported from 全省技工院校学籍管理系统.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use certificate::{HolderName, IdentityNumber, IdentityType, InstitutionCode};
use snapshot::Digest;

use crate::failure::Exit;
use crate::source::Source;
use spreadsheet::{Column, Header, Row, SpreadsheetError};

const COLUMNS: [Column; 3] = [
    Column {
        name: "institution_code",
        synonyms: &["机构代码"],
    },
    Column {
        name: "name",
        synonyms: &["姓名"],
    },
    Column {
        name: "id_number",
        synonyms: &["证件号码", "身份证号", "身份证号码"],
    },
];

/// Bytes of a person's digest; among ten million persons no two meet by chance.
const KEY_BYTES: usize = 16;

/// The persons of a roll, as digests: a million of them take 20 MB.
pub(crate) struct Roll(HashSet<[u8; KEY_BYTES]>);

/// Why a roll cannot be used. Half a roll would reject half of the students.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RollError {
    /// A cell cannot be read.
    #[error("{} 第{row}行{column}列：{problem}", path.display())]
    Cell {
        /// Which file.
        path: PathBuf,
        /// As a spreadsheet counts.
        row: u64,
        /// Name of the column.
        column: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The file cannot be read.
    #[error("{}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SpreadsheetError,
    },
}

impl Roll {
    /// Reads a roll, CSV or XLSX.
    pub(crate) fn open(path: &Path) -> Result<Self, RollError> {
        let file_error = |source| RollError::File {
            path: path.to_owned(),
            source,
        };
        let mut source = Source::open(path).map_err(file_error)?;
        let mut header = None;
        let mut persons = HashSet::new();
        source
            .rows("reading the roll", |row| {
                match &header {
                    None => header = Some(find_columns(&row)?),
                    Some(header) => {
                        persons.insert(read(header, &row)?);
                    }
                }
                Ok::<(), Problem>(())
            })
            .map_err(|problem| match problem {
                Problem::Source(source) => file_error(source),
                Problem::Cell(row, column, problem) => RollError::Cell {
                    path: path.to_owned(),
                    row,
                    column: COLUMNS[column].name,
                    problem,
                },
            })?;
        Ok(Self(persons))
    }

    /// Whether a person is on the roll of an institution.
    pub(super) fn has(
        &self,
        institution: &InstitutionCode,
        name: &HolderName,
        id_number: &IdentityNumber,
    ) -> bool {
        self.0.contains(&key(institution, name, id_number))
    }
}

impl RollError {
    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::File {
                source: SpreadsheetError::Io { .. },
                ..
            } => Exit::Io,
            _ => Exit::Input,
        }
    }
}

/// What is wrong, and in which row and column.
enum Problem {
    Source(SpreadsheetError),
    Cell(u64, usize, String),
}

impl From<SpreadsheetError> for Problem {
    fn from(error: SpreadsheetError) -> Self {
        Self::Source(error)
    }
}

fn find_columns(row: &Row) -> Result<Header, SpreadsheetError> {
    let header = Header::find(&COLUMNS, row)?;
    match header.missing(&COLUMNS, 0..COLUMNS.len()) {
        missing if missing.is_empty() => Ok(header),
        columns => Err(SpreadsheetError::ColumnMissing { columns }),
    }
}

fn read(header: &Header, row: &Row) -> Result<[u8; KEY_BYTES], Problem> {
    let wrong = |column, problem: String| Problem::Cell(row.number, column, problem);
    let institution = InstitutionCode::parse(header.cell(row, 0).text())
        .map_err(|error| wrong(0, error.to_string()))?;
    let name = HolderName::parse(header.cell(row, 1).text())
        .map_err(|error| wrong(1, error.to_string()))?;
    let cell = header.cell(row, 2);
    if cell.is_truncated() {
        return Err(wrong(
            2,
            "证件号码被表格软件存成了数字，末几位已丢失".to_owned(),
        ));
    }
    let id_number = any_identity(cell.text()).map_err(|error| wrong(2, error))?;
    Ok(key(&institution, &name, &id_number))
}

/// A roll names no types: a resident's number when it is one, else any document's.
fn any_identity(text: &str) -> Result<IdentityNumber, String> {
    let other = IdentityType::parse("99").expect("99 is in the list");
    IdentityNumber::parse(IdentityType::RESIDENT, text)
        .or_else(|_| IdentityNumber::parse(other, text))
        .map_err(|error| error.to_string())
}

fn key(
    institution: &InstitutionCode,
    name: &HolderName,
    id_number: &IdentityNumber,
) -> [u8; KEY_BYTES] {
    let person = [institution.as_str(), name.expose(), id_number.expose()].join("\u{1f}");
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(&Digest::of(person.as_bytes()).as_bytes()[..KEY_BYTES]);
    key
}
