//! Writes what a run needs: the questions with their answers, the records of the databases, and
//! the databases themselves. Every body is rendered by certq's own library from the register that
//! our server serves, so that the peers answer with its bytes.

mod register;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

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
    let folder = Folder::open(&arguments.run, arguments.certificates)?;
    match arguments.command {
        Command::Questions { count } => folder.write_questions(count),
    }
}
