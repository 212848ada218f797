//! Tables that people deliver, CSV and XLSX, untrusted, read as rows of cells.
//!
//! What both the builder and the server read: batches, registries, and the lists of employers. A
//! file is read twice. The first pass finds out what it is: its format, its encoding, and whether a
//! workbook is an honest archive. The second gives out rows, one at a time, so that memory does not
//! follow the size of the file. What the cells mean is not known here.
//!
//! Reading order: [`row`] is what comes out, [`header`] finds columns in it, `decode` and `csv`
//! read text, `workbook` and its `zip_gate` spreadsheets.

#![forbid(unsafe_code)]

mod csv;
mod decode;
mod error;
pub mod header;
pub mod row;
mod workbook;
mod zip_gate;

pub use decode::Encoding;
pub use error::SpreadsheetError;
pub use header::{Column, Header, Misshapen};
pub use row::{Cell, Row, column_letters};

use std::io::{self, BufRead, Read, Seek};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// What a file may take. They protect memory and time, so they follow from where it is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Length of the file.
    pub file_bytes: u64,
    /// Inflated bytes of all parts of a workbook.
    pub inflated_bytes: u64,
    /// Inflated bytes of a part other than a sheet; the parser keeps these in memory.
    pub part_bytes: u64,
    /// Shared strings of a workbook; the parser keeps each in an allocation of its own.
    pub strings: u64,
}

/// A file that was read once, to know what it is.
#[derive(Debug)]
pub struct Spreadsheet<R> {
    path: PathBuf,
    reader: R,
    format: Format,
}

/// What a file is, by its first bytes and not by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Text with commas.
    Csv(Encoding),
    /// A workbook.
    Xlsx,
}

impl<R: BufRead + Seek> Spreadsheet<R> {
    /// Reads it once. Its path is for errors and for its extension only. Cost: one pass over its
    /// bytes, and for a workbook the inflation of every part.
    ///
    /// # Errors
    ///
    /// When it is too large, is neither CSV nor XLSX, is in no encoding that can be read without
    /// loss, or is no honest archive.
    pub fn open(mut reader: R, path: &Path, limits: &Limits) -> Result<Self, SpreadsheetError> {
        reader.rewind().map_err(SpreadsheetError::io(path))?;
        let mut format = sniff(&mut reader, path)?;
        match &mut format {
            Format::Csv(encoding) => *encoding = judge(&mut reader, path, limits)?,
            Format::Xlsx => {
                check_length(&mut reader, path, limits)?;
                zip_gate::admit(&mut reader, path, limits)?;
            }
        }
        Ok(Self {
            path: path.to_owned(),
            reader,
            format,
        })
    }

    /// What it is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What it is read from.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Gives out every row that is not blank, in order, the header among them.
    ///
    /// # Errors
    ///
    /// Those of `each`, and what is wrong with the file; rows given out before must not be used
    /// then.
    pub fn rows<E: From<SpreadsheetError>>(
        &mut self,
        each: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self {
            path,
            reader,
            format,
        } = self;
        reader.rewind().map_err(SpreadsheetError::io(path))?;
        match format {
            Format::Csv(encoding) => csv::rows(path, reader, *encoding, each),
            Format::Xlsx => workbook::rows(reader, each),
        }
    }
}

/// The encoding of a text, by all of its bytes.
fn judge(
    reader: &mut (impl Read + Seek),
    path: &Path,
    limits: &Limits,
) -> Result<Encoding, SpreadsheetError> {
    reader.rewind().map_err(SpreadsheetError::io(path))?;
    let mut judge = decode::Judge::default();
    let mut block = vec![0; BLOCK_BYTES];
    let mut total = 0;
    loop {
        let count = read_some(reader, &mut block).map_err(SpreadsheetError::io(path))?;
        if count == 0 {
            return judge.verdict();
        }
        // Counted, not asked for: a file may grow meanwhile.
        total += count as u64;
        if total > limits.file_bytes {
            return Err(SpreadsheetError::file_too_large(limits.file_bytes));
        }
        judge.look(&block[..count]);
    }
}

fn check_length(
    reader: &mut impl Seek,
    path: &Path,
    limits: &Limits,
) -> Result<(), SpreadsheetError> {
    let bytes = reader
        .seek(io::SeekFrom::End(0))
        .map_err(SpreadsheetError::io(path))?;
    if bytes > limits.file_bytes {
        return Err(SpreadsheetError::file_too_large(limits.file_bytes));
    }
    reader.rewind().map_err(SpreadsheetError::io(path))
}

fn sniff(reader: &mut impl Read, path: &Path) -> Result<Format, SpreadsheetError> {
    let mut start = Vec::new();
    Read::take(&mut *reader, 8)
        .read_to_end(&mut start)
        .map_err(SpreadsheetError::io(path))?;
    let named = |name: &str| {
        path.extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case(name))
    };
    match start.as_slice() {
        [] => Err(SpreadsheetError::Unreadable("文件是空的".to_owned())),
        // An archive, or an empty one.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Ok(Format::Xlsx),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(SpreadsheetError::Unreadable(
            "这是旧版Excel文件（.xls）或加密的工作簿；请去掉密码，另存为.xlsx或CSV UTF-8"
                .to_owned(),
        )),
        _ if named("xlsx") => Err(SpreadsheetError::Unreadable(
            "文件名是.xlsx，内容却不是工作簿；文件可能没有传完整".to_owned(),
        )),
        _ => Ok(Format::Csv(Encoding::Utf8)),
    }
}

/// A read that a signal does not break.
fn read_some(reader: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
