//! Whether a connection begins with a list.
//!
//! What a list needs of a thread is reading and writing tens of megabytes. On the threads of single
//! look-ups each of those would wait behind it, so a connection whose first request is for a list
//! is served elsewhere. Only the first is looked at: a later one on the same connection is
//! answered all the same, where the connection is.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// How a request for a list begins.
const BEGINNINGS: [&[u8]; 2] = [b"POST /v1/bulk", b"POST /bulk"];

/// Pause before a beginning that is not whole is looked at again: doubled each time.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Looks at the first bytes of a connection without taking them; `None` when there are none in
/// time. Cost: one system call, and one more for each piece in which a list's beginning comes.
pub(super) async fn begins_with_one(stream: &TcpStream, patience: Duration) -> Option<bool> {
    timeout(patience, peek(stream)).await.ok().flatten()
}

async fn peek(stream: &TcpStream) -> Option<bool> {
    let mut first = [0; 16];
    let mut pauses = Pauses::default();
    loop {
        let count = stream
            .peek(&mut first)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        match judge(&first[..count]) {
            Some(verdict) => return Some(verdict),
            None => {
                if let Some(pause) = pauses.after(count) {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// How long to wait between two looks.
struct Pauses {
    seen: usize,
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            seen: 0,
            next: PAUSE,
        }
    }
}

impl Pauses {
    /// The pause after a look at so many bytes. The same bytes again: the rest is on its way, or
    /// its sender means to wait. The socket says at once that there is something to read, so time
    /// must pass here.
    fn after(&mut self, count: usize) -> Option<Duration> {
        if count != self.seen {
            self.seen = count;
            return None;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

/// Whether it is a list; `None` while that cannot be told.
fn judge(first: &[u8]) -> Option<bool> {
    let agrees = |beginning: &&[u8]| {
        let both = first.len().min(beginning.len());
        first[..both] == beginning[..both]
    };
    let longest = BEGINNINGS.into_iter().filter(agrees).map(<[u8]>::len).min();
    match longest {
        None => Some(false),
        Some(length) => (first.len() >= length).then_some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_more_has_come() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.after(3), None);
        let same = [3; 9].map(|count| pauses.after(count).unwrap().as_millis());
        assert_eq!(same, [5, 10, 20, 40, 80, 160, 320, 500, 500]);
        assert_eq!(pauses.after(4), None);
        // Whoever sends a byte at a time is looked at as seldom as before.
        assert_eq!(pauses.after(4), Some(LONGEST_PAUSE));
    }

    #[test]
    fn what_begins_with_a_list() {
        for (first, expected) in [
            ("POST /v1/bulk HTT", Some(true)),
            ("POST /v1/bulk/pre", Some(true)),
            ("POST /v1/bulk", Some(true)),
            ("POST /bulk HTTP/1", Some(true)),
            ("POST /v1/bul", None),
            ("POST /", None),
            ("P", None),
            ("POST /v1/lookup H", Some(false)),
            ("POST / HTTP/1.1\r", Some(false)),
            ("GET /v1/bulk HTTP", Some(false)),
            ("G", Some(false)),
            ("\r\nPOST /v1/bulk", Some(false)),
        ] {
            assert_eq!(judge(first.as_bytes()), expected, "{first}");
        }
    }
}
