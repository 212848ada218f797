//! The derived index of a ledger: where every certificate stands, and which files were accepted.
//!
//! Segments of adjoining batches cover the ledger from its first batch. Each batch adds one, which
//! is merged at once only with small neighbours: a batch that waits to be published must not wait
//! for that. [`Index::tidy`] later merges every segment that is not at least twice as large as all
//! that follow it, so there are a few dozen, and a row is rewritten as often as the ledger doubles.
//! Whatever is missing or does not fit the chain of the batches is built again from them.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use certificate::CertificateNumber;
use snapshot::Digest;

use super::error::LedgerError;
use super::layout;
use super::merge::{self, Records};
use super::segment::{Found, Record, Segment, SegmentWriter};
use super::standing::Standing;
use super::standings::{PREFIX_BYTES, Standings, Unused};

/// An older segment stays as it is when it is this many times as large as what follows it.
const GROWTH: u64 = 2;

/// Certificates that are merged while a batch is added, at most: some hundredths of a second. Few
/// in tests, so that small ledgers are put in order too.
const AT_ONCE: u64 = if cfg!(test) { 8 } else { 100_000 };

/// With more segments than this, look-ups cost more than merging: it is no longer put off. With 64,
/// accepting 10,000,000 rows took three times the processor time.
const SEGMENTS_MOST: usize = 16;

/// Serials have six digits.
const SERIALS: u32 = 1_000_000;

/// Certificates merged between two questions whether to stop.
const STOP_ASKED: u64 = if cfg!(test) { 2 } else { 65_536 };

/// The segments that cover the first batches of a ledger.
pub(crate) struct Index {
    /// Oldest first, adjoining.
    segments: Vec<Segment>,
    sources: HashMap<Digest, u32>,
    /// As far as batches that were added have found out.
    unused: Unused,
}

/// What one batch adds.
pub(super) struct Addition {
    pub(super) batch: u32,
    pub(super) digest: Digest,
    pub(super) source: Digest,
    pub(super) standings: Standings,
}

/// What an index knows of a certificate.
pub(super) enum Known {
    /// Where it stands.
    Standing(Standing),
    /// Nothing, and nothing of these serials of the same institution, year and level.
    Nothing {
        /// The certificate's own among them.
        serials: Range<u32>,
    },
}

impl Index {
    /// Opens the best cover that fits the batches up to `head`, which may end before it.
    /// `digest_of` tells the digest of a batch.
    pub(super) fn open(
        dir: &Path,
        head: u32,
        digest_of: impl Fn(u32) -> Result<Digest, LedgerError>,
    ) -> Result<Self, LedgerError> {
        let ranges = ranges(dir)?;
        let mut index = Self {
            segments: Vec::new(),
            sources: HashMap::new(),
            unused: Unused::default(),
        };
        while index.covers() < head {
            let next = index.covers() + 1;
            // The longest first.
            let candidates = ranges.iter().rev();
            let fitting = candidates
                .filter(|(first, last)| *first == next && *last <= head)
                .find_map(|&range| fitting(dir, range, &digest_of).transpose())
                .transpose()?;
            let Some((segment, sources)) = fitting else {
                break;
            };
            index.sources.extend(sources);
            index.segments.push(segment);
        }
        Ok(index)
    }

    /// The last batch it covers; 0 for none.
    pub(super) fn covers(&self) -> u32 {
        self.segments
            .last()
            .map_or(0, |segment| segment.footer.last)
    }

    /// Where a certificate stands; `None` when it was never issued. Cost: one look-up a segment,
    /// newest first.
    pub(super) fn find(&self, number: &CertificateNumber) -> Result<Option<Standing>, LedgerError> {
        match self.known(number)? {
            Known::Standing(standing) => Ok(Some(standing)),
            Known::Nothing { .. } => Ok(None),
        }
    }

