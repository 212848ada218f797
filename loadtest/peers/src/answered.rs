//! Reads answers off the bytes of a connection: where one ends, and whether it is a 200.
//!
//! No parser of HTTP: the servers are known, and each writes its heads alike. What it needs is the
//! end of the head and the length of the body.

use memchr::memmem::Finder;

/// How a server writes its heads.
pub struct Heads {
    end: Finder<'static>,
    length: Finder<'static>,
}

/// One whole answer.
pub struct Answered<'b> {
    /// Whether the status is 200.
    pub ok: bool,
    /// The head, without the empty line.
    pub head: &'b [u8],
    /// The body.
    pub body: &'b [u8],
    /// Bytes of both.
    pub bytes: usize,
}

/// A head that says nothing of how long its body is.
#[derive(Debug)]
pub struct NoLength;

impl Default for Heads {
    fn default() -> Self {
        Self {
            end: Finder::new(b"\r\n\r\n"),
            // nginx writes Content-Length, hyper content-length.
            length: Finder::new(b"ontent-"),
        }
    }
}

impl Heads {
    /// The first answer in `bytes`, once all of it is there.
    ///
    /// # Errors
    ///
    /// [`NoLength`]: the server writes chunks, or no HTTP.
    pub fn first<'b>(&self, bytes: &'b [u8]) -> Result<Option<Answered<'b>>, NoLength> {
        let Some(head) = self.end.find(bytes) else {
            return Ok(None);
        };
        let (head, rest) = (&bytes[..head], &bytes[head + 4..]);
        let length = self.length(head).ok_or(NoLength)?;
        Ok(rest.get(..length).map(|body| Answered {
            ok: head.starts_with(b"HTTP/1.1 200 "),
            head,
            body,
            bytes: head.len() + 4 + length,
        }))
    }

    /// What the field Content-Length says.
    fn length(&self, head: &[u8]) -> Option<usize> {
        let mut places = self.length.find_iter(head);
        let value = places.find_map(|place| {
            let field = &head[place + b"ontent-".len()..];
            let named = field.len() > 8 && field[..8].eq_ignore_ascii_case(b"length: ");
            named.then(|| &field[8..])
        })?;
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
        Some(digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_after_the_other() {
        let bytes =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\nhello\
            HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\nHTTP";
        let heads = Heads::default();
        let first = heads.first(bytes).unwrap().unwrap();
        assert!(first.ok && first.body == b"hello");
        let second = heads.first(&bytes[first.bytes..]).unwrap().unwrap();
        assert!(!second.ok && second.body.is_empty());
        let third = heads.first(&bytes[first.bytes + second.bytes..]);
        assert!(third.unwrap().is_none());
    }

    #[test]
    fn a_body_that_is_not_all_there() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell";
        assert!(Heads::default().first(bytes).unwrap().is_none());
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n";
        assert!(Heads::default().first(chunked).is_err());
    }
}
