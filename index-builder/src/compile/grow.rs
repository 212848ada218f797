//! The next generation from an earlier one and the changes after it: cost by what has changed,
//! not by the size of the register or of the ledger.

use certificate::LookupKey;
use snapshot::{LayerKind, LayerRef, PublishedLayer, Store};

use super::fold::{Before, Folded, Folding};
use super::merge::{self, Overlay};
use super::recount::Recount;
use super::witness::{Witness, Witnesses};
use super::writing::{Entry, LayerWriter, Written};
use super::{CompileError, Compiled, Inputs, Means, Phases, Previous, Reading, read, texts};
use crate::ledger::Index;
use crate::sort::Sorter;

/// Where the changes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Onto {
    /// Into a fresh layer over the same base. Cost: by the fresh layer, about a microsecond for
    /// each of its certificates, five for each change.
    Fresh,
    /// Into a new base. Cost: one sequential pass over the base, about a microsecond for each
    /// certificate.
    Base,
}

/// What the next generation grows from, and how.
pub(crate) struct Growth<'a> {
    pub(crate) previous: Previous,
    /// Where every certificate's name and identity number are in the ledger.
    pub(crate) index: &'a Index,
    pub(crate) onto: Onto,
}

/// Makes the next generation's layers and texts. Where nothing has changed since, the layers stay
/// what they are.
///
/// # Errors
///
/// [`CompileError`]. Blobs written before it stay in the store, named by their contents; nothing
/// refers to them.
pub(crate) fn grow(
    inputs: &Inputs<'_>,
    means: &Means,
    store: &Store,
    growth: &Growth<'_>,
) -> Result<Compiled, CompileError> {
    means
        .pool()?
        .install(|| grow_here(inputs, means, store, growth))
}

fn grow_here(
    inputs: &Inputs<'_>,
    means: &Means,
    store: &Store,
    growth: &Growth<'_>,
) -> Result<Compiled, CompileError> {
    let Growth {
        previous,
        index,
        onto,
    } = growth;
    let mut phases = Phases::start();
    let reading = read(inputs, means, (&previous.head(), previous.tables()?))?;
    phases.end("read");

    let Reading {
        tables,
        mut witnesses,
        sorter,
        ..
    } = reading;
    let changes = sorter.finish()?;
    let changed = changes.records();
    phases.end("sort");

    let before = Before {
        previous,
        ledger: inputs.ledger,
        index,
        key: inputs.key,
    };
    let layering = Layering {
        previous,
        store,
        means,
        changed,
    };
    let mut recount = Recount::of(&previous.texts, previous.manifest.counts);
    let folding = Folding::new(changes, Some(before));
    let newer = folding.map(|folded| told(folded?, &mut recount, &mut witnesses));
    let layers = layering.layers(*onto, inputs.key, newer)?;
    phases.end("layer");

    let tally = recount.finish();
    let (counts, coverage) = (tally.counts, tally.coverage.clone());
    let texts = texts::texts(inputs.registry, tables, tally)?.write(store)?;
    phases.end("texts");
    Ok(Compiled {
        layers,
        texts,
        counts,
        coverage,
        witnesses,
        phases: phases.ended,
    })
}

/// Counts a changed certificate, and remembers its row if it will be asked about.
fn told(
    folded: Folded,
    recount: &mut Recount,
    witnesses: &mut Witnesses,
) -> Result<Entry, CompileError> {
    let Folded { number, row, .. } = &folded;
    recount.replace(number, folded.before.as_ref(), row, folded.latest_review)?;
    if let Some(details) = &folded.details {
        witnesses.remember(number, Witness::of(details, None));
    }
    witnesses.expect(number, row);
    Ok(folded.into())
}

/// How a layer is put together.
struct Layering<'a> {
    previous: &'a Previous,
    store: &'a Store,
    means: &'a Means,
    /// Changes; not more than these certificates have changed.
    changed: u64,
}

impl<'a> Layering<'a> {
    /// The layers of the next generation; those that there are when nothing would change.
    fn layers(
        &self,
        onto: Onto,
        key: &LookupKey,
        newer: impl Iterator<Item = Result<Entry, CompileError>>,
    ) -> Result<Vec<LayerRef>, CompileError> {
        let is_whole = onto == Onto::Fresh || self.previous.fresh.is_none();
        let there = &self.previous.manifest.layers;
        Ok(match onto {
            _ if self.changed == 0 && is_whole => there.clone(),
            Onto::Fresh => {
                let fresh = self.fresh(newer)?.layer(LayerKind::Fresh, key);
                let base = there.last().cloned();
                [fresh].into_iter().chain(base).collect()
            }
            Onto::Base => vec![self.base(newer)?.layer(LayerKind::Base, key)],
        })
    }

    fn fresh(
        &self,
        newer: impl Iterator<Item = Result<Entry, CompileError>>,
    ) -> Result<Written, CompileError> {
        let mut writer = self.writer(self.fresh_most())?;
        for entry in self.over_fresh(newer) {
            writer.push(&entry?)?;
        }
        writer.finish(std::iter::empty())
    }

    fn base(
        &self,
        newer: impl Iterator<Item = Result<Entry, CompileError>>,
    ) -> Result<Written, CompileError> {
        let base = &self.previous.base;
        let writer = self.writer(base.certificates() + self.fresh_most())?;
        merge::onto_base(base, self.over_fresh(newer), writer, |_, row| Ok(row))
    }

    fn over_fresh<'n>(
        &self,
        newer: impl Iterator<Item = Result<Entry, CompileError>> + 'n,
    ) -> Overlay<'n>
    where
        'a: 'n,
    {
        Overlay::new(merge::entries(self.previous.fresh.as_ref()), newer)
    }

    /// Certificates of the fresh layer, at most.
    fn fresh_most(&self) -> u64 {
        let fresh = self.previous.fresh.as_ref();
        self.changed + fresh.map_or(0, PublishedLayer::certificates)
    }

    fn writer(&self, expected: u64) -> Result<LayerWriter<'a>, CompileError> {
        let most = self.fresh_most();
        let by_holder = Sorter::new(&self.means.spool, self.means.holders_bytes(), most);
        LayerWriter::new(self.store, by_holder, expected)
    }
}

impl From<Folded> for Entry {
    fn from(folded: Folded) -> Self {
        Self {
            number: folded.number,
            row: folded.row,
            holder: folded.holder,
        }
    }
}
