//! One server asked for one window, in a closed loop or an open one.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};
use peers::answered::Heads;
use peers::questions::Questions;

use crate::connection::{Connection, PART, Pending};

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Each connection asks `depth` questions at once, and again when all are answered.
    Closed { depth: usize },
    /// So many questions a second at even intervals, whatever the server does; lateness counts
    /// from the intended start.
    Open(f64),
}

/// Percentiles of lateness are taken of slices this long.
const SLICE: Duration = Duration::from_millis(100);

/// How long a server may leave the last questions of a window unanswered.
const PATIENCE: Duration = Duration::from_secs(10);

/// What went wrong; each ends the run.
#[derive(Debug)]
pub(crate) enum Trouble {
    Usage(String),
    Io(io::Error),
    /// The server closed a connection.
    Closed,
    /// It has stopped reading.
    Full,
    /// An answer to no question.
    Unasked,
    /// A head without Content-Length.
    NoLength,
    /// No answer in time.
    Silent,
    /// An answer that is not the expected one.
    Wrong {
        question: usize,
        head: String,
        body: String,
        expected: String,
    },
    /// The trouble of a target.
    Of(String, Box<Trouble>),
}

/// Percentiles of one slice in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// The questions and where in them we are, across windows.
pub(crate) struct Source<'q> {
    pub(crate) questions: &'q Questions,
    /// Which of them are asked, round and round; `load` has drawn them at random.
    pub(crate) which: Range<usize>,
    pub(crate) next: &'q mut usize,
    /// All answers are that of the first question.
    pub(crate) constant: bool,
}

impl<'q> Source<'q> {
    fn draw(&mut self, intended: u64) -> Pending {
        let question = self.which.start + *self.next % self.which.len();
        *self.next += 1;
        Pending { question, intended }
    }

    fn expected(&self) -> impl Fn(usize) -> &'q [u8] + use<'q> {
        let (questions, constant) = (self.questions, self.constant);
        move |question| questions.answer(if constant { 0 } else { question })
    }
}

/// Connections to one server.
pub(crate) struct Session<'q> {
    source: Source<'q>,
    connections: Vec<Connection>,
    poll: Poll,
    events: Events,
    heads: Heads,
    room: Vec<u8>,
    /// Time spent in looking for answers when there were none.
    idle: Duration,
}

impl<'q> Session<'q> {
    pub(crate) fn open(
        address: SocketAddr,
        connections: usize,
        source: Source<'q>,
    ) -> Result<Self, Trouble> {
        let poll = Poll::new().map_err(Trouble::Io)?;
        let connection = |index| Connection::open(address, poll.registry(), Token(index));
        Ok(Self {
            connections: (0..connections).map(connection).collect::<Result<_, _>>()?,
            source,
            poll,
            events: Events::with_capacity(1024),
            heads: Heads::default(),
            room: vec![0; PART],
            idle: Duration::ZERO,
        })
    }

    /// Time spent in looking for answers when there were none, since it was last asked for.
    pub(crate) fn take_idle(&mut self) -> Duration {
        std::mem::take(&mut self.idle)
    }

