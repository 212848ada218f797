//! One run: connect, ask, judge, count.
//!
//! Everything but the pacing runs on one thread, so that the generator takes one core at most and
//! its own share is easy to read. Bounded in count (open) and in time (both ways).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::http::{Connection, Trouble};
use crate::judge::{Judge, Wrong};
use crate::pace::Schedule;
use crate::process::cpu_time;
use crate::question::{Kind, Question, Source};

/// An answer that takes longer is an error.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after its end a run waits for what is under way.
const GRACE: Duration = Duration::from_secs(12);
/// Questions made before the start, so that making them costs nothing while asking; a longer run
/// asks them again. About 1.5 KB each.
const MOST_PREPARED: u64 = 50_000;
/// Latencies are kept from a microsecond to a minute, in nanoseconds, to three digits.
const LONGEST_NS: u64 = 60_000_000_000;
/// A server that is away is not hammered.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);

/// What happened, counted.
pub(crate) struct Tally {
    /// Right answers by [`Kind::ALL`].
    pub(crate) right: [u64; 4],
    pub(crate) wrong: BTreeMap<Wrong, u64>,
    pub(crate) troubles: BTreeMap<Trouble, u64>,
    /// Planned questions that got no answer before the run was ended.
    pub(crate) unanswered: u64,
    /// From the intended start (open) or the sending (closed) to the whole answer.
    pub(crate) latency: Histogram<u64>,
    /// How late questions were sent although a connection was free: the generator's own doing.
    pub(crate) own_lateness: Histogram<u64>,
    /// Questions that had to wait for a free connection: the server's doing.
    pub(crate) waited: u64,
    /// Connections that the server closed after an answer, saying so.
    pub(crate) reconnected: u64,
}

/// A run that came to its end.
pub(crate) struct Ended {
    pub(crate) tally: Tally,
    /// From the first intended start to the last answer.
    pub(crate) elapsed: Duration,
    /// CPU time of this process while asking.
    pub(crate) own_cpu: Duration,
    /// CPU time of the server meanwhile, if its process was named and is there.
    pub(crate) server_cpu: Option<Duration>,
}

/// A run that could not begin.
#[derive(Debug)]
pub(crate) enum RunError {
    /// Nobody answers there.
    NoServer,
    /// The system refused what a run needs.
    System(io::Error),
}

/// What the connections of a run share.
struct Shared {
    source: Source,
    questions: Vec<Question>,
    mode: Mode,
    /// The next question.
    next: Cell<u64>,
    judge: RefCell<Judge>,
    tally: RefCell<Tally>,
}

enum Mode {
    Open {
        schedule: Schedule,
        permits: Arc<Semaphore>,
    },
    Closed {
        end: Instant,
    },
}

/// Makes the questions, then asks them.
pub(crate) fn run(arguments: &Arguments) -> Result<Ended, RunError> {
    let source = arguments.source();
    let prepared = if arguments.closed {
        MOST_PREPARED
    } else {
        arguments.planned().min(MOST_PREPARED)
    };
    let questions = (0..prepared).map(|n| source.question(n)).collect();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::System)?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(drive(arguments, source, questions)))
}

async fn drive(
    arguments: &Arguments,
    source: Source,
    questions: Vec<Question>,
) -> Result<Ended, RunError> {
    let mut connections = Vec::new();
    for _ in 0..arguments.connections {
        let connection = Connection::open(source.address).await;
        connections.push(connection.map_err(|_| RunError::NoServer)?);
    }
    let (own_cpu, server_cpu) = cpu_times(arguments);
    let start = Instant::now();
    let seconds = Duration::from_secs(arguments.seconds);
    let (mode, pacer) = mode(arguments, start, seconds)?;
    let shared = Rc::new(Shared {
        source,
        questions,
        mode,
        next: Cell::new(0),
        judge: RefCell::default(),
        tally: RefCell::new(Tally::new()),
    });
    let mut workers = JoinSet::new();
    for connection in connections {
        workers.spawn_local(work(Rc::clone(&shared), connection));
    }
    let all = async { while workers.join_next().await.is_some() {} };
    let ran_out = timeout(seconds + GRACE, all).await.is_err();
    let elapsed = start.elapsed();
    let (own_cpu_after, server_cpu_after) = cpu_times(arguments);
    drop(workers);
    if let Some(pacer) = pacer {
        pacer.join().expect("pacing does not panic");
    }
    let mut tally = shared.tally.replace(Tally::new());
    if let (true, Mode::Open { schedule, .. }) = (ran_out, &shared.mode) {
        tally.unanswered = schedule.questions().saturating_sub(tally.finished());
    }
    Ok(Ended {
        tally,
        elapsed,
        own_cpu: own_cpu_after.unwrap_or_default() - own_cpu.unwrap_or_default(),
        server_cpu: server_cpu_after
            .zip(server_cpu)
            .map(|(after, before)| after - before),
    })
}

/// CPU times of this process and, if it is named, of the server.
fn cpu_times(arguments: &Arguments) -> (Option<Duration>, Option<Duration>) {
    let server = arguments.server_pid.and_then(|pid| cpu_time(Some(pid)));
    (cpu_time(None), server)
}

