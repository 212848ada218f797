//! One HTTP front for every database: hyper as the floor has it, a question parsed with serde, one
//! look-up by number, the name compared in constant time, the ready body of the answer.
//!
//! Each database is asked in its own best way: SQLite by a prepared statement over a mapped file,
//! LMDB by a renewed read transaction, Redis over one multiplexed connection, PostgreSQL by a
//! prepared statement over one pipelined connection.

mod question;
mod stores;

use std::error::Error;
use std::future::ready;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use peers::record::Misses;
use peers::serve::{self, Options};
use tokio::runtime;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Answers questions from a database that `load` filled.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The bodies for what does not match.
    #[arg(long)]
    misses: PathBuf,
    #[command(subcommand)]
    database: Database,
}

#[derive(Subcommand)]
enum Database {
    /// A file of SQLite.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A folder of LMDB.
    Lmdb {
        /// The folder.
        path: PathBuf,
    },
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
}

fn main() -> ExitCode {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let run = |runtime: runtime::Runtime| runtime.block_on(run(Arguments::parse()));
    match runtime.map_err(Into::into).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments {
        options, database, ..
    } = arguments;
    let fields = serve::ask_first(options.like, &options.questions)?.fields;
    let misses = Arc::new(Misses::read(&arguments.misses)?);
    match database {
        Database::Sqlite { path } => {
            stores::open_sqlite(&path)?;
            let look_up = |number| ready(stores::sqlite(number));
            let answer = move |body| question::answer(body, Arc::clone(&misses), look_up);
            serve::run(&options, fields, answer).await?;
        }
        Database::Lmdb { path } => {
            stores::open_lmdb(&path)?;
            let look_up = |number| ready(stores::lmdb(number));
            let answer = move |body| question::answer(body, Arc::clone(&misses), look_up);
            serve::run(&options, fields, answer).await?;
        }
        Database::Redis { url } => {
            let client = redis::Client::open(url)?;
            let connection = client.get_multiplexed_async_connection().await?;
            let answer = move |body| {
                let connection = connection.clone();
                let look_up = |number| stores::redis(connection, number);
                question::answer(body, Arc::clone(&misses), look_up)
            };
            serve::run(&options, fields, answer).await?;
        }
        Database::Postgres { parameters } => {
            let prepared = Arc::new(stores::open_postgres(&parameters).await?);
            let answer = move |body| {
                let prepared = Arc::clone(&prepared);
                let look_up = |number| stores::postgres(prepared, number);
                question::answer(body, Arc::clone(&misses), look_up)
            };
            serve::run(&options, fields, answer).await?;
        }
    }
    Ok(())
}
