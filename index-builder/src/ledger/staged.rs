//! A batch while it is judged: admitted rows go to a file at once, what stays in memory is where
//! each of its certificates stands.
//!
//! `accept` seals the file and links it into the ledger; `check` stages in the same way, into a
//! file without a name, and lets it fall. So both give the same verdicts.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use certificate::{CertificateNumber, HolderName};
use serde::Serialize;
use serde_json::value::RawValue;
use snapshot::Digest;
use snapshot::digest::Hasher;
use tempfile::TempPath;

use super::batch::{self, HeadLine, SourceFile, SummaryLine};
use super::chunk::Place;
use super::entry::{self, Entry, Rendered};
use super::error::LedgerError;
use super::index::Index;
use super::layout;
use super::standing::Standing;
use super::standings::Standings;
use super::{Head, Ledger};

/// Lines are not longer than this; it is checked when they are written.
const LINE_BYTES_MOST: usize = 64 * 1024;

/// Sequence, revision and the tab between them are not longer than this.
const PLACE_BYTES_MOST: usize = 32;

/// Bytes hashed and written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A batch that is being judged.
pub(crate) struct Staged<'a> {
    known: Option<(&'a Ledger, &'a Index)>,
    batch: u32,
    first_sequence: u64,
    admitted: u64,
    standings: Standings,
    file: File,
    /// What is neither hashed nor written yet.
    buffer: Vec<u8>,
    /// For errors.
    path: PathBuf,
    /// Removes the file when this is dropped; none when it has no name.
    name: Option<TempPath>,
    hasher: Hasher,
    source: Option<Digest>,
}

/// A batch that only needs to be linked into the ledger.
pub(crate) struct Sealed {
    pub(super) name: TempPath,
    pub(super) batch: u32,
    pub(super) digest: Digest,
    pub(super) source: Digest,
    pub(super) last_sequence: u64,
    pub(super) standings: Standings,
}

#[derive(Serialize)]
struct ReportLine<'a> {
    report: &'a RawValue,
}

impl<'a> Staged<'a> {
    /// Begins the next batch of a ledger.
    pub(super) fn begin(
        ledger: &'a Ledger,
        index: &'a Index,
        source: &SourceFile,
        accepted_at: String,
        operator: String,
    ) -> Result<Self, LedgerError> {
        let path = layout::staging(&ledger.dir);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(LedgerError::io("create", &path))?;
        let name = TempPath::try_from_path(&path).map_err(LedgerError::io("create", &path))?;
        let mut staged = Self::new(Some((ledger, index)), file, path);
        staged.name = Some(name);
        staged.source = Some(source.sha256);
        let head = HeadLine {
            batch: staged.batch,
            previous: ledger.head.digest,
            first_sequence: staged.first_sequence,
            accepted_at,
            operator,
            source: source.clone(),
            columns: entry::COLUMNS.map(str::to_owned).to_vec(),
        };
        staged.write(batch::FORMAT.as_bytes())?;
        staged.write(batch::serialized_line(&head).as_bytes())?;
        Ok(staged)
    }

    /// Begins a batch that will not be kept, after the rows of a ledger or of none.
    pub(crate) fn rehearse(known: Option<(&'a Ledger, &'a Index)>) -> Result<Self, LedgerError> {
        let path = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(LedgerError::io("create a file in", &path))?;
        Ok(Self::new(known, file, path))
    }