fn mode(
    arguments: &Arguments,
    start: Instant,
    seconds: Duration,
) -> Result<(Mode, Option<thread::JoinHandle<()>>), RunError> {
    if arguments.closed {
        let end = start + seconds;
        return Ok((Mode::Closed { end }, None));
    }
    let schedule = Schedule::new(start, arguments.rate, arguments.planned());
    let permits = Arc::new(Semaphore::new(0));
    let (handed, takers) = (Arc::clone(&permits), arguments.connections);
    let pacer = thread::Builder::new()
        .name("pacer".to_owned())
        .spawn(move || schedule.hand_out(&handed, takers))
        .map_err(RunError::System)?;
    Ok((Mode::Open { schedule, permits }, Some(pacer)))
}

/// One connection's life: take the next question, ask it, judge the answer.
async fn work(shared: Rc<Shared>, connection: Connection) {
    let mut connection = Some(connection);
    while let Some((n, from)) = shared.next_question().await {
        let index = usize::try_from(n).expect("a usize has 64 bits here") % shared.questions.len();
        shared
            .ask(&mut connection, &shared.questions[index], from)
            .await;
        if connection.is_none() {
            connection = Connection::open(shared.source.address).await.ok();
        }
    }
}

impl Shared {
    /// The next question and the instant from which its latency counts.
    async fn next_question(&self) -> Option<(u64, Instant)> {
        match &self.mode {
            Mode::Closed { end } => {
                let now = Instant::now();
                (now < *end).then(|| (self.take(), now))
            }
            Mode::Open { schedule, permits } => {
                let free = match permits.try_acquire() {
                    Ok(permit) => {
                        permit.forget();
                        false
                    }
                    Err(_) => {
                        let permit = permits.acquire().await;
                        permit.expect("permits are never closed").forget();
                        true
                    }
                };
                let n = self.take();
                (n < schedule.questions()).then(|| {
                    let intended = schedule.intended(n);
                    self.tally.borrow_mut().started(intended, free);
                    (n, intended)
                })
            }
        }
    }

    fn take(&self) -> u64 {
        let n = self.next.get();
        self.next.set(n + 1);
        n
    }

    /// Asks, judges and counts; takes a connection away that is of no further use.
    async fn ask(&self, connection: &mut Option<Connection>, question: &Question, from: Instant) {
        let Some(open) = connection else {
            self.tally.borrow_mut().failed(Trouble::Connect);
            tokio::time::sleep(RECONNECT_PAUSE).await;
            return;
        };
        let answer = timeout(ANSWER_TIMEOUT, open.ask(&question.request)).await;
        let latency = from.elapsed();
        let trouble = match answer {
            Ok(Ok(response)) => {
                let verdict = self.judge.borrow_mut().judge(question, &response);
                let mut tally = self.tally.borrow_mut();
                tally.answered(question.kind, verdict, latency);
                if !response.last {
                    return;
                }
                tally.reconnected += 1;
                *connection = None;
                return;
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => Trouble::TimedOut,
        };
        self.tally.borrow_mut().failed(trouble);
        *connection = None;
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1_000, LONGEST_NS, 3);
        let histogram = || histogram().expect("a minute in microseconds to three digits");
        Self {
            right: [0; 4],
            wrong: BTreeMap::new(),
            troubles: BTreeMap::new(),
            unanswered: 0,
            latency: histogram(),
            own_lateness: histogram(),
            waited: 0,
            reconnected: 0,
        }
    }

    fn started(&mut self, intended: Instant, free: bool) {
        if free {
            record(&mut self.own_lateness, intended.elapsed());
        } else {
            self.waited += 1;
        }
    }

    fn answered(&mut self, kind: Kind, verdict: Result<(), Wrong>, latency: Duration) {
        record(&mut self.latency, latency);
        match verdict {
            Ok(()) => self.right[kind as usize] += 1,
            Err(wrong) => *self.wrong.entry(wrong).or_default() += 1,
        }
    }

    fn failed(&mut self, trouble: Trouble) {
        *self.troubles.entry(trouble).or_default() += 1;
    }

    /// Answers, right or wrong.
    pub(crate) fn answers(&self) -> u64 {
        self.right.iter().sum::<u64>() + self.wrong_answers()
    }

    /// Wrong answers of any kind.
    pub(crate) fn wrong_answers(&self) -> u64 {
        self.wrong.values().sum()
    }

    /// Questions that got no answer.
    pub(crate) fn errors(&self) -> u64 {
        self.troubles.values().sum::<u64>() + self.unanswered
    }

    /// Whether everything was answered, and rightly.
    pub(crate) fn is_clean(&self) -> bool {
        self.wrong_answers() == 0 && self.errors() == 0 && self.answers() > 0
    }

    fn finished(&self) -> u64 {
        self.answers() + self.troubles.values().sum::<u64>()
    }
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => {
                f.write_str("nobody listens there; start the server, or name it with --server")
            }
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

#[cfg(test)]
mod tests;
