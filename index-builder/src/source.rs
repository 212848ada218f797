//! Delivered files: the table, and the digest by which the same file is known again.
//!
//! The bytes are hashed before the rows are read and again with them; if they changed between the
//! two, the file is refused. A reader that takes them from the first to the last, as that of CSV
//! does, hashes them on the way.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use snapshot::Digest;
use snapshot::digest::Hasher;
use spreadsheet::{Limits, Row, Spreadsheet, SpreadsheetError};

use crate::progress::Progress;

/// A larger file is no batch: a million rows have about 300 MB as CSV, and a sheet of them about
/// 700 MB inflated.
const LIMITS: Limits = Limits {
    file_bytes: 512 * 1024 * 1024,
    inflated_bytes: 1024 * 1024 * 1024,
    part_bytes: 256 * 1024 * 1024,
    strings: 20_000_000,
};

/// Bytes hashed at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A file that was read once, to know what it is.
pub(crate) struct Source {
    path: PathBuf,
    sheet: Spreadsheet<Watched>,
    /// Digest of its bytes, by which the same file is known again.
    pub(crate) sha256: Digest,
    /// Its length.
    pub(crate) bytes: u64,
}

/// A file whose reading somebody may watch.
struct Watched {
    file: File,
    progress: Option<Progress>,
    /// Of the bytes from the beginning on; none after a jump.
    hasher: Option<Hasher>,
    /// Whether those were all.
    is_whole: bool,
}

impl Source {
    /// Opens a file and reads it: what it is, and its digest.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, is too large, is neither CSV nor XLSX, or is in no encoding that
    /// can be read without loss.
    pub(crate) fn open(path: &Path) -> Result<Self, SpreadsheetError> {
        let file = File::open(path).map_err(SpreadsheetError::opening(path))?;
        let metadata = file.metadata().map_err(SpreadsheetError::io(path))?;
        if metadata.is_dir() {
            return Err(SpreadsheetError::Unreadable(
                "这是一个目录，不是文件".to_owned(),
            ));
        }
        if metadata.len() > LIMITS.file_bytes {
            return Err(SpreadsheetError::file_too_large(LIMITS.file_bytes));
        }
        let watched = Watched {
            file,
            progress: None,
            hasher: None,
            is_whole: false,
        };
        let mut sheet = Spreadsheet::open(watched, path, &LIMITS)?;
        let (sha256, bytes) = digest(sheet.get_mut(), path)?;
        Ok(Self {
            path: path.to_owned(),
            sheet,
            sha256,
            bytes,
        })
    }

    /// Gives out every row that is not blank, in order, the header among them.
    ///
    /// # Errors
    ///
    /// Those of `each`, and what is wrong with the file; rows given out before must not be used
    /// then.
    pub(crate) fn rows<E: From<SpreadsheetError>>(
        &mut self,
        label: &'static str,
        each: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        self.sheet.get_mut().progress = Some(Progress::bytes(label, self.bytes));
        let read = self.sheet.rows(each);
        self.sheet.get_mut().progress = None;
        read?;
        let (sha256, _) = digest(self.sheet.get_mut(), &self.path)?;
        if sha256 == self.sha256 {
            Ok(())
        } else {
            Err(SpreadsheetError::Unreadable(
                "读取过程中文件内容发生了变化；请等文件写完后重试".to_owned(),
            )
            .into())
        }
    }
}

/// Digest and length of a file, never of more than the cap even while it grows. Cost: nothing when
/// it was just read from its beginning to its end.
fn digest(file: &mut Watched, path: &Path) -> Result<(Digest, u64), SpreadsheetError> {
    let passed = file.hasher.take().filter(|_| file.is_whole);
    if let Some(passed) = passed {
        let whole = passed.finish();
        return Ok((whole.sha256, whole.bytes));
    }
    file.rewind().map_err(SpreadsheetError::io(path))?;
    let mut hasher = Hasher::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let count = match file.file.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(SpreadsheetError::io(path))?,
        };
        if count == 0 {
            break;
        }
        hasher.update(&block[..count]);
        if hasher.bytes() > LIMITS.file_bytes {
            return Err(SpreadsheetError::file_too_large(LIMITS.file_bytes));
        }
    }
    let whole = hasher.finish();
    Ok((whole.sha256, whole.bytes))
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(progress) = &mut self.progress {
            progress.advance(count as u64);
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.is_whole = count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Seek for Watched {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.hasher = (position == SeekFrom::Start(0)).then(Hasher::new);
        self.is_whole = false;
        self.file.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn files_that_cannot_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let code = |path: &Path| Source::open(path).err().and_then(|error| error.code());
        assert_eq!(code(&dir.path().join("none.csv")), Some("file_unreadable"));
        assert_eq!(code(dir.path()), Some("file_unreadable"));
        let large = dir.path().join("large.csv");
        let file = File::create(&large).unwrap();
        file.set_len(LIMITS.file_bytes + 1).unwrap();
        assert_eq!(code(&large), Some("file_too_large"));
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("batch.csv");
        fs::write(&path, "a,b\n1,2\n").unwrap();
        let mut source = Source::open(&path).unwrap();
        assert_eq!(
            (source.bytes, source.sha256),
            (8, Digest::of(b"a,b\n1,2\n"))
        );
        let file = fs::OpenOptions::new().append(true).open(&path);
        file.unwrap().write_all(b"3,4\n").unwrap();
        let result = source.rows("reading", |_| Ok::<(), SpreadsheetError>(()));
        assert!(result.unwrap_err().to_string().contains("发生了变化"));
    }
}
