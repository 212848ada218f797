//! Makes the state of the ledger the one that readers take.
//!
//! ```text
//! lock ─► live: what is there, may it go on ─► compile: blobs ─► trial: ask them
//!      ─► commit: manifest, then channel entry
//! ```
//!
//! Until the channel entry exists, nothing has changed for anybody; whatever fails before it
//! leaves files that nobody refers to. A trial that finds a wrong answer ends it: better
//! yesterday's register than a wrong one.

mod commit;
mod live;
mod report;
mod trial;

#[cfg(test)]
mod tests;

use std::time::Instant;

use certificate::{LookupKey, NORMALISATION_VERSION};
use jiff::Timestamp;
use snapshot::signed::Document;
use snapshot::{
    Channel, ChannelEntry, DocumentError, LedgerHead, Manifest, Publication, PublishId, Publisher,
    PublisherKeys, Signed, Store, StoreError, layout,
};

use crate::compile::{self, Compiled, Inputs, Means};
use crate::failure::Failure;
use crate::ledger::{Head, Ledger};
use crate::registry::Registry;

pub(crate) use live::is_contained;
pub(crate) use report::Report;
use report::{Outcome, Seconds};

/// The keys that publishing needs.
pub(crate) struct Keys {
    pub(crate) lookup: LookupKey,
    pub(crate) publisher: Publisher,
}

/// What is to be published, where and how.
pub(crate) struct Order<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) ledger: &'a Ledger,
    pub(crate) keys: &'a Keys,
    pub(crate) store: &'a Store,
    pub(crate) channel: &'a Channel,
    /// Write a new generation even when nothing is new.
    pub(crate) always: bool,
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
    let lock = order.store.lock()?;
    let live = live::read(order)?;
    if let Some(live) = &live {
        live::refuse_another_ledger(&live.manifest().ledger, order.ledger)?;
        if !order.always && live::is_current(live.manifest(), order) {
            return match live::is_fresh(live.entry(), order.now) {
                true => Ok(Report::new(Outcome::Unchanged, live)),
                false => renew(order, live),
            };
        }
    }
    order.store.clear_staging(&lock)?;
    build(order, live.as_ref())
}

/// A new epoch on the live generation: it says that somebody still looks after it.
fn renew(order: &Order<'_>, live: &Publication) -> Result<Report, Failure> {
    let publication = publication(
        order,
        Some(live),
        live.manifest().clone(),
        PublishId::random(),
    )?;
    commit::entry(order.store, publication.entry())?;
    Ok(Report::new(Outcome::Renewed, &publication))
}

/// A new generation.
fn build(order: &Order<'_>, live: Option<&Publication>) -> Result<Report, Failure> {
    let inputs = Inputs {
        ledger: order.ledger,
        registry: order.registry,
        key: &order.keys.lookup,
    };
    let compiled = compile::compile(&inputs, order.means, order.store)?;
    let mut seconds = Seconds::of(&compiled.phases);
    let publish_id = PublishId::random();
    let manifest = sign(order, manifest(order, &compiled, publish_id)?)?;
    let publication = publication(order, live, manifest, publish_id)?;

    let began = Instant::now();
    let asked = trial::ask(order, publication.clone(), &compiled.witnesses)?;
    seconds.push("trial", began.elapsed());

    let began = Instant::now();
    commit::manifest(order.store, publication.manifest())?;
    commit::entry(order.store, publication.entry())?;
    seconds.push("commit", began.elapsed());
    Ok(Report::of_build(&publication, asked, seconds))
}

fn manifest(
    order: &Order<'_>,
    compiled: &Compiled,
    publish_id: PublishId,
) -> Result<Manifest, Failure> {
    Ok(Manifest {
        format: layout::FORMAT,
        generation: order.store.next_generation()?,
        publish_id,
        created_at: order.now,
        normalisation: NORMALISATION_VERSION,
        layers: vec![compiled.layer.clone()],
        texts: compiled.texts,
        counts: compiled.counts,
        ledger: ledger_head(order.ledger.head()),
        registry: order.registry.digest(),
        base: None,
        pointed: None,
    })
}

/// A manifest with the channel entry that will make it live; nothing is written.
fn publication(
    order: &Order<'_>,
    live: Option<&Publication>,
    manifest: Signed<Manifest>,
    publish_id: PublishId,
) -> Result<Publication, Failure> {
    let last = live.map_or(0, |live| live.entry().epoch);
    let entry = ChannelEntry {
        format: layout::FORMAT,
        channel: order.channel.clone(),
        epoch: last.checked_add(1).ok_or(StoreError::Exhausted(last))?,
        generation: manifest.generation,
        manifest: *manifest.digest(),
        published_at: order.now,
        publish_id,
        reason: "publish".to_owned(),
        overrides: Vec::new(),
    };
    Publication::new(sign(order, entry)?, manifest).map_err(|source| refused(order, source))
}

fn sign<T: Document>(order: &Order<'_>, document: T) -> Result<Signed<T>, Failure> {
    let signed = order.keys.publisher.sign(document);
    signed.map_err(|source| refused(order, source))
}

fn refused(order: &Order<'_>, source: DocumentError) -> Failure {
    Failure::Store(StoreError::Document {
        path: order.store.root().to_owned(),
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

impl Keys {
    /// What this publisher has signed is believed.
    pub(crate) fn publishers(&self) -> PublisherKeys {
        PublisherKeys::new(vec![self.publisher.public().clone()])
    }
}
