//! What is live now, and whether the ledger at hand may go on from it.

use jiff::{SignedDuration, Timestamp};
use snapshot::{ChannelEntry, LedgerHead, Manifest, Publication};

use super::{Order, ledger_head};
use crate::failure::Failure;
use crate::ledger::{Ledger, LedgerError};

/// A live entry older than this is renewed although nothing is new, so that a reader can tell
/// "nothing happened" from "nobody publishes any more".
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// The newest entry of the channel with its manifest; `None` when nothing was published yet.
pub(super) fn read(order: &Order<'_>) -> Result<Option<Publication>, Failure> {
    let Some(epoch) = order.store.epochs(order.channel)?.last().copied() else {
        return Ok(None);
    };
    let publishers = order.keys.publishers();
    Ok(order
        .store
        .read_publication(order.channel, epoch, &publishers)?)
}

/// Whether a new generation would hold what this one holds.
pub(super) fn is_current(manifest: &Manifest, order: &Order<'_>) -> bool {
    manifest.ledger == ledger_head(order.ledger.head())
        && manifest.registry == order.registry.digest()
        && manifest
            .layers
            .iter()
            .all(|layer| layer.key_id == order.keys.lookup.id())
}

/// Whether an entry need not be renewed yet.
pub(super) fn is_fresh(entry: &ChannelEntry, now: Timestamp) -> bool {
    now.duration_since(entry.published_at) <= FRESH
}

/// A guard: the published changes must be the beginning of this ledger, or readers would see
/// certificates vanish and sequences change their meaning.
pub(super) fn refuse_another_ledger(live: &LedgerHead, ledger: &Ledger) -> Result<(), Failure> {
    if is_contained(live, ledger)? {
        return Ok(());
    }
    let ours = ledger.head();
    Err(Failure::Refused(format!(
        "the live generation was made from a ledger of {} batches whose last one has digest {}; \
         the ledger given, of {} batches, does not contain it; give the ledger that was published",
        live.batches, live.head, ours.batches
    )))
}

/// Whether a ledger went through this head. Each digest chains all batches before it, so one
/// comparison is enough.
pub(crate) fn is_contained(live: &LedgerHead, ledger: &Ledger) -> Result<bool, LedgerError> {
    if live.batches == 0 {
        return Ok(live.rows == 0);
    }
    let summary = ledger.summary(live.batches)?;
    Ok(summary.is_some_and(|batch| batch.digest == live.head && batch.last_sequence == live.rows))
}
