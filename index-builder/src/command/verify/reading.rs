//! The reading of `verify`: documents, then blobs, then the ledger, then what lies about.

use std::io;
use std::path::Path;

use snapshot::verify::{self, Verified};
use snapshot::{ChannelEntry, Digest, Manifest, PublisherKeys, Store, keyfile, layout};

use super::damage::{self, Damage, Stop};
use super::{Args, Seen, leftovers};
use crate::command::existing_store;
use crate::failure::Failure;
use crate::ledger::{Head, Ledger};
use crate::progress::Progress;
use crate::publishing::{is_contained, publishers};

/// Progress is told in steps of this.
const STEP_BYTES: u64 = 1 << 20;

/// Reads all that the arguments name, up to the first damage; `seen` says how far it came.
pub(super) fn read_everything(args: &Args, seen: &mut Seen) -> Result<(), Stop> {
    let publishers = args.keys.as_deref().map(publishers).transpose()?;
    let store = existing_store(&args.store)?;
    let manifests = read_manifests(&store, publishers.as_ref())?;
    seen.generations = manifests.len() as u64;
    let live = read_entries(&store, publishers.as_ref(), seen)?;
    read_blobs(&store, &manifests, seen)?;
    let live: Vec<&Manifest> = manifests
        .iter()
        .filter(|manifest| live.contains(&manifest.generation))
        .collect();
    if let Some(keys) = &args.keys {
        check_lookup_key(keys, &live, seen)?;
    }
    if let Some(dir) = &args.ledger {
        check_ledger(dir, &live, seen)?;
    }
    seen.notices.extend(leftovers::notices(&store, &manifests)?);
    Ok(())
}

/// Every manifest, whether or not an entry names it.
fn read_manifests(
    store: &Store,
    publishers: Option<&PublisherKeys>,
) -> Result<Vec<Manifest>, Stop> {
    let generations = store.generations().map_err(Stop::store)?;
    if generations.is_empty() {
        let line = format!(
            "{} has no generation; publish first",
            store.root().display()
        );
        return Err(Stop::Failure(Failure::Input(line)));
    }
    let mut manifests = Vec::with_capacity(generations.len());
    for generation in generations {
        let read = match publishers {
            Some(publishers) => store
                .read_manifest(generation, publishers)
                .map(|signed| signed.map(|signed| Manifest::clone(&signed))),
            None => store.read_manifest_unverified(generation),
        };
        manifests.extend(read.map_err(Stop::store)?);
    }
    Ok(manifests)
}

/// Every entry of every channel, each with the digest of the manifest that it names. Returns the
/// generations that are live.
fn read_entries(
    store: &Store,
    publishers: Option<&PublisherKeys>,
    seen: &mut Seen,
) -> Result<Vec<u64>, Stop> {
    let mut live = Vec::new();
    for channel in store.channels().map_err(Stop::store)? {
        let mut newest = None;
        for epoch in store.epochs(&channel).map_err(Stop::store)? {
            let read = match publishers {
                Some(publishers) => store
                    .read_channel_entry(&channel, epoch, publishers)
                    .map(|signed| signed.map(|signed| ChannelEntry::clone(&signed))),
                None => store.read_channel_entry_unverified(&channel, epoch),
            };
            let Some(entry) = read.map_err(Stop::store)? else {
                continue;
            };
            if !check_named_manifest(store, &entry)? {
                seen.swept_entries += 1;
            }
            seen.entries += 1;
            newest = Some(entry);
        }
        if let Some(newest) = newest {
            expect_live_manifest(store, &newest)?;
            live.push(newest.generation);
        }
    }
    Ok(live)
}

