//! `verify`: reads every byte of a store and says where the first damage is.

mod damage;
mod leftovers;
mod reading;

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use self::damage::{Damage, Stop};
use super::{Context, print, store_directory};
use crate::failure::{Exit, Failure};
use crate::sizes::grouped;

/// Read every byte of a store: documents, blobs, every row against its number and its holder.
///
/// Ends with exit 65 at the first damage and names file and offset. What a killed writer left
/// behind is told as a notice.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store, a directory or a file:// URL.
    #[arg(long, value_name = "URL", value_parser = store_directory)]
    store: PathBuf,

    /// Also check every signature with publisher.pub, and that what is live was made with
    /// lookup.key.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,

    /// Also check the chain of this ledger, and that it contains what is live.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

/// What was read so far.
#[derive(Default)]
struct Seen {
    entries: u64,
    /// Entries whose generation was swept.
    swept_entries: u64,
    generations: u64,
    blobs: u64,
    bytes: u64,
    rows: u64,
    /// Rows of the ledger.
    ledger_rows: Option<u64>,
    notices: Vec<String>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let began = Instant::now();
    let mut seen = Seen::default();
    let stopped = match reading::read_everything(&args, &mut seen) {
        Err(Stop::Failure(failure)) => return Err(failure),
        Err(Stop::Damage(damage)) => Some(damage),
        Ok(()) => None,
    };
    let seconds = began.elapsed().as_secs_f64();
    match context.json {
        true => print(&format!("{}\n", seen.json(stopped.as_ref(), seconds)))?,
        false if stopped.is_none() => print(&seen.text(seconds))?,
        false => {}
    }
    match stopped {
        Some(damage) => Err(Failure::Input(damage.line())),
        None => Ok(Exit::Done),
    }
}

impl Seen {
    fn json(&self, damage: Option<&Damage>, seconds: f64) -> Value {
        json!({
            "damage": damage.map(|damage| json!({
                "file": damage.file,
                "offset": damage.offset_bytes,
                "problem": damage.problem,
            })),
            "entries": self.entries,
            "swept_entries": self.swept_entries,
            "generations": self.generations,
            "blobs": self.blobs,
            "bytes": self.bytes,
            "rows": self.rows,
            "ledger_rows": self.ledger_rows,
            "notices": self.notices,
            "seconds": (seconds * 1000.0).round() / 1000.0,
        })
    }

    fn text(&self, seconds: f64) -> String {
        let mut text = format!(
            "whole: {} channel entries, {} generations, {} blobs of {} bytes with {} rows, in \
             {seconds:.1} s\n",
            grouped(self.entries),
            grouped(self.generations),
            grouped(self.blobs),
            grouped(self.bytes),
            grouped(self.rows),
        );
        if self.swept_entries > 0 {
            text += &format!(
                "{} of the channel entries name generations that gc removed\n",
                grouped(self.swept_entries)
            );
        }
        if let Some(rows) = self.ledger_rows {
            text += &format!("whole: the ledger, {} rows\n", grouped(rows));
        }
        let notices = self
            .notices
            .iter()
            .map(|notice| format!("notice: {notice}\n"));
        text + &notices.collect::<String>()
    }
}
