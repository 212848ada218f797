//! Employers who send the same list again and again: load beside which single look-ups are timed.
//!
//! They run at the lowest urgency there is and offer the core after every piece, so that where
//! they share it with the timing of look-ups, they are not what is timed.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;

/// Bytes written or read at once.
const PIECE: usize = 16 * 1024;

/// An answer that stands still for so long is an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// How an answered list begins.
const ANSWERED: &[u8] = b"HTTP/1.1 200 ";

/// Why lists were not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmployersError {
    /// The list or the keys cannot be read.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// The connection failed.
    #[error("a list was not answered: {0}")]
    Connection(#[from] io::Error),
    /// The server said something else.
    #[error("a list was refused: {0}")]
    Refused(String),
}

/// Sends the list in `file` for `--seconds`, one employer for each line of `keys`, and tells how
/// many were answered. A list that is under way at the end is given up.
pub(crate) fn told(
    arguments: &Arguments,
    file: &Path,
    keys: &Path,
) -> Result<String, EmployersError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| EmployersError::File(path.display().to_string(), error))
    };
    let (list, keys) = (read(file)?, read(keys)?);
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let (list, server) = (&list[..], arguments.server);
    let counts = thread::scope(|scope| {
        let employers: Vec<_> = keys
            .split(|byte| *byte == b'\n')
            .filter(|key| !key.is_empty())
            .map(|key| scope.spawn(move || send_until(server, key, list, end)))
            .collect();
        let joined = employers.into_iter().map(|employer| {
            let joined = employer.join();
            joined.expect("an employer does not panic")
        });
        joined.collect::<Result<Vec<u64>, _>>()
    })?;
    let rows = rows(list);
    let lists: u64 = counts.iter().sum();
    Ok(format!(
        "{lists} lists of {rows} rows answered, {} rows a second, {} employers",
        lists * rows / arguments.seconds,
        counts.len()
    ))
}

/// Rows of a CSV list, without its header; no cell of ours has a line break.
fn rows(list: &[u8]) -> u64 {
    let lines = list.split(|byte| *byte == b'\n');
    let filled = lines.filter(|line| !line.trim_ascii().is_empty()).count() as u64;
    filled.saturating_sub(1)
}

fn send_until(
    server: SocketAddr,
    key: &[u8],
    list: &[u8],
    end: Instant,
) -> Result<u64, EmployersError> {
    let mut lists = 0;
    while Instant::now() < end {
        lists += u64::from(send(server, key, list, end)?);
    }
    Ok(lists)
}

/// Whether the list was answered to its end in time.
fn send(server: SocketAddr, key: &[u8], list: &[u8], end: Instant) -> Result<bool, EmployersError> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = list.len();
    write!(
        stream,
        "POST /v1/bulk HTTP/1.1\r\nHost: {server}\r\nContent-Type: text/csv\r\n\
         Accept: text/csv\r\nContent-Length: {length}\r\nConnection: close\r\n\
         Authorization: Bearer "
    )?;
    stream.write_all(key)?;
    stream.write_all(b"\r\n\r\n")?;
    for piece in list.chunks(PIECE) {
        if Instant::now() >= end {
            return Ok(false);
        }
        stream.write_all(piece)?;
        thread::yield_now();
    }
    is_answered(&mut stream, end)
}

fn is_answered(stream: &mut TcpStream, end: Instant) -> Result<bool, EmployersError> {
    let mut piece = vec![0; PIECE];
    stream.read_exact(&mut piece[..ANSWERED.len()])?;
    if !piece.starts_with(ANSWERED) {
        let told = stream.take(PIECE as u64).read(&mut piece)?;
        let told = String::from_utf8_lossy(&piece[..told]).into_owned();
        return Err(EmployersError::Refused(told));
    }
    // The last chunk of an answer that was not cut short.
    let mut last = [0; 5];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            break;
        }
        keep_last(&mut last, &piece[..count]);
        if Instant::now() >= end {
            return Ok(false);
        }
        thread::yield_now();
    }
    match &last == b"0\r\n\r\n" {
        true => Ok(true),
        false => Err(EmployersError::Refused("it was cut short".to_owned())),
    }
}

/// Keeps the last bytes of all that were seen.
fn keep_last<const N: usize>(last: &mut [u8; N], seen: &[u8]) {
    let new = seen.len().min(N);
    last.rotate_left(new);
    last[N - new..].copy_from_slice(&seen[seen.len() - new..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_that_are_not_empty() {
        for (list, expected) in [
            ("", 0),
            ("head", 0),
            ("head\r\n", 0),
            ("head\na\nb\n", 2),
            ("head\na\nb", 2),
            ("head\r\na\r\n\r\n", 1),
        ] {
            assert_eq!(rows(list.as_bytes()), expected, "{list:?}");
        }
    }

    #[test]
    fn the_last_bytes_are_kept_however_they_come() {
        for pieces in [
            &["abcdefgh"][..],
            &["abc", "defgh"],
            &["a", "b", "cd", "e", "f", "gh"],
        ] {
            let mut last = [0; 5];
            for piece in pieces {
                keep_last(&mut last, piece.as_bytes());
            }
            assert_eq!(&last, b"defgh", "{pieces:?}");
        }
    }
}
