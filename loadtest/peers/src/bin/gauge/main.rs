//! Figures of which a register has one: what a command takes, how long single look-ups are, when a
//! new generation is answered from. Each is appended to a table as a line of certificates, name
//! and value, from which `draw growth` makes medians and pictures.
//!
//! Order of reading: [`command`], [`lookups`], [`taken`]; [`client`] is the one connection that
//! the latter two ask on.

mod client;
mod command;
mod lookups;
mod taken;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Whatever ends it.
type Trouble = Box<dyn Error>;

/// Measures one thing and appends what it found to a table.
#[derive(Parser)]
struct Arguments {
    /// The table; a line is certificates, name, value.
    #[arg(long)]
    figures: PathBuf,
    /// Certificates of the register.
    #[arg(long)]
    certificates: u64,
    /// What the figures are of; their names begin with it.
    #[arg(long)]
    name: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A command: time, processor time, peak memory.
    Command(command::Arguments),
    /// Look-ups one after the other on one connection.
    Lookups(lookups::Arguments),
    /// From a channel entry to the first answer of its epoch.
    Taken(taken::Arguments),
}

/// The second half of a name, and the value.
type Figure = (&'static str, f64);

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Trouble> {
    let figures = match &arguments.what {
        What::Command(of) => command::measure(of)?,
        What::Lookups(of) => lookups::measure(of)?,
        What::Taken(of) => taken::measure(of)?,
    };
    let mut lines = String::new();
    for (name, value) in figures {
        let (certificates, of) = (arguments.certificates, &arguments.name);
        lines += &format!("{certificates}\t{of}.{name}\t{value}\n");
    }
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).open(&arguments.figures)?;
    file.write_all(lines.as_bytes())?;
    eprint!("{lines}");
    Ok(())
}
