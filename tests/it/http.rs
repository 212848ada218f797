//! A client that sends exactly the bytes it is given and shows everything that comes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any deadline of the server: a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A response, read to the end of its connection.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first value of a header, its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.0 == name)
            .map(|header| header.1.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Everything but the time of day.
    pub(crate) fn without_date(&self) -> (u16, Vec<&(String, String)>, &[u8]) {
        let headers = self
            .headers
            .iter()
            .filter(|header| header.0 != "date")
            .collect();
        (self.status, headers, &self.body)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no response: {}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        Self {
            status,
            headers: lines.map(header).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }
}

/// Sends a request on a connection of its own.
pub(crate) fn send(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: certq\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        request += &format!("content-length: {}\r\n", body.len());
    }
    let mut bytes = format!("{request}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Response::parse(&exchange(to, &bytes))
}

/// A connection that is kept, with one request at a time.
pub(crate) struct Kept(TcpStream);

impl Kept {
    pub(crate) fn open(to: SocketAddr) -> Self {
        let stream = connect(to);
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// A look-up by JSON; appends the response to `heard` as it came.
    pub(crate) fn lookup(&mut self, json: &str, heard: &mut Vec<u8>) {
        let request = format!(
            "POST /v1/lookup HTTP/1.1\r\nhost: certq\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{json}",
            json.len()
        );
        self.0.write_all(request.as_bytes()).unwrap();
        let begin = heard.len();
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = self.0.read(&mut buffer).unwrap();
            assert!(read > 0, "the server closed a connection that was in use");
            heard.extend_from_slice(&buffer[..read]);
            let response = &heard[begin..];
            if let Some(length) = whole_length(response)
                && response.len() >= length
            {
                assert_eq!(response.len(), length, "more than was asked for");
                return;
            }
        }
    }
}

/// Length of a response by its head; `None` while the head is not whole.
fn whole_length(response: &[u8]) -> Option<usize> {
    let find = |text: &[u8]| response.windows(text.len()).position(|it| it == text);
    let head = find(b"\r\n\r\n")? + 4;
    let begin = find(b"content-length: ").expect("answers have a length") + 16;
    let digits = response[begin..]
        .iter()
        .take_while(|it| it.is_ascii_digit());
    let body = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    Some(head + body)
}

/// `GET` without headers.
pub(crate) fn get(to: SocketAddr, target: &str) -> Response {
    send(to, "GET", target, &[], b"")
}

/// A look-up by JSON.
pub(crate) fn lookup(to: SocketAddr, json: &str) -> Response {
    let headers = [("content-type", "application/json")];
    send(to, "POST", "/v1/lookup", &headers, json.as_bytes())
}

/// Sends bytes and reads until the server closes.
pub(crate) fn exchange(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(to);
    stream.write_all(bytes).unwrap();
    read_to_end(&mut stream)
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What comes until the server closes; a reset counts as closing.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("the server keeps the connection open: {error}"),
        }
    }
}
