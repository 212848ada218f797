//! Compiles the ledger into a layer and its texts.
//!
//! ```text
//! ledger ─► reading ─► sort by number ─► history ─► numbers + rows, survey
//!           hashes,                      one row      └► sort by holder ─► holders
//!           codes
//! ```
//!
//! The result is a pure function of the ledger's rows in their order, the registry and the look-up
//! key: no time, operator, path, locale, number of threads or amount of memory reaches a blob.
//! Memory is bounded whatever the number of certificates. It does not know what is live.

mod codes;
mod error;
mod history;
mod reading;
mod record;
mod survey;
mod texts;
mod witness;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use certificate::key::{HolderKey, LookupKey, MacAlgorithm};
use snapshot::{
    BlobRef, Counts, Digest, Holders, LayerKind, LayerRef, NumbersAndRows, Row, Store, layout,
};

use crate::ledger::Ledger;
use crate::progress::Progress;
use crate::registry::Registry;
use crate::sort::{Sorted, Sorter};

pub(crate) use error::CompileError;
pub(crate) use witness::{Witness, Witnesses};

use codes::Tables;
use history::History;
use reading::Reading;
use record::KeyedChange;
use survey::Survey;

/// Bytes left to what is not a sort: chunks being parsed, code tables, writers, witnesses. 24 MB
/// of them were in use with two threads and two million changes.
const FIXED_BYTES: usize = 48 << 20;

/// The least memory that leaves the sorts something to work with.
pub(crate) const MEMORY_BYTES_LEAST: usize = 64 << 20;

/// Bytes of a holder's key and an ordinal in the second sort.
const HOLDER_WIDTH: usize = HolderKey::LENGTH + 4;

/// Rows between two steps of the progress.
const PROGRESS_ROWS: u64 = 65_536;

/// Everything that a layer follows from.
pub(crate) struct Inputs<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) registry: &'a Registry,
    pub(crate) key: &'a LookupKey,
}

/// What may be used to make it; nothing of it shows in the result.
pub(crate) struct Means {
    /// At least [`MEMORY_BYTES_LEAST`].
    pub(crate) memory_bytes: usize,
    /// 0 takes one a core.
    pub(crate) threads: usize,
    /// Where the sorts keep what does not fit, in files without names.
    pub(crate) spool: PathBuf,
}

/// A register that is written and not yet published.
pub(crate) struct Compiled {
    pub(crate) layer: LayerRef,
    pub(crate) texts: BlobRef,
    pub(crate) counts: Counts,
    /// What can be asked to see whether it answers as it should.
    pub(crate) witnesses: Witnesses,
    /// How long each phase took, in order.
    pub(crate) phases: Vec<(&'static str, Duration)>,
}

/// Reads the ledger once and writes the blobs of a base layer into the store. Cost: about five
/// microseconds a row on one thread, three on two, most of it parsing; temporary files of 90 bytes
/// a row when the memory is small.
///
/// # Errors
///
/// [`CompileError`]. Blobs written before it stay in the store, named by their contents; nothing
/// refers to them.
pub(crate) fn compile(
    inputs: &Inputs<'_>,
    means: &Means,
    store: &Store,
) -> Result<Compiled, CompileError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(means.threads)
        .build()?;
    pool.install(|| compile_here(inputs, means, store))
}

/// Compiles on the current pool.
fn compile_here(
    inputs: &Inputs<'_>,
    means: &Means,
    store: &Store,
) -> Result<Compiled, CompileError> {
    let mut phases = Phases::start();
    let sorts_bytes = means.memory_bytes.saturating_sub(FIXED_BYTES);
    let reading = read(inputs, means, sorts_bytes / 4 * 3)?;
    phases.end("read");

    let Reading {
        tables,
        mut witnesses,
        sorter,
        ..
    } = reading;
    let changes = sorter.finish()?;
    phases.end("sort");

    let by_holder = Sorter::new(&means.spool, sorts_bytes / 4, changes.records());
    let rows = write_rows(changes, store, by_holder, &mut witnesses)?;
    phases.end("rows");

    let holders = write_holders(rows.by_holder, rows.survey.certificates, store)?;
    phases.end("holders");

    let counts = rows.survey.counts();
    let texts = texts::texts(inputs.registry, tables, rows.survey)?.write(store)?;
    phases.end("texts");
    let layer = LayerRef {
        kind: LayerKind::Base,
        key_id: inputs.key.id(),
        algorithm: MacAlgorithm::HmacSha256,
        certificates: counts.certificates,
        numbers: rows.numbers,
        holders,
        rows: rows.rows,
    };
    Ok(Compiled {
        layer,
        texts,
        counts,
        witnesses,
        phases: phases.ended,
    })
}

