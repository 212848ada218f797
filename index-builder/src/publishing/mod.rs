//! Makes the state of the ledger the one that readers take.
//!
//! ```text
//! lock ─► live: what is there ─► plan: from what ─► compile: blobs ─► guard ─► trial: ask them
//!      ─► commit: manifest, then channel entry
//! ```
//!
//! Until the channel entry exists, nothing has changed for anybody; whatever fails before it
//! leaves files that nobody refers to. A guard that finds the new register suspicious, or a trial
//! that finds a wrong answer, ends it: better yesterday's register than a wrong one.

mod commit;
mod guard;
mod keys;
mod live;
mod plan;
mod point;
mod report;
mod trial;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

use std::time::Instant;

use certificate::NORMALISATION_VERSION;
use jiff::Timestamp;
use snapshot::signed::Document;
use snapshot::{
    Channel, ChannelEntry, DocumentError, LedgerHead, Manifest, Origin, Publication, PublishId,
    PublishLock, Signed, Store, StoreError, layout,
};

use crate::compile::{self, Compiled, Inputs, Means};
use crate::failure::Failure;
use crate::ledger::{Head, Index, Ledger};
use crate::registry::Registry;

pub(crate) use guard::{Guard, Guards, is_contained};
pub(crate) use keys::{Keys, publishers};
pub(crate) use plan::Layer;
use plan::Plan;
pub(crate) use point::Pointing;
pub(crate) use report::Report;
use report::{Outcome, Seconds};

/// What is to be published, where and how.
pub(crate) struct Order<'a> {
    /// Taken before registry, ledger and clock were read, so that nobody publishes newer ones
    /// between.
    pub(crate) lock: &'a PublishLock,
    pub(crate) registry: &'a Registry,
    pub(crate) ledger: &'a Ledger,
    pub(crate) index: &'a Index,
    pub(crate) keys: &'a Keys,
    pub(crate) store: &'a Store,
    pub(crate) channel: &'a Channel,
    /// Which layer to write; with [`Layer::Base`] even when nothing is new.
    pub(crate) layer: Layer,
    /// The epoch to begin with, above all that readers may have seen: for a store that was
    /// restored from an older copy.
    pub(crate) first_epoch: Option<u64>,
    /// Whether a generation that `point` made may be left: a person asks for it.
    pub(crate) may_leave_pointed: bool,
    pub(crate) guards: Guards,
    pub(crate) means: &'a Means,
    pub(crate) now: Timestamp,
}

/// Publishes, if there is anything new; see the module.
///
/// # Errors
///
/// [`Failure`]: somebody else is publishing, a guard refuses, or something cannot be read or
/// written. Nothing is published then.
pub(crate) fn publish(order: &Order<'_>) -> Result<Report, Failure> {
    // First of all: a killed writer may have made its publication live, and then nothing is new.
    order.store.clear_staging(order.lock)?;
    let live = live::read(order)?;
    if !order.may_leave_pointed {
        live.as_ref().map_or(Ok(()), refuse_pointed)?;
    }
    // A wrong beginning is told before anything is compiled.
    epoch(order, live.as_ref())?;
    let mut guards = order.guards.clone();
    let mut goes_on = false;
    if let Some(live) = &live {
        goes_on = guards.ledger(&live.manifest().ledger, order.ledger)?;
        if order.layer != Layer::Base && live::is_current(live.manifest(), order) {
            match live::is_fresh(live.entry(), order.now) {
                // Another beginning is asked for: a generation of its own, above those known.
                _ if order.first_epoch.is_some() => {}
                true => return Ok(Report::new(Outcome::Unchanged, live)),
                false => return renew(order, live),
            }
        }
        if goes_on {
            guards.rejections(
                &order
                    .ledger
                    .summaries_after(live.manifest().ledger.batches)?,
            )?;
        }
    }
    let run = Run {
        order,
        live: live.as_ref(),
    };
    run.build(guards, goes_on)
}

/// What somebody pointed to, only somebody may leave.
///
/// # Errors
///
/// [`Failure::Refused`].
pub(crate) fn refuse_pointed(live: &Publication) -> Result<(), Failure> {
    match live.manifest().pointed {
        None => Ok(()),
        Some(_) => Err(Failure::Refused(format!(
            "generation {} is live because somebody pointed to older rows; watch does not publish \
             over it; run index-builder publish to move on, then watch again",
            live.manifest().generation
        ))),
    }
}

/// A new epoch on the live generation: it says that somebody still looks after it.
fn renew(order: &Order<'_>, live: &Publication) -> Result<Report, Failure> {
    let publication = publication(
        order,
        Some(live),
        live.manifest().clone(),
        (PublishId::random(), Vec::new()),
    )?;
    commit::entry(order.store, publication.entry())?;
    Ok(Report::new(Outcome::Renewed, &publication))
}

/// A run that makes a new generation.
struct Run<'a> {
    order: &'a Order<'a>,
    live: Option<&'a Publication>,
}

