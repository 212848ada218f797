//! Delivered files: the table, and the digest by which the same file is known again.
//!
//! A file of ordinary size is read into memory once, so that what is hashed, judged and given out
//! is the same; if its length or time of change is another when its rows have been given out,
//! somebody is still writing it, and it is refused. A larger one is read where it lies: its bytes are hashed before the rows are read
//! and again with them, and if they changed between the two, the file is refused. A reader that
//! takes them from the first to the last, as that of CSV does, hashes them on the way.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use snapshot::digest::Hasher;
use snapshot::{BlobRef, Digest};
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

/// A file is held in memory up to this length; 100,000 rows have some 20 MB as CSV. Few in tests,
/// so that they read both kinds.
const HELD_BYTES_MOST: u64 = if cfg!(test) { 16 } else { 64 * 1024 * 1024 };

/// Bytes read and hashed at once.
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
    content: Content,
    progress: Option<Progress>,
}

/// Where the bytes are.
enum Content {
    Held(Held),
    InPlace(BufReader<Hashed>),
}

/// A file that was read into memory.
struct Held {
    bytes: Cursor<Vec<u8>>,
    file: File,
    /// As the file was before it was read.
    before: Metadata,
}

/// A file that is hashed while it is read.
struct Hashed {
    file: File,
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
        let content = Content::read(file, metadata).map_err(SpreadsheetError::io(path))?;
        let watched = Watched {
            content,
            progress: None,
        };
        let mut sheet = Spreadsheet::open(watched, path, &LIMITS)?;
        let (sha256, bytes) = sheet.get_mut().content.digest(path)?;
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
        let content = &mut self.sheet.get_mut().content;
        if content.is_still(self.sha256, &self.path)? {
            Ok(())
        } else {
            Err(SpreadsheetError::Unreadable(
                "读取过程中文件内容发生了变化；请等文件写完后重试".to_owned(),
            )
            .into())
        }
    }
}

impl Content {
    /// Reads a file into memory, unless it is too large.
    fn read(file: File, before: Metadata) -> io::Result<Self> {
        let length = before.len();
        if length <= HELD_BYTES_MOST {
            let mut bytes = Vec::new();
            bytes.reserve_exact(usize::try_from(length).unwrap_or(0) + 1);
            // One more than there are, to learn of the end without another allocation.
            (&file).take(length + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 <= length {
                return Ok(Self::Held(Held {
                    bytes: Cursor::new(bytes),
                    file,
                    before,
                }));
            }
        }
        let hashed = Hashed {
            file,
            hasher: None,
            is_whole: false,
        };
        Ok(Self::InPlace(BufReader::with_capacity(BLOCK_BYTES, hashed)))
    }

    /// Whether the file is what was read of it.
    fn is_still(&mut self, sha256: Digest, path: &Path) -> Result<bool, SpreadsheetError> {
        match self {
            Self::Held(held) => held.is_still().map_err(SpreadsheetError::io(path)),
            Self::InPlace(file) => Ok(file.get_mut().digest(path)?.sha256 == sha256),
        }
    }

    /// Digest and length, never of more than the cap even while the file grows. Cost: nothing when
    /// it was just read from its beginning to its end where it lies.
    fn digest(&mut self, path: &Path) -> Result<(Digest, u64), SpreadsheetError> {
        let whole = match self {
            Self::Held(held) => BlobRef::of(held.bytes.get_ref()),
            Self::InPlace(file) => file.get_mut().digest(path)?,
        };
        Ok((whole.sha256, whole.bytes))
    }
}

impl Held {
    fn is_still(&self) -> io::Result<bool> {
        let now = self.file.metadata()?;
        let is_whole = self.bytes.get_ref().len() as u64 == now.len();
        Ok(is_whole && now.modified()? == self.before.modified()?)
    }
}

impl Hashed {
    fn digest(&mut self, path: &Path) -> Result<BlobRef, SpreadsheetError> {
        let passed = self.hasher.take().filter(|_| self.is_whole);
        if let Some(passed) = passed {
            return Ok(passed.finish());
        }
        self.file.rewind().map_err(SpreadsheetError::io(path))?;
        let mut hasher = Hasher::new();
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let count = match self.file.read(&mut block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(SpreadsheetError::io(path))?,
            };
            if count == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&block[..count]);
            if hasher.bytes() > LIMITS.file_bytes {
                return Err(SpreadsheetError::file_too_large(LIMITS.file_bytes));
            }
        }
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.is_whole = count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Seek for Hashed {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.hasher = (position == SeekFrom::Start(0)).then(Hasher::new);
        self.is_whole = false;
        self.file.seek(position)
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.content {
            Content::Held(held) => held.bytes.read(buffer),
            Content::InPlace(file) => file.read(buffer),
        }?;
        self.passed(count);
        Ok(count)
    }
}

impl BufRead for Watched {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.content {
            Content::Held(held) => held.bytes.fill_buf(),
            Content::InPlace(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.content {
            Content::Held(held) => held.bytes.consume(count),
            Content::InPlace(file) => file.consume(count),
        }
        self.passed(count);
    }
}

impl Seek for Watched {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.content {
            Content::Held(held) => held.bytes.seek(position),
            Content::InPlace(file) => file.seek(position),
        }
    }
}

impl Watched {
    fn passed(&mut self, count: usize) {
        if let Some(progress) = &mut self.progress {
            progress.advance(count as u64);
        }
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

    /// Reads the rows of a file that is appended to after it was opened.
    fn rows_of_a_growing_file(content: &str) -> Result<(), SpreadsheetError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("batch.csv");
        fs::write(&path, content).unwrap();
        let mut source = Source::open(&path).unwrap();
        let known = (source.bytes, source.sha256);
        assert_eq!(
            known,
            (content.len() as u64, Digest::of(content.as_bytes()))
        );
        let file = fs::OpenOptions::new().append(true).open(&path);
        file.unwrap().write_all(b"3,4\n").unwrap();
        source.rows("reading", |_| Ok::<(), SpreadsheetError>(()))
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let large = "a,b\n1,2\n".repeat(3);
        assert!(large.len() as u64 > HELD_BYTES_MOST);
        for content in [&large, "a,b\n1,2\n"] {
            let error = rows_of_a_growing_file(content).unwrap_err();
            assert!(error.to_string().contains("发生了变化"), "{content:?}");
        }
    }

    #[test]
    fn both_kinds_give_the_same_rows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("batch.csv");
        for content in ["\u{FEFF}姓名,b\n", "\u{FEFF}姓名,b\n王燕,2\n刘伟海,3\n"] {
            fs::write(&path, content).unwrap();
            let mut source = Source::open(&path).unwrap();
            let is_held = matches!(source.sheet.get_mut().content, Content::Held(_));
            assert_eq!(is_held, content.len() as u64 <= HELD_BYTES_MOST);
            let mut names = String::new();
            let each = |row: Row| {
                names += row.printed(0);
                Ok::<(), SpreadsheetError>(())
            };
            source.rows("reading", each).unwrap();
            assert!("姓名王燕刘伟海".starts_with(&names), "{names}");
            assert_eq!(names.len() < 9, is_held);
        }
    }
}
