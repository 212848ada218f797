//! `gc`: removes from a store what no reader needs any more.

use std::num::NonZeroU16;
use std::path::PathBuf;

use serde_json::{Value, json};
use snapshot::{Garbage, Waste, layout};

use super::{Context, existing_store, print, store_directory};
use crate::failure::{Exit, Failure};
use crate::sizes::grouped;

/// Remove generations that nobody needs any more; without --apply only say which.
///
/// What stays: what is live on each channel and what was live before it, the newest --keep
/// generations that were published, and the generations that these were made from; with everything
/// they consist of. Channel entries stay for ever. What killed writers left goes too.
///
/// It holds the lock that publish holds, also for the plan, and ends with 75 when that is taken. A
/// document that is damaged, or missing although it is needed, ends it with 65 before anything is
/// removed. Readers that have a generation keep it: they answer from their own copies.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store, a directory or a file:// URL.
    #[arg(long, value_name = "URL", value_parser = store_directory)]
    store: PathBuf,

    /// How many of the published generations stay, the newest ones.
    #[arg(long, value_name = "N", default_value = "10")]
    keep: NonZeroU16,

    /// Remove what the plan names.
    #[arg(long)]
    apply: bool,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let store = existing_store(&args.store)?;
    let lock = store.lock()?;
    let garbage = store.garbage(usize::from(args.keep.get()), &lock)?;
    if args.apply {
        store.sweep(&garbage, &lock)?;
    }
    match context.json {
        true => print(&format!("{}\n", json(&garbage, args.apply)))?,
        false => print(&text(&garbage, args.apply))?,
    }
    Ok(Exit::Done)
}

fn json(garbage: &Garbage, applied: bool) -> Value {
    let files = |wastes: &[Waste]| -> Value {
        let file = |waste: &Waste| json!({"path": waste.path, "bytes": waste.bytes});
        wastes.iter().map(file).collect()
    };
    json!({
        "applied": applied,
        "retained": garbage.retained,
        "generations": garbage.generations,
        "blobs": files(&garbage.blobs),
        "staged": files(&garbage.staged),
        "bytes": garbage.bytes,
    })
}

/// A line for each file, then the sum.
fn text(garbage: &Garbage, applied: bool) -> String {
    let manifests = garbage.generations.iter();
    let manifests = manifests.map(|generation| layout::manifest(*generation));
    let others = garbage.blobs.iter().chain(&garbage.staged);
    let paths = manifests.chain(others.map(|waste| waste.path.clone()));
    let mut text: String = paths.map(|path| format!("{}\n", path.display())).collect();
    let verb = match applied {
        true => "removed",
        false => "would remove",
    };
    text += &format!(
        "{verb} {} generations, {} blobs and {} staged files of {} bytes; {} generations stay\n",
        grouped(garbage.generations.len() as u64),
        grouped(garbage.blobs.len() as u64),
        grouped(garbage.staged.len() as u64),
        grouped(garbage.bytes),
        grouped(garbage.retained.len() as u64),
    );
    if !applied {
        text += "nothing was removed; add --apply\n";
    }
    text
}
