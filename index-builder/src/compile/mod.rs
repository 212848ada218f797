//! Compiles the ledger into layers and their texts.
//!
//! ```text
//! ledger ─► reading ─► sort by number ─► fold ─► writing: numbers + rows
//!           hashes,                      one row   └► sort by holder ─► holders
//!           codes                        a number,
//!                                        survey
//! ```
//!
//! Either of the whole ledger, or of what came after an earlier generation: then the changed
//! certificates are put over its fresh layer, and, when a new base is due, over its base
//! ([`grow`](grow())). Both give the same bytes.
//!
//! The result is a pure function of the ledger's rows in their order, the registry and the look-up
//! key: no time, operator, path, locale, number of threads or amount of memory reaches a blob.
//! Memory is bounded whatever the number of certificates. It does not know what is live.

mod codes;
mod distinct;
mod error;
mod fold;
mod grow;
mod history;
mod merge;
mod pointing;
mod previous;
mod reading;
mod record;
mod recount;
mod survey;
mod texts;
mod witness;
mod writing;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use certificate::key::{LookupKey, MacAlgorithm};
use snapshot::{BlobRef, Counts, Coverage, LayerKind, LayerRef, Store};

use crate::ledger::{Head, Ledger};
use crate::registry::Registry;
use crate::relay::relay;
use crate::sort::Sorter;

pub(crate) use error::CompileError;
pub(crate) use grow::{Growth, Onto, grow};
pub(crate) use pointing::{point, revived};
pub(crate) use previous::Previous;
pub(crate) use witness::{Witness, Witnesses};

use codes::Tables;
use fold::Folding;
use reading::Reading;
use survey::Survey;
use writing::{Entry, LayerWriter, Written};

/// Bytes left to what is not a sort: chunks being parsed, code tables, writers, witnesses. 24 MB
/// of them were in use with two threads and two million changes.
const FIXED_BYTES: usize = 48 << 20;

/// The least memory that leaves the sorts something to work with.
pub(crate) const MEMORY_BYTES_LEAST: usize = 64 << 20;

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
    /// As in a manifest.
    pub(crate) layers: Vec<LayerRef>,
    pub(crate) texts: BlobRef,
    pub(crate) counts: Counts,
    /// Which institutions have certificates.
    pub(crate) coverage: Vec<Coverage>,
    /// What can be asked to see whether it answers as it should.
    pub(crate) witnesses: Witnesses,
    /// How long each phase took, in order.
    pub(crate) phases: Vec<(&'static str, Duration)>,
}

/// Reads the ledger once and writes the blobs of a base layer into the store. Cost: about two
/// microseconds of processor time a row, shared by all threads, two thirds of it parsing and
/// hashing; temporary files of 76 bytes a row when the memory is small.
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
    means.pool()?.install(|| compile_here(inputs, means, store))
}

/// Compiles on the current pool.
fn compile_here(
    inputs: &Inputs<'_>,
    means: &Means,
    store: &Store,
) -> Result<Compiled, CompileError> {
    let mut phases = Phases::start();
    let reading = read(inputs, means, (&Head::empty(), Tables::new()))?;
    phases.end("read");

    let Reading {
        tables,
        mut witnesses,
        sorter,
        ..
    } = reading;
    let changes = sorter.finish()?;
    phases.end("sort");

    let by_holder = Sorter::new(&means.spool, means.holders_bytes(), changes.records());
    let mut writer = LayerWriter::new(store, by_holder, changes.records())?;
    let mut survey = Survey::default();
    let rows = Folding::new(changes, None).map(|folded| {
        let folded = folded?;
        let latest_review = folded.latest_review.unwrap_or(folded.row.reviewed_on);
        survey.count(&folded.number, &folded.row, latest_review);
        witnesses.expect(&folded.number, &folded.row);
        Ok::<_, CompileError>(Entry::from(folded))
    });
    relay(rows, |rows| {
        for entry in rows {
            writer.push(&entry?)?;
        }
        Ok::<_, CompileError>(())
    })?;
    phases.end("rows");

    let written = writer.finish(std::iter::empty())?;
    phases.end("holders");

    let tally = survey.finish();
    let (counts, coverage) = (tally.counts, tally.coverage.clone());
    let texts = texts::texts(inputs.registry, tables, tally)?.write(store)?;
    phases.end("texts");
    Ok(Compiled {
        layers: vec![written.layer(LayerKind::Base, inputs.key)],
        texts,
        counts,
        coverage,
        witnesses,
        phases: phases.ended,
    })
}

/// Reads the changes after a head, with the tables that there were then.
fn read<'a>(
    inputs: &Inputs<'a>,
    means: &Means,
    (after, tables): (&Head, Tables),
) -> Result<Reading<'a>, CompileError> {
    let head = inputs.ledger.head();
    let expected = head.rows.saturating_sub(after.rows);
    if head.rows >> record::SEQUENCE_BITS != 0 {
        return Err(CompileError::LayerFull);
    }
    let mut reading = Reading {
        key: inputs.key,
        tables,
        witnesses: Witnesses::new(witness::seed(&head.digest), expected),
        sorter: Sorter::new(&means.spool, means.changes_bytes(), expected),
    };
    let found = reading.read(inputs.ledger, after, means.memory_bytes)?;
    if found != expected {
        return Err(CompileError::Rows { expected, found });
    }
    Ok(reading)
}

impl Means {
    /// Threads to work on.
    ///
    /// # Errors
    ///
    /// [`CompileError::Threads`].
    pub(crate) fn pool(&self) -> Result<rayon::ThreadPool, CompileError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads);
        Ok(pool.build()?)
    }

    fn sorts_bytes(&self) -> usize {
        self.memory_bytes.saturating_sub(FIXED_BYTES)
    }

    /// Memory of the sort of changes by number.
    fn changes_bytes(&self) -> usize {
        self.sorts_bytes() / 4 * 3
    }

    /// Memory of the sort by holder, which begins while the other one ends.
    fn holders_bytes(&self) -> usize {
        self.sorts_bytes() / 4
    }
}

impl Written {
    fn layer(&self, kind: LayerKind, key: &LookupKey) -> LayerRef {
        LayerRef {
            kind,
            key_id: key.id(),
            algorithm: MacAlgorithm::HmacSha256,
            certificates: self.certificates,
            numbers: self.numbers,
            holders: self.holders,
            rows: self.rows,
        }
    }
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
