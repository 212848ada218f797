//! The questions of a run and the answers they must get, one file.
//!
//! The file is lines: how many questions match and how many miss, then for each question its JSON
//! and the answer's body, a tab between them; both are JSON without tabs or line breaks.

use std::fs;
use std::io::{self, BufRead, BufReader, Error, ErrorKind};
use std::ops::Range;
use std::path::Path;

/// Where one question stands in the bytes of all.
#[derive(Clone, Copy)]
struct Place {
    request: usize,
    answer: usize,
    end: usize,
}

/// Requests ready to be sent and the bodies that must come back. Cost: some 700 bytes a question.
pub struct Questions {
    bytes: Vec<u8>,
    places: Vec<Place>,
    matches: usize,
}

/// How a target is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// `POST /v1/lookup` with the question as JSON.
    Post,
    /// `GET /NUMBER`, for a server of files. It cannot be told the second factor.
    Get,
}

/// The head and body of `POST /v1/lookup` as a client sends it.
pub fn post(json: &str) -> String {
    let length = json.len();
    format!(
        "POST /v1/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{json}"
    )
}

/// The same question of a server of files.
fn get(json: &str) -> String {
    let number = certificate_number(json);
    format!("GET /{number} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The number in a question that `load` wrote; empty when there is none.
pub fn certificate_number(json: &str) -> &str {
    let after = json.split_once(r#""certificate_number":""#);
    let value = after.and_then(|(_, rest)| rest.split_once('"'));
    value.map_or("", |(number, _)| number)
}

impl Questions {
    /// Reads the file and prepares the requests: at most the first `most` that match, and all that
    /// miss.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is none that `load` wrote.
    pub fn read(path: &Path, method: Method, most: usize) -> io::Result<Self> {
        let mut lines = BufReader::new(fs::File::open(path)?).lines();
        let strange = || Error::new(ErrorKind::InvalidData, "not a file of questions");
        let first = lines.next().ok_or_else(strange)??;
        let (matches, _) = first.split_once('\t').ok_or_else(strange)?;
        let matches: usize = matches.parse().map_err(|_| strange())?;
        let mut questions = Self {
            bytes: Vec::new(),
            places: Vec::new(),
            matches: matches.min(most),
        };
        for (index, line) in lines.enumerate() {
            if (most..matches).contains(&index) {
                continue;
            }
            let line = line?;
            let (json, answer) = line.split_once('\t').ok_or_else(strange)?;
            questions.push(method, json, answer);
        }
        if questions.places.is_empty() {
            return Err(strange());
        }
        Ok(questions)
    }

    fn push(&mut self, method: Method, json: &str, answer: &str) {
        let request = self.bytes.len();
        let text = match method {
            Method::Post => post(json),
            Method::Get => get(json),
        };
        self.bytes.extend_from_slice(text.as_bytes());
        let begins = self.bytes.len();
        self.bytes.extend_from_slice(answer.as_bytes());
        self.places.push(Place {
            request,
            answer: begins,
            end: self.bytes.len(),
        });
    }

    /// Which of the questions match a certificate.
    pub fn matching(&self) -> Range<usize> {
        0..self.matches
    }

    /// Which do not: a number that was never issued, or another's name.
    pub fn missing(&self) -> Range<usize> {
        self.matches..self.places.len()
    }

    /// The bytes that ask question `index`.
    pub fn request(&self, index: usize) -> &[u8] {
        let place = self.places[index];
        &self.bytes[place.request..place.answer]
    }

    /// The body that must be answered.
    pub fn answer(&self, index: usize) -> &[u8] {
        let place = self.places[index];
        &self.bytes[place.answer..place.end]
    }
}
