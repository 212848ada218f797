//! `check`: judge batches and change nothing.

use std::path::PathBuf;

use super::Context;
use super::judging::{self, Judging};
use crate::admit;
use crate::failure::{Exit, Failure};
use crate::ledger::{Accepting, Ledger};

/// Judge batches and change nothing.
///
/// Reads each FILE (CSV in UTF-8 or GB18030, or the first visible sheet of an XLSX) and judges
/// every row against the registry, as `accept` would. With --ledger rows are also compared with
/// what was accepted before; without it, only with earlier rows of the same file.
///
/// Ends with 0 when every row may be admitted, 1 when rows are rejected, 65 when a file cannot be
/// read. A report never quotes a row: it names row, field and rule.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    judging: Judging,

    /// Compare with what this ledger holds; nothing is written to it but its derived index.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let gate = args.judging.rules.open_gate()?;
    let Some(dir) = &args.ledger else {
        return judging::each(&args.judging, &gate, context, "可准入", |path, ahead| {
            admit::check(path, ahead, None)
        });
    };
    let ledger = Ledger::open(dir)?;
    let index = ledger.index()?;
    if ledger.is_covered_by(&index) {
        return judging::each(&args.judging, &gate, context, "可准入", |path, ahead| {
            admit::check(path, ahead, Some((&ledger, &index)))
        });
    }
    // The index is behind, for example after a crash. Bringing it up to date takes the lock.
    let accepting = Accepting::begin(dir)?;
    let known = Some((accepting.ledger(), accepting.index()));
    judging::each(&args.judging, &gate, context, "可准入", |path, ahead| {
        admit::check(path, ahead, known)
    })
}