/// Whether the manifest that an entry names is there; if it is, it has to be the one meant. `gc`
/// sweeps manifests and never entries.
fn check_named_manifest(store: &Store, entry: &ChannelEntry) -> Result<bool, Stop> {
    let path = store.root().join(layout::manifest(entry.generation));
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        bytes => bytes.map_err(|source| Failure::Io {
            doing: "read",
            path: path.clone(),
            source,
        })?,
    };
    if Digest::of(&bytes) == entry.manifest {
        return Ok(true);
    }
    Err(Stop::Damage(Damage {
        file: path,
        offset_bytes: 0,
        problem: format!("epoch {} names another manifest", entry.epoch),
        advice: damage::DOCUMENT,
    }))
}

/// What is live is never swept.
fn expect_live_manifest(store: &Store, newest: &ChannelEntry) -> Result<(), Stop> {
    let file = store.root().join(layout::manifest(newest.generation));
    if file.exists() {
        return Ok(());
    }
    let ChannelEntry { epoch, channel, .. } = newest;
    Err(Stop::Damage(Damage {
        file,
        offset_bytes: 0,
        problem: format!("it is not there, and epoch {epoch} of {channel} makes it live"),
        advice: damage::DOCUMENT,
    }))
}

/// The blobs of every generation; those that an earlier one has in the same places once.
fn read_blobs(store: &Store, manifests: &[Manifest], seen: &mut Seen) -> Result<(), Stop> {
    let mut fresh: Vec<&Manifest> = Vec::new();
    for manifest in manifests {
        let same = |other: &&Manifest| {
            (&other.layers, &other.texts, &other.counts)
                == (&manifest.layers, &manifest.texts, &manifest.counts)
        };
        if !fresh.iter().any(same) {
            fresh.push(manifest);
        }
    }
    let blobs = fresh.iter().flat_map(|manifest| manifest.blobs());
    let mut progress = Progress::bytes("verifying", blobs.map(|blob| blob.bytes).sum());
    let mut passed = 0;
    let mut told = |bytes: u64| {
        passed += bytes;
        if passed >= STEP_BYTES {
            progress.advance(std::mem::take(&mut passed));
        }
    };
    for manifest in fresh {
        let Verified { blobs, bytes, rows } =
            verify::generation(store, manifest, &mut told).map_err(Stop::verify)?;
        seen.blobs += blobs;
        seen.bytes += bytes;
        seen.rows += rows;
    }
    Ok(())
}

/// Servers with this key can answer from what is live.
fn check_lookup_key(keys: &Path, live: &[&Manifest], seen: &mut Seen) -> Result<(), Failure> {
    let path = keys.join(layout::LOOKUP_KEY);
    if !path.exists() {
        let notice = format!("{} is not there, so it was not compared", path.display());
        seen.notices.push(notice);
        return Ok(());
    }
    let id = keyfile::read_lookup(&path)?.id();
    let layers = live.iter().flat_map(|manifest| &manifest.layers);
    match layers
        .map(|layer| layer.key_id)
        .find(|key_id| *key_id != id)
    {
        None => Ok(()),
        Some(key_id) => Err(Failure::Input(format!(
            "{} is key {id}, what is live was made with {key_id}; give that key or publish with \
             this one",
            path.display()
        ))),
    }
}

fn check_ledger(dir: &Path, live: &[&Manifest], seen: &mut Seen) -> Result<(), Failure> {
    let ledger = Ledger::open_existing(dir)?;
    let mut progress = Progress::bytes("verifying the ledger", ledger.bytes_after(&Head::empty())?);
    let head = ledger.verify(|bytes| progress.advance(bytes))?;
    seen.ledger_rows = Some(head.rows);
    for manifest in live {
        let published = &manifest.ledger;
        if !is_contained(published, &ledger)? {
            return Err(Failure::Input(format!(
                "generation {} was made from another ledger than {}: its head {} is not in it",
                manifest.generation,
                dir.display(),
                published.head
            )));
        }
        if published.rows < head.rows {
            seen.notices.push(format!(
                "generation {} lacks the last {} rows of the ledger; publish them",
                manifest.generation,
                head.rows - published.rows
            ));
        }
    }
    Ok(())
}
