//! `accept`: judge batches and take what is admitted into the ledger.

use std::path::PathBuf;

use super::Context;
use super::judging::{self, Judging};
use crate::admit::{self, Signature};
use crate::failure::{Exit, Failure};
use crate::ledger::Accepting;

/// Judge batches and take the admitted rows into the ledger.
///
/// Each FILE is its own transaction: its admitted rows enter together as one immutable batch, and
/// its rejected rows are named in the report, to be corrected and delivered again in another file.
/// Accepting the same file again changes nothing and gives the first report and exit code. A file
/// of which no row was admitted leaves no trace and is judged afresh next time.
///
/// The ledger holds personal data: its directory is made, and kept, with mode 0700. Only one can
/// accept at a time; another one ends with 75 at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    judging: Judging,

    /// The ledger; made when it is missing.
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let gate = args.judging.rules.open_gate()?;
    let mut accepting = Accepting::begin(&args.ledger)?;
    let operator = operator();
    let signature = Signature {
        now: context.now,
        operator: &operator,
    };
    let exit = judging::each(&args.judging, &gate, context, "准入", |path, ahead| {
        admit::accept(path, ahead, &mut accepting, &signature)
    })?;
    accepting.tidy(&|| false)?;
    Ok(exit)
}

/// Who runs this, for the head of the batch: the name the system gave, and the number it enforces.
pub(super) fn operator() -> String {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").map_or_else(
        |_| "unknown".to_owned(),
        |process| process.uid().to_string(),
    );
    match std::env::var("USER") {
        Ok(name) if !name.is_empty() => format!("{name} (uid {uid})"),
        _ => format!("uid {uid}"),
    }
}
