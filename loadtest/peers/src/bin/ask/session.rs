//! One server asked for one window, in a closed loop or an open one.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use peers::answered::Heads;
use peers::questions::Questions;

use crate::connection::{Connection, PART, Pending};
use crate::pace::{OpenLoop, Pace, nanoseconds};

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Each connection asks `depth` questions at once, and again when all are answered.
    Closed { depth: usize },
    /// So many questions a second at even intervals, whatever the server does; lateness counts
    /// from the intended start.
    Open(f64),
}

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
        self.drain(|_| {})?;
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
            self.drain(|_| {})?;
        }
        Ok(())
    }

    /// Waits for the answers that are still to come.
    fn drain(&mut self, mut answered: impl FnMut(Pending)) -> Result<(), Trouble> {
        let (end, mut heard) = (Instant::now() + PATIENCE, Vec::new());
        while self.connections.iter().any(|it| it.pending() > 0) {
            if Instant::now() > end {
                return Err(Trouble::Silent);
            }
            self.hear(Duration::from_millis(10), &mut heard, &mut answered)?;
        }
        Ok(())
    }

    /// An open loop; the same three spans as [`closed`](Self::closed). It never sleeps, so that
    /// it is not late itself. No question that was to be asked in `length` is left out: what is
    /// under way when it ends is waited for, and what could not be asked for want of a free
    /// connection is as late as can be said by then.
    pub(crate) fn open_loop(
        &mut self,
        rate: f64,
        settle: Duration,
        length: Duration,
        begin: impl FnOnce(),
        end: impl FnOnce(),
    ) -> Result<OpenLoop, Trouble> {
        let mut pace = Pace::new(rate, self.connections.len(), settle, length);
        self.paced(&mut pace, settle)?;
        self.take_idle();
        begin();
        self.paced(&mut pace, settle + length)?;
        end();
        let began = pace.began();
        self.drain(|asked| pace.answered(asked.intended, nanoseconds(began.elapsed())))?;
        let now = nanoseconds(began.elapsed());
        Ok(pace.finish(now))
    }

    fn paced(&mut self, pace: &mut Pace, until: Duration) -> Result<(), Trouble> {
        let (began, mut heard) = (pace.began(), Vec::new());
        loop {
            let now = nanoseconds(began.elapsed());
            if now >= nanoseconds(until) {
                return Ok(());
            }
            while let Some((index, intended)) = pace.due(now) {
                let asked = self.source.draw(intended);
                self.connections[index].ask(self.source.questions, asked)?;
            }
            self.hear(Duration::ZERO, &mut heard, |asked| {
                pace.answered(asked.intended, nanoseconds(began.elapsed()));
            })?;
            if heard.is_empty() {
                let looked = nanoseconds(began.elapsed()) - now;
                self.idle += Duration::from_nanos(looked);
            }
            for &index in &heard {
                if self.connections[index].pending() == 0 {
                    pace.free(index);
                }
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::{env, fs, process, thread};

    use peers::questions::Method;

    use super::*;

    const CONNECTIONS: usize = 2;

    /// Answers one question after the other, each only while it can have the lock.
    fn answer(mut stream: TcpStream, gate: &Mutex<()>) {
        let mut room = [0; 4096];
        while stream.read(&mut room).is_ok_and(|read| read > 0) {
            let _open = gate.lock().unwrap();
            let sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
            sent.unwrap();
        }
    }

    #[test]
    fn questions_that_nobody_answers_are_late_to_the_end_of_the_window() {
        let path = env::temp_dir().join(format!("questions-{}", process::id()));
        fs::write(&path, "1\t0\n{\"name\":\"\"}\t{}\n").unwrap();
        let questions = Questions::read(&path, Method::Post, 1).unwrap();
        fs::remove_file(&path).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        let of_server = Arc::clone(&gate);
        thread::spawn(move || {
            for stream in listener.incoming().take(CONNECTIONS) {
                let gate = Arc::clone(&of_server);
                thread::spawn(move || answer(stream.unwrap(), &gate));
            }
        });
        let source = Source {
            which: questions.matching(),
            questions: &questions,
            next: &mut 0,
            constant: false,
        };
        let mut session = Session::open(address, CONNECTIONS, source).unwrap();
        let second = Duration::from_secs(1);
        let end = || drop(closed);
        let seen = session.open_loop(500.0, Duration::ZERO, second, || {}, end);
        let seen = seen.unwrap();
        // Two are under way and are waited for; the others were never asked.
        assert_eq!(seen.answers, 0);
        assert!(seen.unanswered > 2, "{}", seen.unanswered);
        let (first, last) = (seen.slices[0], seen.slices.last().unwrap());
        assert!(first.p50 > 800e3, "{first:?}");
        assert!(last.p99 < first.p50, "{last:?}");
    }
}
