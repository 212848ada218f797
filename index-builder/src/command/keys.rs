//! `keys`: makes what is missing of a centre's four key files.

use std::path::PathBuf;

use serde_json::json;
use snapshot::{keyfile, layout};

use super::{Context, create_parents, print};
use crate::failure::{Exit, Failure};

/// Make the keys that are missing; never overwrite one.
///
/// lookup.key hides names and identity numbers, exchange.key seals the national feed,
/// publisher.key signs what is published: all private, mode 0600, to be backed up apart from the
/// store. publisher.pub goes to whoever checks signatures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the key files are; made with mode 0700 when missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    create_parents(&args.out)?;
    let made = keyfile::create_missing(&args.out)?;
    let (made, kept): (Vec<&str>, Vec<&str>) = [
        layout::LOOKUP_KEY,
        layout::EXCHANGE_KEY,
        layout::PUBLISHER_KEY,
        layout::PUBLISHER_PUBLIC_KEY,
    ]
    .into_iter()
    .partition(|name| made.iter().any(|path| path.ends_with(name)));
    if context.json {
        let report = json!({ "out": args.out, "made": made, "kept": kept });
        print(&format!("{report}\n"))?;
    } else {
        let line = |word, name| format!("{word} {}\n", args.out.join(name).display());
        let lines = made.iter().map(|name| line("made", name));
        let lines = lines.chain(kept.iter().map(|name| line("kept", name)));
        print(&lines.collect::<String>())?;
    }
    Ok(Exit::Done)
}
