//! `point`: makes an earlier generation live again, with what was withdrawn since still withdrawn.

use std::path::PathBuf;

use snapshot::{Channel, layout};

use super::publish::{channel, memory_bytes};
use super::{Context, existing_store, print, store_directory};
use crate::compile::Means;
use crate::failure::{Exit, Failure};
use crate::publishing::{Keys, Pointing};

/// A reason is shown by `show` and read by people.
const REASON_CHARACTERS_MOST: usize = 200;

/// Go back to an earlier generation, or forward again.
///
/// Writes a new generation from the rows of the old one, under a new epoch. Status, its date and
/// its reason are those of the newest published state, so nothing that was withdrawn since becomes
/// valid again; certificates issued since are absent. The ledger is not touched: correct what is
/// wrong by a batch, then `publish`, which moves on. `watch` publishes nothing until that was done.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store, a directory or a file:// URL.
    #[arg(long, value_name = "URL", value_parser = store_directory)]
    store: PathBuf,

    /// The directory with lookup.key, publisher.key and publisher.pub.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// The generation whose rows are shown again; `show` lists them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    generation: u64,

    /// Why, for the channel entry; no personal data.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,

    /// The channel that readers follow.
    #[arg(long, default_value = "stable", value_parser = channel)]
    channel: Channel,

    /// Memory to work in.
    #[arg(long, value_name = "BYTES", default_value = "512MiB", value_parser = memory_bytes)]
    memory: usize,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let keys = Keys::open(&args.keys)?;
    let store = existing_store(&args.store)?;
    let means = Means {
        memory_bytes: args.memory,
        threads: 0,
        spool: store.root().join(layout::staging()),
    };
    let pointing = Pointing {
        keys: &keys,
        store: &store,
        channel: &args.channel,
        generation: args.generation,
        reason: &args.reason,
        means: &means,
        now: context.now,
    };
    let report = pointing.run()?;
    match context.json {
        true => print(&format!("{}\n", report.json()))?,
        false => print(&report.text())?,
    }
    Ok(Exit::Done)
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_plain = !text.is_empty() && !text.contains(char::is_control);
    match is_plain && text.chars().count() <= REASON_CHARACTERS_MOST {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "say why in 1 to {REASON_CHARACTERS_MOST} characters on one line"
        )),
    }
}