    fn new(known: Option<(&'a Ledger, &'a Index)>, file: File, path: PathBuf) -> Self {
        let head = known.map_or(Head::empty(), |(ledger, _)| ledger.head);
        Self {
            known,
            batch: head.batch() + 1,
            first_sequence: head.rows + 1,
            admitted: 0,
            standings: Standings::default(),
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES + LINE_BYTES_MOST),
            path,
            name: None,
            hasher: Hasher::new(),
            source: None,
        }
    }

    /// Where a certificate stands after the ledger and the rows of this batch so far.
    pub(crate) fn standing(
        &mut self,
        number: &CertificateNumber,
    ) -> Result<Option<Standing>, LedgerError> {
        let index = self.known.map(|(_, index)| index);
        self.standings.find(number, index)
    }

    /// The holder's name of a certificate that stands so. Cost: one read.
    pub(crate) fn holder(&mut self, standing: &Standing) -> Result<HolderName, LedgerError> {
        let place = standing.details_at;
        let entry = match self.known {
            Some((ledger, _)) if place.batch != self.batch => ledger.entry_at(place)?,
            _ => {
                self.flush()?;
                read_entry(&self.file, &self.path, place)?
            }
        };
        entry
            .change
            .operation
            .details()
            .map(|details| details.name.clone())
            .ok_or_else(|| {
                LedgerError::damaged(&self.path, place.offset_bytes, "row has no details")
            })
    }

    /// Adds an admitted row. `before` is the certificate's standing, as told just now.
    ///
    /// # Panics
    ///
    /// When the change does not fit that standing; the gate asks before it admits.
    pub(crate) fn push(
        &mut self,
        change: impl Into<Rendered>,
        before: Option<Standing>,
    ) -> Result<(), LedgerError> {
        let change = change.into();
        assert!(
            change.len() < LINE_BYTES_MOST - PLACE_BYTES_MOST,
            "the gate bounds every value"
        );
        let place = Place {
            batch: self.batch,
            offset_bytes: self.position(),
        };
        let after = Standing::after(before, change.step, place).expect("the gate asked before");
        let sequence = self.first_sequence + self.admitted;
        change.write(&mut self.buffer, sequence, after.revision);
        self.admitted += 1;
        self.standings.insert(change.number, after);
        self.flush_if_full()
    }

    /// Ends the file: report, summary, digest; durable when this returns.
    pub(crate) fn seal(
        mut self,
        report: &RawValue,
        rows: u64,
        exit: u8,
    ) -> Result<Sealed, LedgerError> {
        let summary = SummaryLine {
            rows,
            admitted: self.admitted,
            exit,
            report_at: self.position(),
        };
        self.write(batch::serialized_line(&ReportLine { report }).as_bytes())?;
        self.write(batch::serialized_line(&summary).as_bytes())?;
        self.flush()?;
        let digest = std::mem::take(&mut self.hasher).finish().sha256;
        self.write(format!("sha256 {digest}\n").as_bytes())?;
        self.flush()?;
        sync(&self.file).map_err(LedgerError::io("write", &self.path))?;
        Ok(Sealed {
            name: self.name.expect("a rehearsal is never sealed"),
            batch: self.batch,
            digest,
            source: self.source.expect("a rehearsal is never sealed"),
            last_sequence: self.first_sequence + self.admitted - 1,
            standings: self.standings,
        })
    }

    /// Where the next line begins.
    fn position(&self) -> u64 {
        self.hasher.bytes() + self.buffer.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        self.buffer.extend_from_slice(bytes);
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> Result<(), LedgerError> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), LedgerError> {
        self.hasher.update(&self.buffer);
        self.file
            .write_all(&self.buffer)
            .map_err(LedgerError::io("write", &self.path))?;
        self.buffer.clear();
        Ok(())
    }
}

/// A batch is never changed again, so nobody may write it, its owner included.
fn sync(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o400))?;
    file.sync_all()
}

/// Reads the one line at a place.
pub(super) fn read_entry(file: &File, path: &Path, place: Place) -> Result<Entry, LedgerError> {
    let mut line = vec![0; 1024];
    let mut filled = 0;
    let damaged = |problem| LedgerError::damaged(path, place.offset_bytes, problem);
    loop {
        let at = place.offset_bytes + filled as u64;
        let count = file
            .read_at(&mut line[filled..], at)
            .map_err(LedgerError::io("read", path))?;
        filled += count;
        if let Some(end) = line[..filled].iter().position(|&byte| byte == b'\n') {
            let text =
                std::str::from_utf8(&line[..end]).map_err(|_| damaged("row is not UTF-8"))?;
            return Entry::parse(text).map_err(damaged);
        }
        if count == 0 || filled >= LINE_BYTES_MOST {
            return Err(damaged("row has no end"));
        }
        line.resize(LINE_BYTES_MOST, 0);
    }
}
