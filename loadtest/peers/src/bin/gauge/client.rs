//! One connection on which one question is asked at a time.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use peers::answered::{Answered, Heads};

use crate::Trouble;

/// More than one answer.
const PART: usize = 64 * 1024;

/// How long a server may leave a question unanswered.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    stream: TcpStream,
    heads: Heads,
    room: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            heads: Heads::default(),
            room: vec![0; PART],
        })
    }

    /// Asks and waits for the answer, which must be a 200. It never sleeps: to be woken takes
    /// longer than a look-up.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answered<'_>, Trouble> {
        let (began, mut filled) = (Instant::now(), 0);
        if self.stream.write(request)? != request.len() {
            return Err("the server has stopped reading".into());
        }
        while !self.whole(filled)? {
            match self.stream.read(&mut self.room[filled..]) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if began.elapsed() > PATIENCE {
                        return Err("a question is not answered".into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        let answer = self.heads.first(&self.room[..filled]);
        match answer.map_err(|_| "an answer of unknown length")? {
            Some(answer) if answer.ok => Ok(answer),
            _ => Err(String::from_utf8_lossy(&self.room[..filled]).into()),
        }
    }

    fn whole(&self, filled: usize) -> Result<bool, Trouble> {
        let first = self.heads.first(&self.room[..filled]);
        let first = first.map_err(|_| "an answer of unknown length")?;
        Ok(first.is_some())
    }
}
