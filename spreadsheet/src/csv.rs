//! Rows of a CSV file (RFC 4180), counted as a spreadsheet would show them.
//!
//! Not the `csv` crate: that skips blank lines without counting them, keeps a cell of any length
//! in memory, and does not tell that the file ended within quotes, which is how a lost quote makes
//! every row behind it vanish.

use std::io::BufRead;
use std::path::Path;

use memchr::{memchr, memchr3};

use super::decode::{self, Encoding};
use super::error::SpreadsheetError;
use super::row::{CELL_BYTES_MOST, Kind, Row, column_letters};

/// Where the reader is within a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Before the first character of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// In a quoted cell.
    Quoted,
    /// After a quote in a quoted cell: it ends the cell, or begins a doubled quote.
    Quote,
}

/// Splits text into rows.
struct Splitter<F> {
    state: State,
    row: Row,
    /// The last character was a carriage return, so a line feed belongs to it.
    after_return: bool,
    each: F,
}

/// Gives out every row that is not blank.
pub(super) fn rows<E: From<SpreadsheetError>>(
    path: &Path,
    reader: &mut impl BufRead,
    encoding: Encoding,
    each: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut splitter = Splitter {
        state: State::Start,
        row: Row::new(1, false),
        after_return: false,
        each,
    };
    decode::pieces(path, reader, encoding, |piece| splitter.split(piece))?;
    splitter.end()
}

impl<E: From<SpreadsheetError>, F: FnMut(Row) -> Result<(), E>> Splitter<F> {
    fn split(&mut self, piece: &str) -> Result<(), E> {
        let mut rest = piece;
        while let Some(first) = rest.bytes().next() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            if self.state == State::Start
                && self.row.len() == 0
                && let Some(end) = self.line(rest)
            {
                self.mark(rest.as_bytes()[end])?;
                rest = &rest[end + 1..];
                continue;
            }
            let run = self.run(rest);
            if run > 0 {
                self.fill(&rest[..run]);
                rest = &rest[run..];
            } else {
                self.mark(first)?;
                rest = &rest[1..];
            }
        }
        Ok(())
    }

    /// Fills a row from a whole line without a quote, as nearly all are; tells where it ends.
    fn line(&mut self, rest: &str) -> Option<usize> {
        let bytes = rest.as_bytes();
        let end = memchr3(b'\n', b'\r', b'"', bytes)?;
        let is_plain = bytes[end] != b'"' && end <= CELL_BYTES_MOST;
        (is_plain && self.row.fill_line(&rest[..end])).then_some(end)
    }

    /// Bytes at the beginning of `rest` that mean nothing but themselves here.
    fn run(&self, rest: &str) -> usize {
        let bytes = rest.as_bytes();
        let end = match self.state {
            State::Quoted => memchr(b'"', bytes),
            // A quote means something only as the first character, or after another one.
            State::Start | State::Quote if rest.starts_with('"') => Some(0),
            State::Start | State::Quote | State::Plain => memchr3(b',', b'\n', b'\r', bytes),
        };
        end.unwrap_or(rest.len())
    }

    fn fill(&mut self, text: &str) {
        self.row.fill(text);
        if self.state != State::Quoted {
            self.state = State::Plain;
        }
    }

    /// Takes one of the four characters that mean something.
    fn mark(&mut self, byte: u8) -> Result<(), E> {
        match (byte, self.state) {
            (b'"', State::Start) => self.state = State::Quoted,
            (b'"', State::Quoted) => self.state = State::Quote,
            (b'"', State::Quote) => {
                self.row.fill("\"");
                self.state = State::Quoted;
            }
            (b',', _) => {
                self.row.end_cell(Kind::Text);
                self.state = State::Start;
            }
            _ => {
                self.after_return = byte == b'\r';
                self.end_row()?;
            }
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), E> {
        self.row.end_cell(Kind::Text);
        self.state = State::Start;
        let next = self.row.next();
        let row = std::mem::replace(&mut self.row, next);
        if row.is_blank() {
            Ok(())
        } else {
            (self.each)(row)
        }
    }

    /// The end of the file ends the last row, unless it is within quotes.
    fn end(&mut self) -> Result<(), E> {
        match self.state {
            State::Quoted => Err(SpreadsheetError::Unreadable(format!(
                "第{}行{}列的引号没有配对，其后的内容无法分行；请补上引号",
                self.row.number,
                column_letters(self.row.len())
            ))
            .into()),
            State::Start if self.row.len() == 0 => Ok(()),
            _ => self.end_row(),
        }
    }
}
