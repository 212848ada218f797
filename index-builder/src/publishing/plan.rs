//! How the next generation is made: from the whole ledger, or from an earlier generation.

use certificate::KeyId;
use jiff::SignedDuration;
use snapshot::{LayerKind, Manifest, Origin, Texts, Trust};

use super::Order;
use crate::compile::{CompileError, Growth, Onto, Previous};
use crate::failure::Failure;
use crate::ledger::LedgerError;

/// A fresh layer of more than one certificate for so many of the base gives way to a new base.
const BASE_A_FRESH: u64 = 20;

/// A base gives way to a new one when it is older and anything has changed since.
const BASE_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Which layer an operator asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layer {
    /// A fresh one while it is small and the base young, else a new base made from both.
    Auto,
    /// A fresh one.
    Fresh,
    /// A base from the whole ledger.
    Base,
}

/// How it is made.
pub(super) enum Plan<'a> {
    /// From the whole ledger.
    Ledger,
    /// From an earlier generation and the changes after it.
    Grow(Box<Growth<'a>>),
}

/// Chooses. `previous` is the generation to go on from; `None` when there is none, or the ledger
/// does not go on from it.
///
/// # Errors
///
/// When a fresh layer is asked for and there is nothing to put it on, or when the earlier
/// generation's layers are damaged.
pub(super) fn choose<'a>(
    order: &Order<'a>,
    previous: Option<&Manifest>,
) -> Result<Plan<'a>, Failure> {
    let whole = |why: &str| match order.layer {
        Layer::Fresh => Err(Failure::Usage(format!(
            "a fresh layer cannot be made: {why}; publish with --layer auto or base"
        ))),
        Layer::Auto | Layer::Base => Ok(Plan::Ledger),
    };
    let Some(manifest) = previous else {
        return whole("there is no generation to go on from");
    };
    if order.layer == Layer::Base {
        return Ok(Plan::Ledger);
    }
    let key_id = order.keys.lookup.id();
    if !is_made_with(manifest, key_id) {
        return whole("the live base was made with another look-up key");
    }
    if !order.ledger.is_covered_by(order.index) {
        return match order.layer {
            // Not for good, so it is no wrong usage.
            Layer::Fresh => Err(LedgerError::Unindexed.into()),
            Layer::Auto | Layer::Base => Ok(Plan::Ledger),
        };
    }
    let onto = onto(order, manifest);
    let base = match onto {
        Onto::Fresh => Trust::Checksums,
        Onto::Base => Trust::Digests,
    };
    let key = &order.keys.lookup;
    let texts = Texts::read(order.store, &manifest.texts)?;
    let previous = Previous::open(order.store, order.lock, manifest.clone(), texts, key, base);
    match previous.map_err(CompileError::from)? {
        Some(previous) => Ok(Plan::Grow(Box::new(Growth {
            previous,
            index: order.index,
            onto,
        }))),
        None => whole("the live generation was made by the first release"),
    }
}

fn onto(order: &Order<'_>, manifest: &Manifest) -> Onto {
    let changes = order.ledger.head().rows - manifest.ledger.rows;
    let rows = |kind| {
        let layers = manifest.layers.iter().filter(|layer| layer.kind == kind);
        layers.map(|layer| layer.certificates).sum::<u64>()
    };
    let fresh = rows(LayerKind::Fresh) + changes;
    let is_large = fresh * BASE_A_FRESH > rows(LayerKind::Base);
    // In either direction: a clock that was wrong once must not keep a base for ever.
    let age = order.now.duration_since(origin(manifest).created_at);
    let is_old = age.abs() > BASE_AGE;
    match order.layer == Layer::Auto && fresh > 0 && (is_large || is_old) {
        true => Onto::Base,
        false => Onto::Fresh,
    }
}

/// The generation that wrote the base of this one.
pub(super) fn origin(manifest: &Manifest) -> Origin {
    manifest.base.unwrap_or(Origin {
        generation: manifest.generation,
        created_at: manifest.created_at,
    })
}

/// Whether every layer was made with this look-up key.
pub(super) fn is_made_with(manifest: &Manifest, key_id: KeyId) -> bool {
    manifest.layers.iter().all(|layer| layer.key_id == key_id)
}
