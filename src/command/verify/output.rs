//! The list with its answers, as CSV or XLSX: written beside its place and renamed into it, so
//! that it is there whole or not at all. Only its owner can read it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Workbook, XlsxError};
use spreadsheet::Row;

use super::answers::{APPENDED, Answer};
use super::list::List;
use crate::bulk::output::is_formula;
use crate::command::{Exit, Failure};

/// What stands in the name of an output whose name was not said.
const SUFFIX: &str = "-核验结果";

/// Mode of the file: it has everything that the list has.
const MODE: u32 = 0o600;

/// Where the output goes, and in which form.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    form: Form,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Csv,
    Xlsx,
}

impl Output {
    /// The place that was said, or one beside the list.
    ///
    /// # Errors
    ///
    /// When its name says no form that can be written, or it is the list itself.
    pub(super) fn of(input: &Path, said: Option<PathBuf>) -> Result<Self, Failure> {
        let output = match said {
            Some(path) => {
                let form = form(&path)
                    .ok_or_else(|| Exit::Usage.saying("--out：文件名应以.csv或.xlsx结尾"))?;
                Self { path, form }
            }
            None => Self::beside(input),
        };
        let same = |path: &Path| fs::canonicalize(path).ok();
        if same(&output.path).is_some_and(|path| Some(path) == same(input)) {
            return Err(Exit::Usage.saying("--out：不能覆盖名单本身；请换一个文件名"));
        }
        Ok(output)
    }

    /// A list that is neither by its name is CSV.
    fn beside(input: &Path) -> Self {
        let form = form(input).unwrap_or(Form::Csv);
        let extension = match (form, input.extension()) {
            (Form::Xlsx, Some(extension)) => extension.to_owned(),
            _ => OsString::from("csv"),
        };
        let mut name = input.file_stem().unwrap_or_default().to_owned();
        name.push(SUFFIX);
        name.push(".");
        name.push(extension);
        Self {
            path: input.with_file_name(name),
            form,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// When the system refuses, or a text is longer than a cell of a workbook can be.
    pub(super) fn write(&self, list: &List, answers: &[Answer]) -> Result<(), Failure> {
        let staged = self.named(".staged");
        // One of a run that was killed; what cannot be removed cannot be made below either.
        let _ = fs::remove_file(&staged);
        let written = self
            .write_to(&staged, list, answers)
            .and_then(|()| fs::rename(&staged, &self.path).map_err(|error| self.failure(&error)));
        if written.is_err() {
            // It may never have been there.
            let _ = fs::remove_file(&staged);
        }
        written
    }

    fn write_to(&self, staged: &Path, list: &List, answers: &[Answer]) -> Result<(), Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(staged)
            .map_err(|error| self.failure(&error))?;
        match self.form {
            Form::Csv => write_csv(&file, list, answers).map_err(|error| self.failure(&error))?,
            Form::Xlsx => {
                let folder = staged.parent().filter(|folder| *folder != Path::new(""));
                let folder = folder.unwrap_or(Path::new("."));
                write_xlsx(&file, folder, list, answers)
                    .map_err(|error| self.of_workbook(error))?;
            }
        }
        file.sync_all().map_err(|error| self.failure(&error))
    }

    fn named(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        self.path.with_file_name(name)
    }

    fn failure(&self, error: &io::Error) -> Failure {
        Exit::Io.saying(format!("无法写入{}：{error}", self.path.display()))
    }

    fn of_workbook(&self, error: XlsxError) -> Failure {
        match error {
            XlsxError::IoError(error) => self.failure(&error),
            other => Exit::Input.saying(format!("名单装不进XLSX（{other}）；请用--out换成.csv")),
        }
    }
}

fn form(path: &Path) -> Option<Form> {
    let extension = path.extension()?;
    if extension.eq_ignore_ascii_case("csv") {
        Some(Form::Csv)
    } else if extension.eq_ignore_ascii_case("xlsx") {
        Some(Form::Xlsx)
    } else {
        None
    }
}

/// The cells of every row of the output, the header first.
fn rows<'a>(
    list: &'a List,
    answers: &'a [Answer],
) -> impl Iterator<Item = impl Iterator<Item = &'a str>> {
    let cells = |row: &'a Row| (0..list.width).map(|place| row.printed(place));
    let appended = answers
        .iter()
        .map(|answer| answer.each_ref().map(String::as_str));
    let appended = std::iter::once(APPENDED).chain(appended);
    let all = std::iter::once(&list.head).chain(&list.rows);
    all.zip(appended)
        .map(move |(row, more)| cells(row).chain(more))
}

/// With a byte order mark, which spreadsheets need, and nothing that they would compute.
fn write_csv(file: &File, list: &List, answers: &[Answer]) -> io::Result<()> {
    let mut text = BufWriter::new(file);
    text.write_all("\u{feff}".as_bytes())?;
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(text);
    for row in rows(list, answers) {
        for cell in row {
            if is_formula(cell) {
                writer.write_field(format!("'{cell}"))?;
            } else {
                writer.write_field(cell)?;
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// Every cell is a string, so none is a formula and no number loses digits.
fn write_xlsx(file: &File, spool: &Path, list: &List, answers: &[Answer]) -> Result<(), XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_tempdir(spool)?;
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    sheet.set_name("核验结果")?;
    sheet.set_freeze_panes(1, 0)?;
    for (row, cells) in (0..).zip(rows(list, answers)) {
        for (column, cell) in (0..).zip(cells) {
            if !cell.is_empty() {
                sheet.write_string(row, column, cell)?;
            }
        }
    }
    workbook.save_to_writer(BufWriter::new(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_named_after_the_list() {
        for (input, expected) in [
            ("a/名单.csv", "a/名单-核验结果.csv"),
            ("名单.XLSX", "名单-核验结果.XLSX"),
            ("名单.txt", "名单-核验结果.csv"),
            ("名单", "名单-核验结果.csv"),
            ("a.b.csv", "a.b-核验结果.csv"),
        ] {
            let output = Output::of(Path::new(input), None).unwrap();
            assert_eq!(output.path(), Path::new(expected));
        }
        let said = Output::of(Path::new("a.csv"), Some("b.xlsx".into())).unwrap();
        assert_eq!(said.form, Form::Xlsx);
        for wrong in ["b.xls", "b", "b.csv.gz"] {
            let refused = Output::of(Path::new("a.csv"), Some(wrong.into()));
            assert_eq!(refused.unwrap_err().exit, Exit::Usage);
        }
    }

    #[test]
    fn a_list_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("a.csv");
        fs::write(&list, "x").unwrap();
        let roundabout = folder.path().join(".").join("a.csv");
        let refused = Output::of(&list, Some(roundabout)).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
    }
}