    /// Waits for events at most this long and takes what came: the indices of the connections go
    /// into `heard`, and each answered question is handed to `answered`.
    fn hear(
        &mut self,
        wait: Duration,
        heard: &mut Vec<usize>,
        mut answered: impl FnMut(Pending),
    ) -> Result<(), Trouble> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(Trouble::Io(error));
            }
            _ => {}
        }
        heard.clear();
        let expected = self.source.expected();
        for event in &self.events {
            let Token(index) = event.token();
            self.connections[index].take(&self.heads, &mut self.room, &expected, &mut answered)?;
            heard.push(index);
        }
        Ok(())
    }

    /// A closed loop for `settle` and then, from the call of `begin` to that of `end`, for
    /// `length`. Returns the answers of the latter. It never sleeps: to wake a core that does costs
    /// whoever answers some microseconds, the more often the slower it is, and that is no part of
    /// answering.
    pub(crate) fn closed(
        &mut self,
        depth: usize,
        settle: Duration,
        length: Duration,
        begin: impl FnOnce(),
        end: impl FnOnce(),
    ) -> Result<u64, Trouble> {
        for index in 0..self.connections.len() {
            self.refill(index, depth)?;
        }
        self.answers_until(depth, Instant::now() + settle)?;
        self.take_idle();
        begin();
        let answers = self.answers_until(depth, Instant::now() + length)?;
        end();
        self.drain()?;
        Ok(answers)
    }

    fn answers_until(&mut self, depth: usize, end: Instant) -> Result<u64, Trouble> {
        let (mut answers, mut heard) = (0, Vec::new());
        let mut last = Instant::now();
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(answers);
            }
            if now > last + PATIENCE {
                return Err(Trouble::Silent);
            }
            self.hear(Duration::ZERO, &mut heard, |_| answers += 1)?;
            if heard.is_empty() {
                self.idle += now.elapsed();
            } else {
                last = now;
            }
            for &index in &heard {
                if self.connections[index].pending() == 0 {
                    self.refill(index, depth)?;
                }
            }
        }
    }

    fn refill(&mut self, index: usize, depth: usize) -> Result<(), Trouble> {
        let (connection, source) = (&mut self.connections[index], &mut self.source);
        let questions = source.questions;
        if depth == 1 {
            return connection.ask(questions, source.draw(0));
        }
        connection.ask_all(questions, (0..depth).map(|_| source.draw(0)))
    }

    /// Asks the next `count` questions once, one at a time.
    pub(crate) fn ask_each(&mut self, count: usize) -> Result<(), Trouble> {
        for _ in 0..count {
            self.refill(0, 1)?;
            self.drain()?;
        }
        Ok(())
    }

    /// Waits for the answers that are still to come.
    fn drain(&mut self) -> Result<(), Trouble> {
        let (end, mut heard) = (Instant::now() + PATIENCE, Vec::new());
        while self.connections.iter().any(|it| it.pending() > 0) {
            if Instant::now() > end {
                return Err(Trouble::Silent);
            }
            self.hear(Duration::from_millis(10), &mut heard, |_| {})?;
        }
        Ok(())
    }

    /// An open loop; the same three spans as [`closed`](Self::closed). It never sleeps, so that
    /// it is not late itself.
    pub(crate) fn open_loop(
        &mut self,
        rate: f64,
        settle: Duration,
        length: Duration,
        begin: impl FnOnce(),
        end: impl FnOnce(),
    ) -> Result<OpenLoop, Trouble> {
        let mut pace = Pace::new(rate, self.connections.len(), settle);
        self.paced(&mut pace, settle)?;
        self.take_idle();
        begin();
        pace.answers = 0;
        self.paced(&mut pace, settle + length)?;
        end();
        self.drain()?;
        Ok(OpenLoop {
            answers: pace.answers,
            slices: pace.slices,
            own: late(&pace.own),
        })
    }

    fn paced(&mut self, pace: &mut Pace, until: Duration) -> Result<(), Trouble> {
        let mut heard = Vec::new();
        loop {
            let now = nanoseconds(pace.began.elapsed());
            if now >= nanoseconds(until) {
                return Ok(());
            }
            while let Some((index, intended)) = pace.due(now) {
                let asked = self.source.draw(intended);
                self.connections[index].ask(self.source.questions, asked)?;
            }
            let began = pace.began;
            self.hear(Duration::ZERO, &mut heard, |asked| {
                pace.answered(asked.intended, nanoseconds(began.elapsed()));
            })?;
            if heard.is_empty() {
                let looked = nanoseconds(began.elapsed()) - now;
                self.idle += Duration::from_nanos(looked);
            }
            for &index in &heard {
                if self.connections[index].pending() == 0 {
                    pace.free.push_back(index);
                }
            }
        }
    }
}

/// What an open loop saw.
pub(crate) struct OpenLoop {
    pub(crate) answers: u64,
    /// Lateness of each slice.
    pub(crate) slices: Vec<Late>,
    /// How late we asked when a connection was free.
    pub(crate) own: Late,
}

/// Who asks when, and what came of it.
struct Pace {
    began: Instant,
    interval: f64,
    /// Questions that have been asked or wait for a connection.
    asked: u64,
    /// Intended starts that wait for a connection.
    waiting: VecDeque<u64>,
    free: VecDeque<usize>,
    /// Slices count from here.
    measured_from: u64,
    slice: Histogram<u64>,
    slice_ends: u64,
    slices: Vec<Late>,
    own: Histogram<u64>,
    answers: u64,
}

impl Pace {
    fn new(rate: f64, connections: usize, settle: Duration) -> Self {
        let measured_from = nanoseconds(settle);
        Self {
            began: Instant::now(),
            interval: 1e9 / rate,
            asked: 0,
            waiting: VecDeque::new(),
            free: (0..connections).collect(),
            measured_from,
            slice: histogram(),
            slice_ends: measured_from + nanoseconds(SLICE),
            slices: Vec::new(),
            own: histogram(),
            answers: 0,
        }
    }

    /// A question that is to be asked by now, and the connection for it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "nanoseconds of a window"
    )]
    fn due(&mut self, now: u64) -> Option<(usize, u64)> {
        loop {
            let next = (self.asked as f64 * self.interval) as u64;
            if next > now {
                break;
            }
            if self.free.len() > self.waiting.len() {
                self.own.saturating_record(now - next);
            }
            self.waiting.push_back(next);
            self.asked += 1;
        }
        if self.free.is_empty() {
            return None;
        }
        let intended = self.waiting.pop_front()?;
        let index = self.free.pop_front()?;
        Some((index, intended))
    }

    fn answered(&mut self, intended: u64, now: u64) {
        self.answers += 1;
        if intended < self.measured_from {
            return;
        }
        while now >= self.slice_ends {
            if !self.slice.is_empty() {
                self.slices.push(late(&self.slice));
                self.slice.reset();
            }
            self.slice_ends += nanoseconds(SLICE);
        }
        self.slice.saturating_record(now - intended);
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds")
}

fn late(histogram: &Histogram<u64>) -> Late {
    #[expect(clippy::cast_precision_loss, reason = "microseconds to three digits")]
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Late {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Io(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the server closed a connection"),
            Self::Full => f.write_str("the server has stopped reading"),
            Self::Unasked => f.write_str("an answer to no question"),
            Self::NoLength => f.write_str("an answer without Content-Length"),
            Self::Silent => write!(f, "no answer for {} s", PATIENCE.as_secs()),
            Self::Wrong {
                question,
                head,
                body,
                expected,
            } => write!(
                f,
                "question {question} is answered wrongly:\n{head}\n\n{body}\nexpected:\n{expected}"
            ),
            Self::Of(name, trouble) => write!(f, "{name}: {trouble}"),
        }
    }
}
