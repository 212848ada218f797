//! A minimal HTTP/1.1 client: one keep-alive connection, one request at a time, bodies of a known
//! length. Strict, because a framing error of the server is a finding.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer of the server is longer.
const MOST_BYTES: usize = 1024 * 1024;

/// A connection to the server.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A whole response; the parts lie in the connection's buffer.
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// `Content-Type`, as sent.
    pub(crate) media: &'a str,
    pub(crate) body: &'a [u8],
    /// The server will close after this one.
    pub(crate) last: bool,
}

/// Why there is no response. The connection is of no further use.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trouble {
    /// No connection could be made.
    Connect,
    /// The request could not be sent.
    Write,
    /// The response could not be read.
    Read,
    /// The server closed before the response was whole.
    Closed,
    /// The response is not HTTP, has no length, or is followed by bytes nobody asked for.
    Framing,
    /// No whole response in time.
    TimedOut,
}

/// What a response says about itself before its body.
#[derive(Debug, Eq, PartialEq)]
struct Head {
    status: u16,
    media: std::ops::Range<usize>,
    /// Bytes of the head, the empty line among them.
    bytes: usize,
    body_bytes: usize,
    last: bool,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|_| Trouble::Connect)?;
        // A question is one small write that waits for its answer; Nagle would delay nothing
        // but it.
        stream.set_nodelay(true).map_err(|_| Trouble::Connect)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(4 * 1024),
        })
    }

    /// Sends a request and reads its response. Dropping this before it is done leaves the
    /// connection unusable.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Response<'_>, Trouble> {
        self.received.clear();
        let sent = self.stream.write_all(request).await;
        sent.map_err(|_| Trouble::Write)?;
        let head = loop {
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
            self.receive().await?;
        };
        let whole = head.bytes + head.body_bytes;
        while self.received.len() < whole {
            self.receive().await?;
        }
        if self.received.len() > whole {
            return Err(Trouble::Framing);
        }
        Ok(Response {
            status: head.status,
            media: str::from_utf8(&self.received[head.media]).map_err(|_| Trouble::Framing)?,
            body: &self.received[head.bytes..],
            last: head.last,
        })
    }

    async fn receive(&mut self) -> Result<(), Trouble> {
        match self.stream.read_buf(&mut self.received).await {
            Ok(0) => Err(Trouble::Closed),
            Ok(_) => Ok(()),
            Err(_) => Err(Trouble::Read),
        }
    }
}

/// A JSON request. `Host` is the address, as HTTP/1.1 wants one.
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The head at the beginning of `received`; `None` while it is not whole.
fn parse_head(received: &[u8]) -> Result<Option<Head>, Trouble> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if received.len() > MOST_BYTES {
            Err(Trouble::Framing)
        } else {
            Ok(None)
        };
    };
    let text = str::from_utf8(&received[..end]).map_err(|_| Trouble::Framing)?;
    let mut lines = text.split("\r\n");
    let status = status(lines.next().unwrap_or_default()).ok_or(Trouble::Framing)?;
    let (mut media, mut body_bytes, mut last) = (0..0, None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Trouble::Framing)?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.parse().map_err(|_| Trouble::Framing)?;
            body_bytes = Some(length).filter(|&length| length <= MOST_BYTES);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Trouble::Framing);
        } else if name.eq_ignore_ascii_case("content-type") {
            let from = value.as_ptr().addr() - text.as_ptr().addr();
            media = from..from + value.len();
        } else if name.eq_ignore_ascii_case("connection") {
            last = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(Head {
        status,
        media,
        bytes: end + 4,
        body_bytes: body_bytes.ok_or(Trouble::Framing)?,
        last,
    }))
}

/// The code of a status line.
fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
        Content-Length: 2\r\nconnection: close\r\n\r\n{}";

    #[test]
    fn a_head_in_any_number_of_pieces() {
        let head_bytes = WHOLE.len() - 2;
        for cut in 0..head_bytes {
            assert_eq!(parse_head(&WHOLE.as_bytes()[..cut]), Ok(None), "{cut}");
        }
        let head = parse_head(WHOLE.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (head.status, head.bytes, head.body_bytes),
            (200, head_bytes, 2)
        );
        assert!(head.last);
        assert_eq!(&WHOLE[head.media], "application/json");
    }

    #[test]
    fn what_is_not_a_response_with_a_length() {
        for head in [
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            assert_eq!(parse_head(head.as_bytes()), Err(Trouble::Framing), "{head}");
        }
    }
}
