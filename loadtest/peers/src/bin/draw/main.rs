//! Pictures for docs/: what each server answers, and how late at which load; how a register
//! grows. Plain SVG, light or dark as the reader's page is.

mod bars;
mod growth;
mod lines;
mod sheet;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::Deserialize;

/// Draws what was measured.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The servers beside each other, of what `ask --json` wrote.
    Peers(Peers),
    /// How figures grow with the register, of what `gauge` wrote.
    Growth(growth::Arguments),
}

#[derive(Args)]
struct Peers {
    /// Of a closed loop.
    #[arg(long)]
    closed: PathBuf,
    /// Of open loops at several rates.
    #[arg(long)]
    open: PathBuf,
    /// What was measured, under each picture.
    #[arg(long)]
    caption: String,
    /// Where `peers-throughput.svg` and `peers-lateness.svg` go.
    #[arg(long)]
    out: PathBuf,
}

/// What is drawn of a report.
#[derive(Deserialize)]
struct Report {
    offered_per_s: Option<f64>,
    targets: Vec<Row>,
}

/// Of one server.
#[derive(Deserialize)]
struct Row {
    name: String,
    answers_per_s: Spread,
    processor_ratio: Option<Spread>,
    late_us: Option<Lateness>,
}

#[derive(Clone, Copy, Deserialize)]
struct Spread {
    median: f64,
    lower: f64,
    upper: f64,
}

#[derive(Clone, Copy, Deserialize)]
struct Lateness {
    p99: f64,
}

fn main() -> ExitCode {
    let drawn = match Arguments::parse().what {
        What::Peers(arguments) => peers(&arguments),
        What::Growth(arguments) => growth::draw(&arguments),
    };
    match drawn {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn peers(arguments: &Peers) -> Result<(), Box<dyn Error>> {
    let closed = read(&arguments.closed)?;
    let closed = closed.first().ok_or("no report of a closed loop")?;
    let caption = &arguments.caption;
    let throughput = bars::draw(closed, caption);
    fs::write(arguments.out.join("peers-throughput.svg"), throughput)?;
    let lateness = lines::draw(&read(&arguments.open)?, caption);
    fs::write(arguments.out.join("peers-lateness.svg"), lateness)?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Report>, Box<dyn Error>> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The name of a server for people.
fn title(name: &str) -> &str {
    match name {
        "ours" => "certq",
        "floor" => "floor (constant bytes)",
        "lmdb" => "hyper + LMDB",
        "redis" => "hyper + Redis",
        "sqlite" => "hyper + SQLite",
        "postgres" => "hyper + PostgreSQL",
        "lua" => "nginx + Lua + Redis",
        "files" => "nginx, a file each",
        other => other,
    }
}
