//! Clients that ask without a pause, or at a pace, on connections they keep, and in the end judge
//! every answer by the model of the epoch that it names. Not sooner: judging costs more than
//! answering, and would be what is measured.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::http::{Kept, Response};
use crate::living::{Asked, Model, Random};

/// Times are kept apart by phase.
pub(crate) const PHASES: usize = 3;

/// What the clients share with who leads them.
#[derive(Default)]
pub(crate) struct Lead {
    done: AtomicBool,
    phase: AtomicUsize,
    /// Nanoseconds between two questions of one client; 0 for as soon as it can.
    pace: AtomicU64,
    answers: AtomicU64,
}

/// What one client heard, in order: about 500 bytes an answer.
#[derive(Default)]
struct Heard {
    answers: Vec<Answer>,
    bytes: Vec<u8>,
}

/// An answer whose bytes end here.
struct Answer {
    asked: Asked,
    end: usize,
}

/// What came of what one client asked.
#[derive(Default)]
pub(crate) struct Tally {
    /// The first answers that were wrong.
    pub(crate) complaints: Vec<String>,
    /// Epochs seen, each once.
    pub(crate) epochs: Vec<u64>,
    /// Answers with a certificate.
    pub(crate) matches: u64,
    /// Microseconds from when each question was due to its answer, by phase.
    pub(crate) times: [Vec<u32>; PHASES],
}

/// Ends the asking when dropped, so that a test that fails ends as well.
pub(crate) struct Asking<'a>(pub(crate) &'a Lead);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::Relaxed);
    }
}

impl Lead {
    /// From now on in another phase, at this pace.
    pub(crate) fn begin(&self, phase: usize, pace: Duration) {
        let pace = u64::try_from(pace.as_nanos()).unwrap();
        self.pace.store(pace, Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// Answers so far, of all clients.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Asks on one connection until it is led to stop, then judges what it heard.
    pub(crate) fn ask(&self, to: SocketAddr, model: &Model, seed: u64) -> Tally {
        let mut random = Random(seed);
        let mut connection = Kept::open(to);
        let (mut tally, mut heard) = (Tally::default(), Heard::default());
        let mut due = Instant::now();
        while !self.done.load(Ordering::Relaxed) {
            let pace = Duration::from_nanos(self.pace.load(Ordering::Relaxed));
            let phase = self.phase.load(Ordering::Relaxed);
            let asked = Asked::any(&mut random);
            let json = asked.json();
            if pace.is_zero() {
                // As a paced client does: falling asleep and waking is half of what one costs.
                std::thread::sleep(Duration::from_nanos(1));
                due = Instant::now();
            } else {
                due += pace;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            connection.lookup(&json, &mut heard.bytes);
            let micros = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
            tally.times[phase].push(micros);
            let end = heard.bytes.len();
            heard.answers.push(Answer { asked, end });
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
        let mut begin = 0;
        for Answer { asked, end } in heard.answers {
            let response = Response::parse(&heard.bytes[begin..end]);
            tally.judge(model, asked, &response);
            begin = end;
        }
        tally
    }
}

impl Tally {
    fn judge(&mut self, model: &Model, asked: Asked, response: &Response) {
        let epoch = response
            .header("certq-epoch")
            .and_then(|it| it.parse().ok());
        let complaint = match (response.status, epoch) {
            (200, Some(epoch)) if self.epochs.last() > Some(&epoch) => {
                Some(format!("epoch {epoch} after {:?}", self.epochs.last()))
            }
            (200, Some(epoch)) => model.complaint(epoch, asked, &response.body),
            (status, epoch) => Some(format!("{status} at {epoch:?}: {}", response.text())),
        };
        self.matches += u64::from(response.body.starts_with(b"{\"outcome\":\"match\""));
        if let Some(epoch) = epoch
            && self.epochs.last() != Some(&epoch)
        {
            self.epochs.push(epoch);
        }
        // Enough to see what is wrong.
        if self.complaints.len() < 10 {
            self.complaints.extend(complaint);
        }
    }
}
