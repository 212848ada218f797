//! Look-ups one after the other on one connection: how long each takes whoever asks, and the
//! server's processor time. The first ones after a start without pages are cold ones.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use peers::processor;
use peers::questions::{Method, Questions};

use crate::client::Client;
use crate::{Figure, Trouble};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// Its process.
    #[arg(long)]
    pid: u32,
    /// The file of questions that `load questions` wrote.
    #[arg(long)]
    questions: PathBuf,
    /// How many; those after the first so many are left for others.
    #[arg(long)]
    count: usize,
    /// Ask these before, and do not count them.
    #[arg(long, default_value_t = 0)]
    before: usize,
}

/// Every answer is compared. `us` is the median.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Figure>, Trouble> {
    let most = arguments.before + arguments.count;
    let questions = Questions::read(&arguments.questions, Method::Post, most)?;
    if questions.matching().len() < most {
        return Err(format!("there are not {most} questions").into());
    }
    let mut client = Client::connect(arguments.address)?;
    let mut ask = |index: usize| -> Result<f64, Trouble> {
        let began = Instant::now();
        let answer = client.ask(questions.request(index))?;
        let took = began.elapsed();
        if answer.body != questions.answer(index) {
            return Err(format!("question {index} is answered wrongly").into());
        }
        Ok(took.as_secs_f64() * 1e6)
    };
    for index in 0..arguments.before {
        ask(index)?;
    }
    let pids = [arguments.pid];
    let (used, faults) = (
        processor::used_by(&pids),
        processor::major_faults(arguments.pid),
    );
    let times: Result<Vec<f64>, Trouble> = (arguments.before..most).map(ask).collect();
    let used = processor::used_by(&pids) - used;
    let faults = processor::major_faults(arguments.pid) - faults;
    let mut times = times?;
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "look-ups of some seconds")]
    let count = times.len() as f64;
    let memory = processor::memory_of(&pids);
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    let bytes = |bytes: u64| bytes as f64;
    Ok(vec![
        ("us", times[times.len() / 2]),
        ("cpu_us", used.as_secs_f64() * 1e6 / count),
        ("faults", bytes(faults) / count),
        ("resident_bytes", bytes(memory.resident)),
        ("anonymous_bytes", bytes(memory.anonymous)),
    ])
}
