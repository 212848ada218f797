//! `show`: what is in a store, without reading its blobs.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use snapshot::{Channel, Manifest, Store, StoreError};

use super::{Context, existing_store, print, store_directory};
use crate::failure::{Exit, Failure};
use crate::sizes::{Sizes, grouped};

/// The channel whose generation is shown when nobody says which, if there is one.
const USUAL: &str = "stable";

/// Show what a store holds: generations, epochs, layers, counts and sizes.
///
/// Nothing is checked but the form of the documents; verify does that.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store, a directory or a file:// URL.
    #[arg(long, value_name = "URL", value_parser = store_directory)]
    store: PathBuf,

    /// Show this generation; without it the live one, or the newest when none is live.
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
}

/// The newest entry of a channel.
struct Live {
    channel: Channel,
    first_epoch: u64,
    epoch: u64,
    epochs: u64,
    generation: u64,
    published_at: Timestamp,
    reason: String,
}

/// What is told.
struct Overview {
    generations: Vec<u64>,
    channels: Vec<Live>,
    manifest: Manifest,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let overview = look(&existing_store(&args.store)?, args.generation)?;
    match context.json {
        true => print(&format!("{}\n", overview.json()))?,
        false => print(&overview.text())?,
    }
    Ok(Exit::Done)
}

fn look(store: &Store, asked: Option<u64>) -> Result<Overview, Failure> {
    let generations = store.generations()?;
    let channels = live(store)?;
    let usual = channels.iter().find(|live| live.channel.as_str() == USUAL);
    let live = usual.or(channels.first()).map(|live| live.generation);
    let chosen = asked.or(live).or(generations.last().copied());
    let Some(generation) = chosen else {
        let store = store.root().display();
        return Err(Failure::Input(format!(
            "{store} has no generation; publish first"
        )));
    };
    let manifest = store.read_manifest_unverified(generation)?;
    let Some(manifest) = manifest else {
        return Err(Failure::Input(format!(
            "{} has no generation {generation}; it has {}",
            store.root().display(),
            range(&generations)
        )));
    };
    Ok(Overview {
        generations,
        channels,
        manifest,
    })
}

/// What is live on each channel, in the order of their names.
fn live(store: &Store) -> Result<Vec<Live>, StoreError> {
    let mut channels = store.channels()?;
    channels.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    let mut live = Vec::with_capacity(channels.len());
    for channel in channels {
        let epochs = store.epochs(&channel)?;
        let (Some(&first_epoch), Some(&epoch)) = (epochs.first(), epochs.last()) else {
            continue;
        };
        if let Some(entry) = store.read_channel_entry_unverified(&channel, epoch)? {
            live.push(Live {
                channel,
                first_epoch,
                epoch,
                epochs: epochs.len() as u64,
                generation: entry.generation,
                published_at: entry.published_at,
                reason: entry.reason,
            });
        }
    }
    Ok(live)
}

impl Overview {
    fn json(&self) -> Value {
        let manifest = &self.manifest;
        let channel = |live: &Live| {
            json!({
                "channel": live.channel,
                "first_epoch": live.first_epoch,
                "epoch": live.epoch,
                "epochs": live.epochs,
                "generation": live.generation,
                "published_at": live.published_at,
                "reason": live.reason,
            })
        };
        let sizes = Sizes::of(manifest);
        json!({
            "generations": self.generations,
            "channels": self.channels.iter().map(channel).collect::<Vec<_>>(),
            "generation": {
                "generation": manifest.generation,
                "created_at": manifest.created_at,
                "certificates": manifest.counts.certificates,
                "withdrawn": manifest.counts.withdrawn,
                "institutions": manifest.counts.institutions,
                "ledger": manifest.ledger,
                "registry": manifest.registry,
                "layers": manifest.layers,
                "texts": manifest.texts,
                "bytes": sizes,
                "bytes_per_certificate": sizes.per_certificate(manifest.counts.certificates),
            },
        })
    }

    fn text(&self) -> String {
        let Self {
            generations,
            channels,
            manifest,
        } = self;
        let mut text = format!("generations {}\n", range(generations));
        for live in channels {
            text += &format!(
                "channel {}: generation {} is live since {} as epoch {} ({}; epochs from {})\n",
                live.channel,
                live.generation,
                live.published_at,
                live.epoch,
                live.reason,
                live.first_epoch
            );
        }
        let counts = &manifest.counts;
        text += &format!(
            "generation {}, made {}: {} certificates of {} institutions, {} of them withdrawn; \
             ledger of {} batches, {} rows\n",
            manifest.generation,
            manifest.created_at,
            grouped(counts.certificates),
            grouped(counts.institutions),
            grouped(counts.withdrawn),
            grouped(manifest.ledger.batches),
            grouped(manifest.ledger.rows),
        );
        for layer in &manifest.layers {
            text += &format!(
                "  {} layer: {} certificates, look-up key {}\n",
                layer.kind.name(),
                grouped(layer.certificates),
                layer.key_id
            );
        }
        text + &Sizes::of(manifest).text(counts.certificates)
    }
}

/// How many and which, without listing thousands.
fn range(generations: &[u64]) -> String {
    match generations {
        [] => "none".to_owned(),
        [only] => only.to_string(),
        [first, .., last] => format!("{first} to {last} ({})", generations.len()),
    }
}
