//! The write path: reviewed batches in, a published generation out.
//!
//! ```text
//! batch file ─► source ─► gate ─► ledger ─► sort ─► compile ─► store
//!               rows      judged  a batch            layers     create-only files
//! ```
//!
//! A library only so that the parsers can be reached by fuzzing; the program is [`run`].
//!
//! This file is the story of one run: read the command line, do one command, end with its exit
//! code. It alone reads the clock; everything below is told the time. The server never runs any
//! of this and meets it only at files.

#![forbid(unsafe_code)]

mod admit;
mod ahead;
mod checker;
mod command;
mod compile;
mod failure;
mod gate;
mod inbox;
mod known;
mod ledger;
mod progress;
mod publishing;
mod registry;
mod relay;
mod report;
mod sizes;
mod sort;
mod source;

pub use checker::Checker;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::{CommandFactory, Parser, Subcommand};

use crate::command::{
    Context, accept, check, gc, keys, point, publish, sample, show, verify, watch,
};
use crate::failure::{Exit, Failure, complain};

/// Turns reviewed batches of skill-level certificates into a published register.
///
/// A centre's day: `check` a batch without changing anything, `accept` it into the ledger,
/// `publish` the ledger as a new generation. Rejected rows are named in a report, never dropped
/// in silence, and nothing already published is ever changed.
#[derive(Debug, Parser)]
#[command(name = "index-builder", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    /// Print a machine-readable report on stdout instead of the summary.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    verb: Verb,
}

/// Shown below `--help`.
const EXIT_CODES: &str = "Exit codes:
   0  done                      65  bad input, nothing changed
   1  done, but rows rejected   70  a bug
   2  refused by a guard        74  I/O error
  64  wrong usage               75  somebody else is accepting or publishing
With several files the largest one wins.";

#[derive(Debug, Subcommand)]
enum Verb {
    Sample(sample::Args),
    Keys(keys::Args),
    Check(check::Args),
    Accept(accept::Args),
    Publish(publish::Args),
    Watch(watch::Args),
    Verify(verify::Args),
    Show(show::Args),
    Point(point::Args),
    Gc(gc::Args),
}

/// One run of the program: what `main` does.
pub fn run() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|at| format!("{}:{}", at.file(), at.line()));
        *PANIC_PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    let exit = panic::catch_unwind(AssertUnwindSafe(run_command)).unwrap_or_else(|_| bug());
    ExitCode::from(exit.code())
}

/// Where the last panic was. A parser's panic over a broken workbook is caught and is no bug, so
/// it is told only when it reaches `main`.
static PANIC_PLACE: Mutex<Option<String>> = Mutex::new(None);

/// The payload of a panic may quote the row that caused it, so only the place is told.
fn bug() -> Exit {
    let place = PANIC_PLACE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .unwrap_or_default();
    complain(format_args!(
        "index-builder: bug at {place}; nothing more was written, please report this line"
    ));
    Exit::Bug
}

fn run_command() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let context = Context {
        now: now(),
        clock: now,
        json: cli.json,
    };
    match dispatch(cli.verb, &context) {
        Ok(exit) => exit,
        Err(failure) => {
            complain(format_args!("index-builder: {}", failure.line()));
            failure.exit()
        }
    }
}

fn dispatch(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Sample(args) => sample::run(args, context),
        Verb::Keys(args) => keys::run(args, context),
        Verb::Check(args) => check::run(args, context),
        Verb::Accept(args) => accept::run(args, context),
        Verb::Publish(args) => publish::run(args, context),
        Verb::Watch(args) => watch::run(args, context),
        Verb::Verify(args) => verify::run(args, context),
        Verb::Show(args) => show::run(args, context),
        Verb::Point(args) => point::run(&args, context),
        Verb::Gc(args) => gc::run(args, context),
    }
}

/// Help and version are answers; anything else is wrong usage, told in one line.
fn usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A closed pipe is the reader's choice.
        let _ = error.print();
        return Exit::Done;
    }
    let text = error.to_string();
    let told = ["\n\nUsage:", "\n\nFor more"]
        .iter()
        .fold(text.as_str(), |told, end| {
            told.split(end).next().unwrap_or(told)
        });
    let told: Vec<&str> = told.split_whitespace().collect();
    let told = told.join(" ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    complain(format_args!(
        "{}: {told}; see --help",
        Cli::command().get_name()
    ));
    Exit::Usage
}

/// The only look at the clock.
#[expect(
    clippy::disallowed_methods,
    reason = "main is where the time comes from"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
