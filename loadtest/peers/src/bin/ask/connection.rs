//! One kept-alive connection: sends questions, takes answers, compares them.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use peers::answered::{Answered, Heads};
use peers::questions::Questions;

use crate::session::Trouble;

/// Bytes taken off a connection at a time; more than a full pipeline of answers.
pub(crate) const PART: usize = 256 * 1024;

/// A question under way.
#[derive(Clone, Copy)]
pub(crate) struct Pending {
    /// Whose answer must come.
    pub(crate) question: usize,
    /// Nanoseconds since the window began at which it was to be asked.
    pub(crate) intended: u64,
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    pending: VecDeque<Pending>,
    /// The beginning of an answer that has not all come.
    begun: Vec<u8>,
    /// Requests to be sent together.
    batch: Vec<u8>,
}

impl Connection {
    /// Connects, waiting for it, and has the events under `token`.
    pub(crate) fn open(
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> Result<Self, Trouble> {
        let stream = std::net::TcpStream::connect(address).map_err(Trouble::Io)?;
        stream.set_nodelay(true).map_err(Trouble::Io)?;
        stream.set_nonblocking(true).map_err(Trouble::Io)?;
        let mut stream = TcpStream::from_std(stream);
        registry
            .register(&mut stream, token, Interest::READABLE)
            .map_err(Trouble::Io)?;
        Ok(Self {
            stream,
            pending: VecDeque::new(),
            begun: Vec::new(),
            batch: Vec::new(),
        })
    }

    /// Questions that have not been answered.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Asks one question.
    pub(crate) fn ask(&mut self, questions: &Questions, asked: Pending) -> Result<(), Trouble> {
        self.pending.push_back(asked);
        send(&mut self.stream, questions.request(asked.question))
    }

    /// Asks several in one write.
    pub(crate) fn ask_all(
        &mut self,
        questions: &Questions,
        asked: impl Iterator<Item = Pending>,
    ) -> Result<(), Trouble> {
        self.batch.clear();
        for asked in asked {
            self.pending.push_back(asked);
            self.batch
                .extend_from_slice(questions.request(asked.question));
        }
        send(&mut self.stream, &self.batch)
    }

    /// Takes what has come, and calls `answered` for each question that it answers. `expected`
    /// tells the body that a question must get.
    pub(crate) fn take<'q>(
        &mut self,
        heads: &Heads,
        room: &mut [u8],
        expected: impl Fn(usize) -> &'q [u8],
        mut answered: impl FnMut(Pending),
    ) -> Result<(), Trouble> {
        loop {
            let kept = self.begun.len();
            room[..kept].copy_from_slice(&self.begun);
            let read = match self.stream.read(&mut room[kept..]) {
                Ok(0) => return Err(Trouble::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Trouble::Io(error)),
            };
            let mut rest = &room[..kept + read];
            while !rest.is_empty() {
                let Some(answer) = heads.first(rest).map_err(|_| Trouble::NoLength)? else {
                    break;
                };
                rest = &rest[answer.bytes..];
                let asked = self.pending.pop_front().ok_or(Trouble::Unasked)?;
                compare(&answer, asked.question, expected(asked.question))?;
                answered(asked);
            }
            self.begun.clear();
            self.begun.extend_from_slice(rest);
            // What comes later is another event.
            if kept + read < room.len() {
                return Ok(());
            }
        }
    }
}

fn compare(answer: &Answered<'_>, question: usize, expected: &[u8]) -> Result<(), Trouble> {
    if answer.ok && answer.body == expected {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(Trouble::Wrong {
        question,
        head: text(answer.head),
        body: text(answer.body),
        expected: text(expected),
    })
}

/// Requests are a few kilobytes and the buffer of a socket megabytes, so all of them fit unless
/// the server has stopped reading.
fn send(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Trouble> {
    match stream.write(bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(Trouble::Full),
        Err(error) => Err(Trouble::Io(error)),
    }
}
