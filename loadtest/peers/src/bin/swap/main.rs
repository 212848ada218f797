//! Asks a server at a share of its capacity while it takes a new generation, and says whether
//! anybody had to wait for that.
//!
//! Order of reading: [`asking`] keeps connections busy and judges every answer; [`windows`] counts
//! what came of each tenth of a second; this file makes the new generation live meanwhile.

mod asking;
mod windows;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mimalloc::MiMalloc;
use peers::processor;
use peers::questions::{Method, Questions};

use asking::{Asking, Pace};
use windows::{Limits, Windows};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Whatever ends a run before its verdict.
type Trouble = Box<dyn Error>;

/// Asked in a closed loop before the capacity is measured, and how long that takes.
const WARM_UP: Duration = Duration::from_secs(3);
const CAPACITY_WINDOWS: usize = 5;

/// Longest time from the entry to the first answer of the new epoch.
const PATIENCE: Duration = Duration::from_secs(100);

/// Exit code when the run is over and the check has failed.
const FAILED: u8 = 2;

/// Makes a new epoch live under load and tells how late answers were around the swap.
#[derive(Parser)]
struct Arguments {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// Questions with the answers of epoch 1.
    #[arg(long)]
    before: PathBuf,
    /// The same questions with the answers of epoch 2.
    #[arg(long)]
    after: PathBuf,
    /// The channel entry of epoch 2, held back.
    #[arg(long)]
    entry: PathBuf,
    /// Where the entry is put while the load runs.
    #[arg(long)]
    into: PathBuf,
    /// Connections, all kept alive.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Share of the capacity that is offered.
    #[arg(long, default_value_t = 0.4)]
    share: f64,
    /// Seconds before the entry, and after the first answer of epoch 2.
    #[arg(long, default_value_t = 5)]
    around: u64,
    /// Where to write a line for each window of the whole run.
    #[arg(long)]
    windows: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the check is passed.
fn run(arguments: &Arguments) -> Result<bool, Trouble> {
    let read = |path: &Path| Questions::read(path, Method::Post, usize::MAX);
    let questions = [read(&arguments.before)?, read(&arguments.after)?];
    let mut asking = Asking::open(arguments.address, arguments.connections, &questions)?;
    let capacity = capacity(&mut asking)?;
    let rate = capacity * arguments.share;
    println!("capacity {capacity:.0} answers/s in a closed loop; offered {rate:.0}/s");

    let faults = || processor::major_faults(arguments.pid);
    let around = Duration::from_secs(arguments.around);
    let mut pace = Pace::new(rate, arguments.connections);
    asking.open_loop(&mut pace, |pace| pace.elapsed() >= around)?;
    let (entered, faults_before) = (pace.elapsed(), faults());
    let used_before = Used::now(arguments.pid);
    fs::rename(&arguments.entry, &arguments.into)?;
    asking.open_loop(&mut pace, |pace| {
        let end = pace.swapped().map_or(entered + PATIENCE, |at| at + around);
        pace.elapsed() >= end
    })?;
    let used = Used::now(arguments.pid).since(&used_before);
    let swapped = pace.swapped().ok_or("the new epoch was not taken")?;
    asking.drain(&mut pace)?;
    let faults = faults() - faults_before;

    println!(
        "{} answers, none wrong; the first of epoch 2 came {:.2} s after the entry; the server met \
         {faults} major faults",
        pace.answers(),
        (swapped - entered).as_secs_f64(),
    );
    println!(
        "cores used from the entry on: server {:.2}, generator {:.2}, others {:.2}",
        used.server, used.own, used.others
    );
    let windows: &Windows = pace.windows();
    fs::write(&arguments.windows, windows.listing())?;
    print!("{}", windows.table(swapped, around));
    let (text, passed) = windows.verdict(entered, swapped + around, &Limits::USUAL);
    print!("{text}");
    Ok(passed)
}

/// Answers a second in a closed loop: the median of some seconds.
fn capacity(asking: &mut Asking<'_>) -> Result<f64, Trouble> {
    asking.closed_loop(WARM_UP)?;
    let mut rates = Vec::new();
    for _ in 0..CAPACITY_WINDOWS {
        rates.push(asking.closed_loop(Duration::from_secs(1))?);
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[CAPACITY_WINDOWS / 2])
}

/// Processor time, or cores used between two readings.
struct Used {
    at: Instant,
    server: f64,
    own: f64,
    others: f64,
}

impl Used {
    fn now(pid: u32) -> Self {
        let (server, own) = (processor::used_by(&[pid]), processor::used_by_us());
        let (server, own) = (server.as_secs_f64(), own.as_secs_f64());
        Self {
            at: Instant::now(),
            server,
            own,
            others: processor::used_by_all().as_secs_f64() - server - own,
        }
    }

    fn since(self, begun: &Self) -> Self {
        let seconds = (self.at - begun.at).as_secs_f64();
        Self {
            server: (self.server - begun.server) / seconds,
            own: (self.own - begun.own) / seconds,
            others: ((self.others - begun.others) / seconds).max(0.0),
            ..self
        }
    }
}