fn read<'a>(
    inputs: &Inputs<'a>,
    means: &Means,
    sort_bytes: usize,
) -> Result<Reading<'a>, CompileError> {
    let head = inputs.ledger.head();
    let mut reading = Reading {
        key: inputs.key,
        tables: Tables::new(),
        witnesses: Witnesses::new(seed(&head.digest), head.rows),
        sorter: Sorter::new(&means.spool, sort_bytes, head.rows),
    };
    let changes = reading.read(inputs.ledger, means.memory_bytes)?;
    if changes != head.rows {
        return Err(CompileError::Rows {
            expected: head.rows,
            found: changes,
        });
    }
    Ok(reading)
}

/// Other certificates are asked about after each change of the ledger.
fn seed(digest: &Digest) -> u64 {
    let (first, _) = digest
        .as_bytes()
        .split_first_chunk()
        .expect("a digest has 32 bytes, a seed 8");
    u64::from_le_bytes(*first)
}

/// What the pass over the sorted changes makes.
struct Rows {
    numbers: BlobRef,
    rows: BlobRef,
    survey: Survey,
    by_holder: Sorter<HOLDER_WIDTH>,
}

/// One pass in the order of the numbers.
fn write_rows(
    changes: Sorted<{ record::WIDTH }>,
    store: &Store,
    by_holder: Sorter<HOLDER_WIDTH>,
    witnesses: &mut Witnesses,
) -> Result<Rows, CompileError> {
    let mut progress = Progress::count("writing rows", changes.records());
    let mut pass = RowsPass {
        writer: NumbersAndRows::new(store)?,
        survey: Survey::default(),
        by_holder,
        witnesses,
    };
    let mut open: Option<History> = None;
    for (seen, change) in (1_u64..).zip(changes) {
        let change = KeyedChange::unpack(&change?).ok_or(CompileError::Spool)?;
        match &mut open {
            Some(history) if *history.number() == change.number => history.apply(&change)?,
            _ => {
                let next = History::begin(&change)?;
                if let Some(done) = open.replace(next) {
                    pass.write(&done)?;
                }
            }
        }
        if seen.is_multiple_of(PROGRESS_ROWS) {
            progress.advance(PROGRESS_ROWS);
        }
    }
    if let Some(done) = open {
        pass.write(&done)?;
    }
    pass.finish()
}

struct RowsPass<'a, 's> {
    writer: NumbersAndRows<'s>,
    survey: Survey,
    by_holder: Sorter<HOLDER_WIDTH>,
    witnesses: &'a mut Witnesses,
}

impl RowsPass<'_, '_> {
    fn write(&mut self, history: &History) -> Result<(), CompileError> {
        let number = history.number();
        let row: Row = history.row();
        let ordinal = u32::try_from(self.survey.certificates)
            .ok()
            .filter(|&ordinal| u64::from(ordinal) < layout::LAYER_ROWS_MAX)
            .ok_or(CompileError::LayerFull)?;
        self.writer.push(number, &row)?;
        self.survey.count(number, &row);
        self.witnesses.expect(number, &row);
        let mut holder = [0; HOLDER_WIDTH];
        let (key, rank) = holder.split_at_mut(HolderKey::LENGTH);
        key.copy_from_slice(history.holder().as_bytes());
        rank.copy_from_slice(&ordinal.to_be_bytes());
        Ok(self.by_holder.push(holder)?)
    }

    fn finish(self) -> Result<Rows, CompileError> {
        let (numbers, rows, _) = self.writer.finish()?;
        Ok(Rows {
            numbers,
            rows,
            survey: self.survey.finish(),
            by_holder: self.by_holder,
        })
    }
}

/// One pass in the order of the holder keys.
fn write_holders(
    by_holder: Sorter<HOLDER_WIDTH>,
    certificates: u64,
    store: &Store,
) -> Result<BlobRef, CompileError> {
    let mut progress = Progress::count("writing holders", certificates);
    let mut writer = Holders::new(store, certificates)?;
    for (seen, holder) in (1_u64..).zip(by_holder.finish()?) {
        let holder = holder?;
        let (key, rank) = holder
            .split_first_chunk()
            .expect("a holder key is shorter than the record");
        let rank = rank.try_into().expect("the rest of the record is 4 bytes");
        writer.push(HolderKey::from_bytes(*key), u32::from_be_bytes(rank))?;
        if seen.is_multiple_of(PROGRESS_ROWS) {
            progress.advance(PROGRESS_ROWS);
        }
    }
    Ok(writer.finish()?)
}

/// How long things take, for the report.
struct Phases {
    since: Instant,
    ended: Vec<(&'static str, Duration)>,
}

impl Phases {
    fn start() -> Self {
        Self {
            since: Instant::now(),
            ended: Vec::new(),
        }
    }

    fn end(&mut self, phase: &'static str) {
        let now = Instant::now();
        self.ended.push((phase, now - self.since));
        self.since = now;
    }
}
