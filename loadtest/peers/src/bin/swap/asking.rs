//! Kept-alive connections that ask, and the judge of what comes back: a 200 of one of the two
//! epochs, never the older after the newer on one connection, with exactly the body of its epoch.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use peers::answered::{Answered, Heads};
use peers::questions::Questions;

use crate::Trouble;
use crate::windows::Windows;

/// Bytes taken off a connection at a time; more than one answer.
const PART: usize = 64 * 1024;

/// How long a server may leave a question unanswered.
const PATIENCE: Duration = Duration::from_secs(20);

/// A question under way.
#[derive(Clone, Copy)]
struct Pending {
    question: usize,
    /// Time of the pace at which it was to be asked.
    intended: Duration,
}

/// A connection asks one question at a time.
struct Connection {
    stream: TcpStream,
    pending: Option<Pending>,
    begun: Vec<u8>,
    /// The newest epoch that it has answered from.
    epoch: usize,
}

/// All connections to a server.
pub(crate) struct Asking<'q> {
    /// With the answers of epoch 1 and of epoch 2.
    questions: &'q [Questions; 2],
    next: usize,
    connections: Vec<Connection>,
    poll: Poll,
    events: Events,
    heads: Heads,
    epoch: Finder<'static>,
    room: Vec<u8>,
}

/// What a connection has answered.
struct Heard {
    index: usize,
    epoch: usize,
    intended: Duration,
}

impl<'q> Asking<'q> {
    pub(crate) fn open(
        address: SocketAddr,
        connections: usize,
        questions: &'q [Questions; 2],
    ) -> Result<Self, Trouble> {
        let poll = Poll::new()?;
        let connect = |index| -> Result<Connection, Trouble> {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let registry = poll.registry();
            registry.register(&mut stream, Token(index), Interest::READABLE)?;
            Ok(Connection {
                stream,
                pending: None,
                begun: Vec::new(),
                epoch: 1,
            })
        };
        Ok(Self {
            questions,
            next: 0,
            connections: (0..connections).map(connect).collect::<Result<_, _>>()?,
            poll,
            events: Events::with_capacity(1024),
            heads: Heads::default(),
            epoch: Finder::new(b"\r\ncertq-epoch: "),
            room: vec![0; PART],
        })
    }

    /// Every connection asks again as soon as it is answered. Returns answers a second.
    #[expect(clippy::cast_precision_loss, reason = "answers of some seconds")]
    pub(crate) fn closed_loop(&mut self, length: Duration) -> Result<f64, Trouble> {
        let (began, mut answers, mut heard) = (Instant::now(), 0_u64, Vec::new());
        for index in 0..self.connections.len() {
            self.ask(index, Duration::ZERO)?;
        }
        while began.elapsed() < length {
            self.hear(&mut heard)?;
            answers += heard.len() as u64;
            for it in &heard {
                self.ask(it.index, Duration::ZERO)?;
            }
        }
        let rate = answers as f64 / began.elapsed().as_secs_f64();
        while self.connections.iter().any(|it| it.pending.is_some()) {
            if began.elapsed() > length + PATIENCE {
                return Err("a question is not answered".into());
            }
            self.hear(&mut heard)?;
        }
        Ok(rate)
    }

    /// Asks as the pace says until `done`, whatever the server does. It never sleeps, so that it
    /// is not late itself.
    pub(crate) fn open_loop(
        &mut self,
        pace: &mut Pace,
        done: impl Fn(&Pace) -> bool,
    ) -> Result<(), Trouble> {
        let mut heard = Vec::new();
        while !done(pace) {
            while let Some((index, intended)) = pace.due() {
                self.ask(index, intended)?;
            }
            self.hear(&mut heard)?;
            pace.answered(&heard);
        }
        Ok(())
    }

    /// Asks what was to be asked and waits for all answers.
    pub(crate) fn drain(&mut self, pace: &mut Pace) -> Result<(), Trouble> {
        let (began, mut heard) = (Instant::now(), Vec::new());
        while !pace.waiting.is_empty() || self.connections.iter().any(|it| it.pending.is_some()) {
            if began.elapsed() > PATIENCE {
                return Err("a question is not answered".into());
            }
            while let Some((index, intended)) = pace.next_waiting() {
                self.ask(index, intended)?;
            }
            self.hear(&mut heard)?;
            pace.answered(&heard);
        }
        Ok(())
    }