impl Run<'_> {
    /// Makes it. `goes_on` says whether the ledger contains what is live.
    fn build(&self, mut guards: Guards, goes_on: bool) -> Result<Report, Failure> {
        let order = self.order;
        let began = Instant::now();
        let plan = self.plan(goes_on)?;
        let opened = began.elapsed();
        let compiled = self.compile(&plan)?;
        let mut seconds = Seconds::default();
        seconds.push("open", opened);
        seconds.extend(&compiled.phases);
        if let Some(live) = self.live {
            let texts = guard::live_texts(order, live)?;
            guards.register(live, texts.as_ref(), &compiled)?;
        }
        let publish_id = PublishId::random();
        let manifest = self.manifest(&plan, &compiled, publish_id)?;
        let manifest = sign(order.keys, order.store, manifest)?;
        let made = (publish_id, guards.overrides());
        let publication = publication(order, self.live, manifest, made)?;

        let began = Instant::now();
        let asked = self.ask(publication.clone(), &plan, &compiled.witnesses)?;
        seconds.push("trial", began.elapsed());

        let began = Instant::now();
        commit::manifest(order.store, publication.manifest())?;
        commit::entry(order.store, publication.entry())?;
        seconds.push("commit", began.elapsed());
        Ok(Report::of_build(&publication, Some(asked), seconds))
    }

    fn plan(&self, goes_on: bool) -> Result<Plan<'_>, Failure> {
        let live = self.live.filter(|_| goes_on);
        let previous = live.map(|live| live::to_go_on_from(self.order, live));
        let previous = previous.transpose()?.flatten();
        plan::choose(self.order, previous.as_ref())
    }

    fn compile(&self, plan: &Plan<'_>) -> Result<Compiled, Failure> {
        let Order { means, store, .. } = self.order;
        let inputs = Inputs {
            ledger: self.order.ledger,
            registry: self.order.registry,
            key: &self.order.keys.lookup,
        };
        Ok(match plan {
            Plan::Ledger => compile::compile(&inputs, means, store)?,
            Plan::Grow(growth) => compile::grow(&inputs, means, store, growth)?,
        })
    }

    fn manifest(
        &self,
        plan: &Plan<'_>,
        compiled: &Compiled,
        publish_id: PublishId,
    ) -> Result<Manifest, Failure> {
        let order = self.order;
        let next = order.store.next_generation()?;
        Ok(Manifest {
            format: layout::FORMAT,
            generation: next.max(order.first_epoch.unwrap_or(0)),
            publish_id,
            created_at: order.now,
            normalisation: NORMALISATION_VERSION,
            layers: compiled.layers.clone(),
            texts: compiled.texts,
            counts: compiled.counts,
            ledger: ledger_head(order.ledger.head()),
            registry: order.registry.digest(),
            base: base(plan, compiled),
            pointed: None,
        })
    }
}

/// Where the base comes from, when it is an earlier generation's.
fn base(plan: &Plan<'_>, compiled: &Compiled) -> Option<Origin> {
    match plan {
        Plan::Grow(growth) => {
            let previous = &growth.previous.manifest;
            let is_theirs = previous.layers.last() == compiled.layers.last();
            is_theirs.then(|| plan::origin(previous))
        }
        Plan::Ledger => None,
    }
}

/// A manifest with the channel entry that will make it live; nothing is written.
fn publication(
    order: &Order<'_>,
    live: Option<&Publication>,
    manifest: Signed<Manifest>,
    (publish_id, overrides): (PublishId, Vec<String>),
) -> Result<Publication, Failure> {
    let entry = ChannelEntry {
        format: layout::FORMAT,
        channel: order.channel.clone(),
        epoch: epoch(order, live)?,
        generation: manifest.generation,
        manifest: *manifest.digest(),
        published_at: order.now,
        publish_id,
        reason: "publish".to_owned(),
        overrides,
    };
    let entry = sign(order.keys, order.store, entry)?;
    Publication::new(entry, manifest).map_err(|source| refused(order.store, source))
}

/// The epoch that comes next.
fn epoch(order: &Order<'_>, live: Option<&Publication>) -> Result<u64, Failure> {
    let last = live.map_or(0, |live| live.entry().epoch);
    match order.first_epoch {
        Some(first) if first <= last => Err(Failure::Usage(format!(
            "--first-epoch {first} is not above epoch {last}, which the channel has reached"
        ))),
        Some(first) => Ok(first),
        None => Ok(last.checked_add(1).ok_or(StoreError::Exhausted(last))?),
    }
}

fn sign<T: Document>(keys: &Keys, store: &Store, document: T) -> Result<Signed<T>, Failure> {
    let signed = keys.publisher.sign(document);
    signed.map_err(|source| refused(store, source))
}

fn refused(store: &Store, source: DocumentError) -> Failure {
    Failure::Store(StoreError::Document {
        path: store.root().to_owned(),
        source,
    })
}

/// The head of a ledger as a manifest spells it.
pub(crate) fn ledger_head(head: Head) -> LedgerHead {
    LedgerHead {
        head: head.digest,
        batches: head.batches,
        rows: head.rows,
    }
}