    /// As [`find`](Self::find), and how far around an unknown number the others are unknown too.
    pub(super) fn known(&self, number: &CertificateNumber) -> Result<Known, LedgerError> {
        let is_near = |other: &CertificateNumber| {
            other.as_bytes()[..PREFIX_BYTES] == number.as_bytes()[..PREFIX_BYTES]
        };
        let mut serials = 0..SERIALS;
        for segment in self.segments.iter().rev() {
            match segment.find(number)? {
                Found::Standing(standing) => return Ok(Known::Standing(standing)),
                Found::Between(before, after) => {
                    if let Some(before) = before.filter(is_near) {
                        serials.start = serials.start.max(before.serial() + 1);
                    }
                    if let Some(after) = after.filter(is_near) {
                        serials.end = serials.end.min(after.serial());
                    }
                }
            }
        }
        Ok(Known::Nothing { serials })
    }

    /// Serials that need not be asked about.
    pub(super) fn unused(&self) -> &Unused {
        &self.unused
    }

    /// Reads every block of every segment.
    pub(super) fn verify(&self) -> Result<(), LedgerError> {
        for segment in &self.segments {
            let mut records = Records::of(segment)?;
            while records.head().is_some() {
                records.advance()?;
            }
        }
        Ok(())
    }

    /// The batch that the file of this digest became.
    pub(crate) fn batch_of(&self, source: &Digest) -> Option<u32> {
        self.sources.get(source).copied()
    }

    /// Adds the next batch, merging what is small.
    pub(super) fn add(&mut self, dir: &Path, addition: Addition) -> Result<(), LedgerError> {
        self.unused.take(&addition.standings);
        let fresh = addition.standings.into_records();
        self.sources.insert(addition.source, addition.batch);
        let mut size = fresh.len() as u64;
        let mut kept = self.segments.len();
        while kept > 0 {
            let entries = self.segments[kept - 1].footer.entries;
            if entries >= GROWTH * size || entries + size > AT_ONCE {
                break;
            }
            kept -= 1;
            size += entries;
        }
        let head = (addition.batch, addition.digest);
        self.merge(dir, kept, (fresh, head), &|| false)?;
        match self.segments.len() > SEGMENTS_MOST {
            true => self.tidy(dir, &|| false).map(drop),
            false => Ok(()),
        }
    }

