//! What is live now, and whether anything is new since.

use jiff::{SignedDuration, Timestamp};
use snapshot::{ChannelEntry, Manifest, Publication};

use super::plan::is_made_with;
use super::{Order, ledger_head};
use crate::failure::Failure;

/// A live entry older than this is renewed although nothing is new, so that a reader can tell
/// "nothing happened" from "nobody publishes any more".
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// The newest entry of the channel with its manifest; `None` when nothing was published yet.
pub(super) fn read(order: &Order<'_>) -> Result<Option<Publication>, Failure> {
    let Some(epoch) = order.store.epochs(order.channel)?.last().copied() else {
        return Ok(None);
    };
    let publishers = &order.keys.publishers;
    Ok(order
        .store
        .read_publication(order.channel, epoch, publishers)?)
}

/// Whether a new generation would hold what this one holds.
pub(super) fn is_current(manifest: &Manifest, order: &Order<'_>) -> bool {
    manifest.ledger == ledger_head(order.ledger.head())
        && manifest.registry == order.registry.digest()
        && is_made_with(manifest, order.keys.lookup.id())
        && manifest.pointed.is_none()
}

/// Whether an entry need not be renewed yet. One from the future was written by a clock that was
/// wrong, and nobody could see it grow old.
pub(super) fn is_fresh(entry: &ChannelEntry, now: Timestamp) -> bool {
    now.duration_since(entry.published_at).abs() <= FRESH
}

/// The generation that the next one goes on from: the live one, or, when `point` made that, the
/// one whose states it shows, which followed the ledger.
pub(super) fn to_go_on_from(
    order: &Order<'_>,
    live: &Publication,
) -> Result<Option<Manifest>, Failure> {
    let Some(pointed) = live.manifest().pointed else {
        return Ok(Some(Manifest::clone(live.manifest())));
    };
    let publishers = &order.keys.publishers;
    let manifest = order.store.read_manifest(pointed.states_of, publishers)?;
    Ok(manifest.map(|manifest| Manifest::clone(&manifest)))
}
