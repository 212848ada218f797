//! Drives a running certq server, judges every answer, and times them.
//!
//! ```text
//! question ─► pace ─► http ─► judge ─► report
//! drawn from   when    asked   right?    counts and
//! the sample                             percentiles
//! ```
//!
//! The right answers come from `certificate::sample`, so the server must serve exactly such a
//! population (`index-builder sample`). Open loop is the default: a question has an intended start
//! whatever the server does, and its latency counts from there, so a stall is seen by every
//! question it delayed. Nothing is known here of how the server works.

#![forbid(unsafe_code)]

mod arguments;
mod employers;
mod examples;
mod expected;
mod http;
mod judge;
mod list;
mod pace;
mod process;
mod question;
mod report;
mod run;
mod until;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::run::Ended;

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    if arguments.examples {
        return match examples::told(&arguments) {
            Ok(text) => print(&text, true),
            Err(error) => failed(&error),
        };
    }
    if let Some(rows) = arguments.list {
        let population = arguments.source().population;
        return match list::write(&population, rows, arguments.row_bytes, io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        };
    }
    if let Some(certificate) = arguments.until {
        return match until::told(&arguments, certificate) {
            Ok(text) => print(&text, true),
            Err(error) => failed(&error),
        };
    }
    if let (Some(list), Some(keys)) = (&arguments.send, &arguments.keys) {
        return match employers::told(&arguments, list, keys) {
            Ok(text) => print(&text, true),
            Err(error) => failed(&error),
        };
    }
    match run::run(&arguments) {
        Ok(ended) => told(&arguments, &ended),
        Err(error) => failed(&error),
    }
}

fn told(arguments: &Arguments, ended: &Ended) -> ExitCode {
    let text = if arguments.json {
        report::json(arguments, ended)
    } else {
        report::text(arguments, ended)
    };
    print(&text, ended.tally.is_clean())
}

fn print(text: &str, clean: bool) -> ExitCode {
    // A reader that closed the pipe has seen enough.
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn failed(error: &impl Display) -> ExitCode {
    eprintln!("loadtest: {error}");
    ExitCode::FAILURE
}
