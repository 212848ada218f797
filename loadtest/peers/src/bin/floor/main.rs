//! The floor: hyper answering constant bytes, those that our server gives to the first question.
//! It reads the questions and ignores them.

use std::future::ready;
use std::io;

use bytes::Bytes;
use clap::Parser;
use mimalloc::MiMalloc;
use peers::serve::{self, Options};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Answers every question with the same bytes.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let options = Arguments::parse().options;
    let answer = serve::ask_first(options.like, &options.questions)?;
    let body = answer.body;
    serve::run(&options, answer.fields, move |_: Bytes| ready(body.clone())).await
}
