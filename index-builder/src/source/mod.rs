//! Delivered files, read as rows of cells: CSV and XLSX, untrusted.
//!
//! A file is read twice. The first pass finds out what it is: its digest, its format, its
//! encoding. The second gives out rows, one at a time, so that memory does not follow the size of
//! the file; if the bytes changed between the two, the file is refused. What the cells mean is not
//! known here.
//!
//! Reading order: [`row`] is what comes out, [`header`] finds columns in it, [`decode`] and [`csv`]
//! read text, [`workbook`] and its [`zip_gate`] spreadsheets.

mod csv;
mod decode;
mod error;
mod header;
mod row;
mod workbook;
mod zip_gate;

pub(crate) use error::SourceError;
pub(crate) use header::{Column, Header, Misshapen};
pub(crate) use row::{Cell, Row, column_letters};

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use snapshot::Digest;
use snapshot::digest::Hasher;

use crate::progress::Progress;
use decode::Encoding;

/// A larger file is no batch: a million rows have about 300 MB.
const FILE_BYTES_MOST: u64 = 512 * 1024 * 1024;

/// Bytes read at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A file that was read once, to know what it is.
pub(crate) struct Source {
    path: PathBuf,
    file: File,
    format: Format,
    /// Digest of its bytes, by which the same file is known again.
    pub(crate) sha256: Digest,
    /// Its length.
    pub(crate) bytes: u64,
}

/// What a file is, by its first bytes and not by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Csv(Encoding),
    Xlsx,
}

impl Source {
    /// Opens a file and reads it once. Cost: one pass over its bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, is too large, is neither CSV nor XLSX, or is in no encoding that
    /// can be read without loss.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        let mut file = File::open(path).map_err(SourceError::opening(path))?;
        let metadata = file.metadata().map_err(SourceError::io(path))?;
        if metadata.is_dir() {
            return Err(SourceError::Unreadable("这是一个目录，不是文件".to_owned()));
        }
        if metadata.len() > FILE_BYTES_MOST {
            return Err(SourceError::file_too_large(FILE_BYTES_MOST));
        }
        let format = sniff(&mut file, path)?;
        let mut source = Self {
            path: path.to_owned(),
            file,
            format,
            sha256: Digest::of(b""),
            bytes: 0,
        };
        source.inspect()?;
        Ok(source)
    }

    /// Gives out every row that is not blank, in order, the header among them.
    ///
    /// # Errors
    ///
    /// Those of `each`, and what is wrong with the file; rows given out before must not be used
    /// then.
    pub(crate) fn rows<E: From<SourceError>>(
        &mut self,
        label: &'static str,
        each: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        self.file.rewind().map_err(SourceError::io(&self.path))?;
        match self.format {
            Format::Csv(encoding) => {
                let progress = Progress::bytes(label, self.bytes);
                let text = decode::Text::new(&self.path, &self.file, encoding, progress);
                let digest = csv::rows(text, each)?;
                self.check_unchanged(digest)?;
            }
            Format::Xlsx => {
                zip_gate::admit(&self.file, &self.path)?;
                self.file.rewind().map_err(SourceError::io(&self.path))?;
                workbook::rows(&self.file, label, each)?;
                let digest = self.digest()?;
                self.check_unchanged(digest)?;
            }
        }
        Ok(())
    }

    /// The first pass.
    fn inspect(&mut self) -> Result<(), SourceError> {
        let mut hasher = Hasher::new();
        let mut judge = decode::Judge::default();
        let Self { file, path, .. } = self;
        for_each_block(file, path, |block| {
            hasher.update(block);
            if matches!(self.format, Format::Csv(_)) {
                judge.look(block);
            }
        })?;
        if let Format::Csv(encoding) = &mut self.format {
            *encoding = judge.verdict()?;
        }
        let whole = hasher.finish();
        (self.sha256, self.bytes) = (whole.sha256, whole.bytes);
        Ok(())
    }

    fn digest(&mut self) -> Result<Digest, SourceError> {
        let mut hasher = Hasher::new();
        for_each_block(&mut self.file, &self.path, |block| hasher.update(block))?;
        Ok(hasher.finish().sha256)
    }

    fn check_unchanged(&self, digest: Digest) -> Result<(), SourceError> {
        if digest == self.sha256 {
            Ok(())
        } else {
            Err(SourceError::Unreadable(
                "读取过程中文件内容发生了变化；请等文件写完后重试".to_owned(),
            ))
        }
    }
}

fn sniff(file: &mut File, path: &Path) -> Result<Format, SourceError> {
    let mut start = Vec::new();
    Read::take(&mut *file, 8)
        .read_to_end(&mut start)
        .map_err(SourceError::io(path))?;
    let named = |name: &str| {
        path.extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case(name))
    };
    match start.as_slice() {
        [] => Err(SourceError::Unreadable("文件是空的".to_owned())),
        [b'P', b'K', 3, 4, ..] => Ok(Format::Xlsx),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(SourceError::Unreadable(
            "这是旧版Excel文件（.xls）或加密的工作簿；请去掉密码，另存为.xlsx或CSV UTF-8"
                .to_owned(),
        )),
        _ if named("xlsx") => Err(SourceError::Unreadable(
            "文件名是.xlsx，内容却不是工作簿；文件可能没有传完整".to_owned(),
        )),
        _ => Ok(Format::Csv(Encoding::Utf8)),
    }
}

/// Reads a file from its beginning, never more than the cap even while it grows.
fn for_each_block(
    file: &mut File,
    path: &Path,
    mut each: impl FnMut(&[u8]),
) -> Result<(), SourceError> {
    file.rewind().map_err(SourceError::io(path))?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut total = 0;
    loop {
        let count = read_some(file, &mut block).map_err(SourceError::io(path))?;
        if count == 0 {
            return Ok(());
        }
        total += count as u64;
        if total > FILE_BYTES_MOST {
            return Err(SourceError::file_too_large(FILE_BYTES_MOST));
        }
        each(&block[..count]);
    }
}

/// A read that a signal does not break.
fn read_some(mut file: &File, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
