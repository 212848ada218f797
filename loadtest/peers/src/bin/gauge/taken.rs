//! How long a new generation takes from its channel entry to the first answer from it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use peers::questions::{Method, Questions};

use crate::client::Client;
use crate::{Figure, Trouble};

/// Between two questions, so that the server is not kept from its work.
const BETWEEN: Duration = Duration::from_millis(1);

/// Longest time to the first answer of the new epoch.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// The file of questions that `load questions` wrote.
    #[arg(long)]
    questions: PathBuf,
    /// The channel entry, held back.
    #[arg(long)]
    entry: PathBuf,
    /// Where it is put.
    #[arg(long)]
    into: PathBuf,
}

/// Puts the entry into its place and asks until the head of an answer names another epoch.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Figure>, Trouble> {
    let questions = Questions::read(&arguments.questions, Method::Post, 1)?;
    let mut client = Client::connect(arguments.address)?;
    let mut epoch = || -> Result<String, Trouble> {
        let answer = client.ask(questions.request(0))?;
        let head = String::from_utf8_lossy(answer.head);
        let field = head.lines().find_map(|it| it.strip_prefix("certq-epoch: "));
        Ok(field.ok_or("an answer without epoch")?.to_owned())
    };
    let old = epoch()?;
    let began = Instant::now();
    fs::rename(&arguments.entry, &arguments.into)?;
    while epoch()? == old {
        if began.elapsed() > PATIENCE {
            return Err("the new epoch was not taken".into());
        }
        thread::sleep(BETWEEN);
    }
    Ok(vec![("wall_s", began.elapsed().as_secs_f64())])
}
