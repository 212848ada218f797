//! Writes what a run needs: the questions with their answers, the records of the databases, and
//! the databases themselves. Every body is rendered by certq's own library from the register that
//! our server serves, so that the peers answer with its bytes.

mod databases;
mod files;
mod register;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use certificate::sample::Population;
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use peers::record::{Misses, Reader};

use register::{Folder, Trouble};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Writes the questions of a run and fills the databases.
#[derive(Parser)]
struct Arguments {
    /// Folder of the run, with `store` and `keys` of the register in it.
    #[arg(long)]
    run: PathBuf,
    /// Certificates of its population.
    #[arg(long)]
    certificates: u64,
    /// Which epoch of the store.
    #[arg(long, default_value_t = 1)]
    epoch: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Questions drawn over the whole register, and their answers.
    Questions {
        /// How many that match.
        #[arg(long, default_value_t = 1_000_000)]
        count: u64,
    },
    /// The records of all certificates, for the databases.
    Records,
    /// The rows by which the certificates were issued, into `rows.csv`.
    Rows,
    /// SQLite, into `sqlite.db`.
    Sqlite,
    /// LMDB, into `lmdb/`.
    Lmdb,
    /// Redis.
    Redis {
        /// redis://HOST:PORT
        url: String,
    },
    /// PostgreSQL.
    Postgres {
        /// host=… port=… user=… dbname=…
        parameters: String,
    },
    /// One file for each of the first questions, into `files/`.
    Files {
        /// How many.
        count: usize,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Trouble> {
    let run = &arguments.run;
    let folder = || Folder::open(run, arguments.certificates, arguments.epoch);
    let records = || Reader::open(&run.join("records"));
    let began = Instant::now();
    let bytes = match &arguments.command {
        Command::Questions { count } => {
            return folder()?.write_questions(*count);
        }
        Command::Records => return folder()?.write_records(),
        Command::Rows => {
            return rows::write(
                &Population::new(arguments.certificates, 1),
                &run.join("rows.csv"),
            );
        }
        Command::Sqlite => databases::sqlite(records()?, &run.join("sqlite.db"))?,
        Command::Lmdb => databases::lmdb(records()?, &run.join("lmdb"))?,
        Command::Redis { url } => {
            let bytes = databases::redis(records()?, url)?;
            databases::redis_misses(&Misses::read(&run.join("misses"))?, url)?;
            bytes
        }
        Command::Postgres { parameters } => databases::postgres(records()?, parameters)?,
        Command::Files { count } => {
            files::write(&run.join("questions"), *count, &run.join("files"))?
        }
    };
    // For the table of the run: seconds and bytes.
    println!("{:.2} {bytes}", began.elapsed().as_secs_f64());
    Ok(())
}
