//! The two files that make a generation live, each created once.
//!
//! A create that finds the name taken has either lost a race or only lost the reply of its own
//! earlier try (object storage and network file systems do that); the publish id tells which.

use snapshot::{ChannelEntry, Manifest, Outcome, PublishId, Signed, Store, StoreError};

use crate::failure::Failure;

/// Creates the manifest. Readers do not look at it before an entry names it.
pub(super) fn manifest(store: &Store, manifest: &Signed<Manifest>) -> Result<(), Failure> {
    let outcome = store.create_manifest(manifest)?;
    settle(store, outcome, manifest.publish_id, || {
        let existing = store.read_manifest_unverified(manifest.generation)?;
        Ok(existing.map(|existing| existing.publish_id))
    })
}

/// Creates the channel entry: from here on it is published.
pub(super) fn entry(store: &Store, entry: &Signed<ChannelEntry>) -> Result<(), Failure> {
    let outcome = store.create_channel_entry(entry)?;
    settle(store, outcome, entry.publish_id, || {
        let existing = store.read_channel_entry_unverified(&entry.channel, entry.epoch)?;
        Ok(existing.map(|existing| existing.publish_id))
    })
}

fn settle(
    store: &Store,
    outcome: Outcome,
    ours: PublishId,
    existing: impl FnOnce() -> Result<Option<PublishId>, StoreError>,
) -> Result<(), Failure> {
    match outcome {
        Outcome::Created => Ok(()),
        Outcome::AlreadyExists if existing()? == Some(ours) => Ok(()),
        Outcome::AlreadyExists => Err(Failure::Store(StoreError::Busy {
            path: store.root().to_owned(),
        })),
    }
}
