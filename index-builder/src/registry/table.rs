//! One registry file as a table, and the errors that name file, row and column.

use std::path::{Path, PathBuf};

use certificate::{Date, InstitutionCode, Level, OccupationCode, date, tidy, tidy_prose};
use snapshot::Digest;

use super::facts::Interval;
use crate::failure::Exit;
use crate::source::Source;
use spreadsheet::{Cell, Column, Header, Misshapen, Row, SpreadsheetError, column_letters};

/// Why a registry cannot be used. `Display` is for the centre that keeps it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// A cell says something that cannot be.
    #[error("{} 第{row}行{column}列：{problem}", path.display())]
    Cell {
        /// Which file.
        path: PathBuf,
        /// As a spreadsheet counts.
        row: u64,
        /// Name of the column.
        column: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A file cannot be read at all.
    #[error("{} 第1行", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SpreadsheetError,
    },
}

impl RegistryError {
    /// The exit code it leads to: a registry that is not whole is bad input, whatever the reason.
    pub(crate) fn exit(&self) -> Exit {
        Exit::Input
    }
}

/// A registry file with its columns found. Registry files are small, so it is in memory.
pub(super) struct Table {
    path: PathBuf,
    columns: &'static [Column],
    header: Header,
    rows: Vec<Row>,
    /// Digest of the file's bytes.
    pub(super) digest: Digest,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    table: &'a Table,
    row: &'a Row,
}

impl Table {
    /// Reads a file. Columns whose names are in `optional` may be absent.
    pub(super) fn read(
        path: &Path,
        columns: &'static [Column],
        optional: &[&str],
    ) -> Result<Self, RegistryError> {
        let file_error = |source| RegistryError::File {
            path: path.to_owned(),
            source,
        };
        let (digest, mut rows) = read_rows(path).map_err(file_error)?;
        let head = if rows.is_empty() {
            Row::default()
        } else {
            rows.remove(0)
        };
        let header = Header::find(columns, &head).map_err(file_error)?;
        let needed = (0..columns.len()).filter(|&at| !optional.contains(&columns[at].name));
        let missing = header.missing(columns, needed);
        if !missing.is_empty() {
            return Err(file_error(SpreadsheetError::ColumnMissing {
                columns: missing,
            }));
        }
        let table = Self {
            path: path.to_owned(),
            columns,
            header,
            rows,
            digest,
        };
        table.check_shapes()?;
        Ok(table)
    }

    /// Makes something of every row.
    pub(super) fn each<T>(
        &self,
        parse: impl Fn(Cells<'_>) -> Result<T, RegistryError>,
    ) -> Result<Vec<T>, RegistryError> {
        self.rows().map(parse).collect()
    }

    /// Every row.
    pub(super) fn rows(&self) -> impl Iterator<Item = Cells<'_>> {
        self.rows.iter().map(|row| Cells { table: self, row })
    }

    fn check_shapes(&self) -> Result<(), RegistryError> {
        for row in &self.rows {
            if let Some(misshapen) = self.header.misshapen(row) {
                let (Misshapen::Surplus(place) | Misshapen::Short(place)) = misshapen;
                return Err(RegistryError::Cell {
                    path: self.path.clone(),
                    row: row.number,
                    column: column_letters(place),
                    problem: "单元格个数与表头不一致".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn column(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.expect("a column of this table")
    }
}

/// Digest and rows of a file.
fn read_rows(path: &Path) -> Result<(Digest, Vec<Row>), SpreadsheetError> {
    let mut source = Source::open(path)?;
    let mut rows = Vec::new();
    source.rows("reading the registry", |row| {
        rows.push(row);
        Ok::<(), SpreadsheetError>(())
    })?;
    Ok((source.sha256, rows))
}

impl<'a> Cells<'a> {
    /// The tidy text of a cell, perhaps empty.
    pub(super) fn text(self, column: &str) -> String {
        tidy(self.cell(column).text())
    }

    /// The tidy text of a cell that must not be empty and has no control character.
    pub(super) fn needed(self, column: &str) -> Result<String, RegistryError> {
        self.filled(column, self.text(column))
    }

    /// Text that is published, perhaps empty: Chinese punctuation stays.
    pub(super) fn prose(self, column: &str) -> String {
        tidy_prose(self.cell(column).text())
    }

    /// Published text that must not be empty and has no control character.
    pub(super) fn needed_prose(self, column: &str) -> Result<String, RegistryError> {
        self.filled(column, self.prose(column))
    }

    fn filled(self, column: &str, text: String) -> Result<String, RegistryError> {
        if text.is_empty() {
            return Err(self.wrong(column, "不能为空"));
        }
        if text.chars().any(char::is_control) {
            return Err(self.wrong(column, "含有控制字符"));
        }
        Ok(text)
    }

    /// What a cell parses to.
    pub(super) fn parsed<T>(
        self,
        column: &str,
        problem: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, RegistryError> {
        parse(&self.text(column)).ok_or_else(|| self.wrong(column, problem))
    }

    /// A day.
    pub(super) fn day(self, column: &str) -> Result<Date, RegistryError> {
        self.parsed(column, "应为日期，如2020-03-09", date::parse)
    }

    /// A day, or nothing.
    pub(super) fn day_if_any(self, column: &str) -> Result<Option<Date>, RegistryError> {
        if self.cell(column).is_blank() {
            Ok(None)
        } else {
            self.day(column).map(Some)
        }
    }

    /// A time of validity from two columns.
    pub(super) fn interval(self, from: &str, until: &str) -> Result<Interval, RegistryError> {
        let interval = Interval {
            from: self.day(from)?,
            until: self.day_if_any(until)?,
        };
        if interval.until.is_some_and(|until| until < interval.from) {
            return Err(self.wrong(until, "早于起始日期"));
        }
        Ok(interval)
    }

    /// An institution code.
    pub(super) fn institution(self, column: &str) -> Result<InstitutionCode, RegistryError> {
        InstitutionCode::parse(self.cell(column).text()).map_err(|_| {
            self.wrong(
                column,
                "机构代码应为13位（J、S或Y加12位数字），即证书编号第1至13位",
            )
        })
    }

    /// An occupation code.
    pub(super) fn occupation(self, column: &str) -> Result<OccupationCode, RegistryError> {
        self.parsed(column, "职业编码应如4-04-05-05", OccupationCode::parse)
    }

    /// A level that may be certified in the pilot at most (notice 一(四)).
    pub(super) fn top_level(self, column: &str) -> Result<Level, RegistryError> {
        self.parsed(column, "职业技能等级应为1至5，或其名称", Level::parse)
    }

    /// A six-digit division code.
    pub(super) fn division(self, column: &str) -> Result<String, RegistryError> {
        self.parsed(column, "行政区划代码应为6位数字", |text| {
            let is_code = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_code.then(|| text.to_owned())
        })
    }

    /// An error at a cell.
    pub(super) fn wrong(self, column: &str, problem: impl Into<String>) -> RegistryError {
        RegistryError::Cell {
            path: self.table.path.clone(),
            row: self.row.number,
            column: column.to_owned(),
            problem: problem.into(),
        }
    }

    /// The row, as a spreadsheet counts.
    pub(super) fn number(self) -> u64 {
        self.row.number
    }

    fn cell(self, column: &str) -> Cell<'a> {
        self.table.header.cell(self.row, self.table.column(column))
    }
}