    fn ask(&mut self, index: usize, intended: Duration) -> Result<(), Trouble> {
        let which = self.questions[0].matching();
        let question = which.start + self.next % which.len();
        self.next += 1;
        let connection = &mut self.connections[index];
        connection.pending = Some(Pending { question, intended });
        let request = self.questions[0].request(question);
        match connection.stream.write(request)? {
            written if written == request.len() => Ok(()),
            _ => Err("the server has stopped reading".into()),
        }
    }

    /// Takes what has come, without waiting.
    fn hear(&mut self, heard: &mut Vec<Heard>) -> Result<(), Trouble> {
        heard.clear();
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            let Token(index) = event.token();
            let connection = &mut self.connections[index];
            let Some(bytes) = connection.take(&mut self.room)? else {
                continue;
            };
            let answer = self.heads.first(&self.room[..bytes]);
            let Some(answer) = answer.map_err(|_| "an answer of unknown length")? else {
                connection.begun.extend_from_slice(&self.room[..bytes]);
                continue;
            };
            let asked = connection
                .pending
                .take()
                .ok_or("an answer to no question")?;
            let epoch = epoch_of(&self.epoch, &answer);
            let expected = |epoch: usize| self.questions[epoch - 1].answer(asked.question);
            let known = (1..=2).contains(&epoch) && epoch >= connection.epoch;
            if !answer.ok || answer.bytes != bytes || !known || answer.body != expected(epoch) {
                return Err(wrong(&answer, connection.epoch).into());
            }
            connection.epoch = epoch;
            heard.push(Heard {
                index,
                epoch,
                intended: asked.intended,
            });
        }
        Ok(())
    }
}

/// The epoch that a head names; 0 when it names none.
fn epoch_of(finder: &Finder<'_>, answer: &Answered<'_>) -> usize {
    let value = finder
        .find(answer.head)
        .map(|at| &answer.head[at + finder.needle().len()..]);
    let digits = value
        .into_iter()
        .flatten()
        .take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |epoch, digit| epoch * 10 + usize::from(digit - b'0'))
}

fn wrong(answer: &Answered<'_>, after: usize) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = (text(answer.head), text(answer.body));
    format!("a wrong answer, after one of epoch {after}:\n{head}\n\n{body}")
}

impl Connection {
    /// Puts what began earlier and what has come since into `room`; `None` when nothing has.
    fn take(&mut self, room: &mut [u8]) -> Result<Option<usize>, Trouble> {
        let kept = self.begun.len();
        room[..kept].copy_from_slice(&self.begun);
        match self.stream.read(&mut room[kept..]) {
            Ok(0) => Err("the server closed a connection".into()),
            Ok(read) => {
                self.begun.clear();
                Ok(Some(kept + read))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Who asks when in an open loop, and what came of it. Time counts from its making.
pub(crate) struct Pace {
    began: Instant,
    interval: Duration,
    /// When the next question is to be asked.
    next: Duration,
    /// Intended starts that wait for a connection.
    waiting: VecDeque<Duration>,
    free: VecDeque<usize>,
    windows: Windows,
    answers: u64,
    swapped: Option<Duration>,
}

impl Pace {
    pub(crate) fn new(rate: f64, connections: usize) -> Self {
        Self {
            began: Instant::now(),
            interval: Duration::from_secs_f64(1.0 / rate),
            next: Duration::ZERO,
            waiting: VecDeque::new(),
            free: (0..connections).collect(),
            windows: Windows::new(rate),
            answers: 0,
            swapped: None,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// When the first answer of epoch 2 came.
    pub(crate) fn swapped(&self) -> Option<Duration> {
        self.swapped
    }

    pub(crate) fn answers(&self) -> u64 {
        self.answers
    }

    pub(crate) fn windows(&self) -> &Windows {
        &self.windows
    }

    /// A question that is to be asked by now, and the connection for it.
    fn due(&mut self) -> Option<(usize, Duration)> {
        let now = self.elapsed();
        while self.next <= now {
            if self.free.len() > self.waiting.len() {
                self.windows.asked_late(self.next, now - self.next);
            }
            self.waiting.push_back(self.next);
            self.next += self.interval;
        }
        self.next_waiting()
    }

    fn next_waiting(&mut self) -> Option<(usize, Duration)> {
        if self.free.is_empty() {
            return None;
        }
        let intended = self.waiting.pop_front()?;
        Some((self.free.pop_front()?, intended))
    }

    fn answered(&mut self, heard: &[Heard]) {
        if heard.is_empty() {
            return;
        }
        let now = self.elapsed();
        for it in heard {
            self.answers += 1;
            self.windows.answered(it.intended, now);
            self.free.push_back(it.index);
            if it.epoch == 2 && self.swapped.is_none() {
                self.swapped = Some(now);
            }
        }
    }
}
