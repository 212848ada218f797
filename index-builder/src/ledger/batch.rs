//! The file of one accepted batch: its frame, and how it is read.
//!
//! ```text
//! certq ledger batch 1                       the format
//! {"batch":7,"previous":"<sha256>",…}        the head: what it continues, who accepted it, and what
//! 1201⇥1⇥issue⇥…                             the admitted rows, one a line
//! {"report":…}                               what was told to the person who delivered it
//! {"rows":…,"admitted":…,…}                  the summary
//! sha256 <64 hex digits>                     the digest of every byte before this line
//! ```
//!
//! A file without its last line, or whose digest does not fit, is no batch: half a file is never
//! accepted. The digest is also what the next batch names as `previous`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snapshot::Digest;

use super::error::LedgerError;
use super::layout;

/// The first line. Another number is another format, and this program does not read it.
pub(super) const FORMAT: &str = "certq ledger batch 1\n";

/// `sha256 `, 64 digits, a line break.
const TRAILER_BYTES: usize = 72;

/// The head line is no longer than this; file names have at most 4,096 bytes.
const HEAD_BYTES_MOST: usize = 64 * 1024;

/// The summary line is no longer than this.
const SUMMARY_BYTES_MOST: u64 = 1024;

/// The second line.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct HeadLine {
    pub(super) batch: u32,
    pub(super) previous: Digest,
    pub(super) first_sequence: u64,
    pub(super) accepted_at: String,
    pub(super) operator: String,
    pub(super) source: SourceFile,
    pub(super) columns: Vec<String>,
}

/// The file a batch was delivered in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SourceFile {
    /// Its name, as it was given.
    pub(crate) file: String,
    /// The digest of its bytes, by which the same file is known again.
    pub(crate) sha256: Digest,
    /// Its length.
    pub(crate) bytes: u64,
}

/// The line before the trailer.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SummaryLine {
    /// Rows judged.
    pub(super) rows: u64,
    /// Rows that entered.
    pub(super) admitted: u64,
    /// The code `accept` ended with.
    pub(super) exit: u8,
    /// Where the report line begins, which is where the rows end.
    pub(super) report_at: u64,
}

/// The report line.
#[derive(Deserialize)]
struct ReportLine {
    report: Box<RawValue>,
}

/// An opened batch whose frame is whole. Its rows are not checked yet.
pub(super) struct Batch {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) head: HeadLine,
    pub(super) summary: SummaryLine,
    /// Where the rows lie.
    pub(super) rows: Range<u64>,
    /// Where the summary line begins.
    summary_at: u64,
    /// Where the trailer begins: the length of what the digest covers.
    pub(super) trailer_at: u64,
    /// What the trailer says.
    pub(super) digest: Digest,
}

impl Batch {
    /// Opens a batch and reads its frame. Cost: two small reads.
    pub(super) fn open(dir: &Path, number: u32) -> Result<Self, LedgerError> {
        let path = layout::batch(dir, number);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LedgerError::Missing { path });
            }
            opened => opened.map_err(LedgerError::io("open", &path))?,
        };
        let length = file
            .seek(SeekFrom::End(0))
            .map_err(LedgerError::io("read", &path))?;
        let (head, rows_at) = read_head(&mut file, &path)?;
        let tail = read_tail(&file, &path, length)?;
        let batch = Self {
            rows: rows_at..tail.summary.report_at,
            path,
            file,
            head,
            summary: tail.summary,
            summary_at: tail.summary_at,
            trailer_at: length - TRAILER_BYTES as u64,
            digest: tail.digest,
        };
        batch.check_frame(number)
    }

    /// Whether the numbers of the frame fit each other.
    fn check_frame(self, number: u32) -> Result<Self, LedgerError> {
        let whole = self.head.batch == number
            && self.head.first_sequence >= 1
            && self.summary.admitted >= 1
            && self.summary.admitted <= self.summary.rows
            && self.rows.start < self.rows.end
            && self.rows.end < self.summary_at;
        if whole {
            Ok(self)
        } else {
            Err(LedgerError::damaged(
                &self.path,
                0,
                "its frame contradicts itself",
            ))
        }
    }

    /// Sequence of its last row.
    pub(super) fn last_sequence(&self) -> u64 {
        self.head.first_sequence + self.summary.admitted - 1
    }

    /// What was told to the person who delivered it, as JSON.
    pub(super) fn report(&self) -> Result<Box<RawValue>, LedgerError> {
        let length = usize::try_from(self.summary_at - self.rows.end).expect("64-bit platform");
        let mut line = vec![0; length];
        self.file
            .read_exact_at(&mut line, self.rows.end)
            .map_err(LedgerError::io("read", &self.path))?;
        serde_json::from_slice::<ReportLine>(&line)
            .map(|line| line.report)
            .map_err(|_| LedgerError::damaged(&self.path, self.rows.end, "its report is no JSON"))
    }
}

/// A value as a line of JSON.
pub(super) fn serialized_line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("the lines of the frame are plain structs");
    line.push('\n');
    line
}

fn read_head(file: &mut File, path: &Path) -> Result<(HeadLine, u64), LedgerError> {
    let mut start = vec![0; HEAD_BYTES_MOST];
    let mut filled = 0;
    file.rewind().map_err(LedgerError::io("read", path))?;
    while filled < start.len() {
        match file.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return Err(LedgerError::io("read", path)(error)),
        }
        if start[..filled]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            >= 2
        {
            break;
        }
    }
    let rest = start[..filled]
        .strip_prefix(FORMAT.as_bytes())
        .ok_or_else(|| LedgerError::damaged(path, 0, "it does not begin as a batch of format 1"))?;
    let head_at = FORMAT.len() as u64;
    let end = rest.iter().position(|&byte| byte == b'\n');
    let head = end.and_then(|end| serde_json::from_slice(&rest[..end]).ok());
    match (head, end) {
        (Some(head), Some(end)) => Ok((head, head_at + end as u64 + 1)),
        _ => Err(LedgerError::damaged(
            path,
            head_at,
            "its head line is no JSON",
        )),
    }
}

struct Tail {
    summary: SummaryLine,
    summary_at: u64,
    digest: Digest,
}

fn read_tail(file: &File, path: &Path, length: u64) -> Result<Tail, LedgerError> {
    let incomplete = |at| LedgerError::damaged(path, at, "its end is missing");
    let start = length.saturating_sub(SUMMARY_BYTES_MOST + TRAILER_BYTES as u64);
    let mut end = vec![0; usize::try_from(length - start).expect("about a kilobyte")];
    file.read_exact_at(&mut end, start)
        .map_err(LedgerError::io("read", path))?;
    let trailer_at = end.len().checked_sub(TRAILER_BYTES);
    let (before, trailer) = trailer_at
        .map(|at| end.split_at(at))
        .ok_or_else(|| incomplete(0))?;
    let digest = parse_trailer(trailer).ok_or_else(|| incomplete(length - trailer.len() as u64))?;
    let line = before
        .strip_suffix(b"\n")
        .ok_or_else(|| incomplete(start))?;
    let line_at = line
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    let summary_at = start + line_at as u64;
    let summary = serde_json::from_slice(&line[line_at..])
        .map_err(|_| LedgerError::damaged(path, summary_at, "its summary is no JSON"))?;
    Ok(Tail {
        summary,
        summary_at,
        digest,
    })
}

fn parse_trailer(trailer: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(trailer).ok()?;
    Digest::parse(text.strip_prefix("sha256 ")?.strip_suffix('\n')?)
}