    /// Merges the segments that are too small for their place. Returns whether that is done, which
    /// it is not when `stop` said yes; then everything is as it was.
    pub(super) fn tidy(
        &mut self,
        dir: &Path,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, LedgerError> {
        let mut follow = 0;
        let mut kept = None;
        for (place, segment) in self.segments.iter().enumerate().rev() {
            let entries = segment.footer.entries;
            if follow > 0 && entries < GROWTH * follow {
                kept = Some(place);
            }
            follow += entries;
        }
        let (Some(kept), Some(newest)) = (kept, self.segments.last()) else {
            return Ok(true);
        };
        let head = (newest.footer.last, newest.footer.head);
        self.merge(dir, kept, (Vec::new(), head), stop)
    }

    /// Makes one segment of those from `kept` on and of newer standings, up to a batch. Removes
    /// what was merged. Returns whether it was done.
    fn merge(
        &mut self,
        dir: &Path,
        kept: usize,
        (newer, (last, digest)): (Vec<Record>, (u32, Digest)),
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, LedgerError> {
        let merged = &self.segments[kept..];
        let first = merged.first().map_or(last, |old| old.footer.first);
        let sources = self.sources_between(first, last);
        let path = layout::segment(dir, first, last);
        let written = write(dir, &path, |file| {
            let mut writer = SegmentWriter::new(file);
            let mut seen = 0_u64;
            let whole = merge::merge(merged, newer, |record| {
                writer
                    .push(record)
                    .map_err(LedgerError::io("write", &path))?;
                seen += 1;
                Ok(!(seen.is_multiple_of(STOP_ASKED) && stop()))
            })?;
            if !whole {
                return Ok(None);
            }
            let file = writer.finish((first, last), digest, &sources);
            file.map(Some).map_err(LedgerError::io("write", &path))
        })?;
        if !written {
            return Ok(false);
        }
        for old in self.segments.drain(kept..) {
            if old.path != path {
                remove(&old.path)?;
            }
        }
        // Without it the numbers in it would pass for unused.
        let written = Segment::open(&path)?
            .ok_or_else(|| LedgerError::damaged(&path, 0, "was just written and is not whole"))?;
        self.segments.push(written);
        Ok(true)
    }

    /// The last batch that any segment file was made of, fitting or not.
    pub(super) fn newest_batch(dir: &Path) -> Result<u32, LedgerError> {
        let last = ranges(dir)?.into_iter().map(|(_, last)| last).max();
        Ok(last.unwrap_or(0))
    }

    /// Removes the segment files that are no part of the cover.
    pub(super) fn sweep(&self, dir: &Path) -> Result<(), LedgerError> {
        let used = |path: &Path| self.segments.iter().any(|segment| segment.path == path);
        for (first, last) in ranges(dir)? {
            let path = layout::segment(dir, first, last);
            if !used(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn sources_between(&self, first: u32, last: u32) -> Vec<(Digest, u32)> {
        let mut sources: Vec<(Digest, u32)> = self
            .sources
            .iter()
            .map(|(digest, batch)| (*digest, *batch))
            .filter(|(_, batch)| (first..=last).contains(batch))
            .collect();
        sources.sort_unstable_by_key(|source| source.1);
        sources
    }
}

/// The batches of every segment file, sorted.
fn ranges(dir: &Path) -> Result<Vec<(u32, u32)>, LedgerError> {
    let index = layout::index(dir);
    let entries = match fs::read_dir(&index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(LedgerError::io("read", &index))?,
    };
    let mut ranges = Vec::new();
    for entry in entries {
        let name = entry.map_err(LedgerError::io("read", &index))?.file_name();
        ranges.extend(name.to_str().and_then(layout::segment_range));
    }
    ranges.sort_unstable();
    Ok(ranges)
}

/// A segment and the source files of its batches.
type Fitting = (Segment, Vec<(Digest, u32)>);

/// Opens a segment if it is whole and belongs to this chain. One that vanishes meanwhile was
/// merged by somebody who accepts, and a longer one stands in its place.
fn fitting(
    dir: &Path,
    (first, last): (u32, u32),
    digest_of: impl Fn(u32) -> Result<Digest, LedgerError>,
) -> Result<Option<Fitting>, LedgerError> {
    let opened = match Segment::open(&layout::segment(dir, first, last)) {
        Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        opened => opened?,
    };
    let Some(segment) = opened else {
        return Ok(None);
    };
    let footer = &segment.footer;
    if (footer.first, footer.last) != (first, last) || footer.head != digest_of(last)? {
        return Ok(None);
    }
    match segment.sources() {
        Err(LedgerError::Index { .. }) => Ok(None),
        sources => Ok(Some((segment, sources?))),
    }
}

/// Writes a file beside its place and moves it there when it is durable. Returns whether `fill`
/// came to its end.
fn write(
    dir: &Path,
    path: &Path,
    fill: impl FnOnce(File) -> Result<Option<File>, LedgerError>,
) -> Result<bool, LedgerError> {
    let index = layout::index(dir);
    let unfinished = index.join("unfinished");
    super::accepting::create_private_dir(&index)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(LedgerError::io("create", &unfinished))?;
    let Some(file) = fill(file)? else {
        remove(&unfinished)?;
        return Ok(false);
    };
    file.sync_all()
        .map_err(LedgerError::io("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(LedgerError::io("create", path))?;
    super::accepting::sync_dir(&index)?;
    Ok(true)
}

fn remove(path: &Path) -> Result<(), LedgerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(LedgerError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
