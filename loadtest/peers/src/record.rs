//! What every database holds: the number of a certificate, and as its value the holder's name with
//! the ready body of the answer. The same bytes for all of them.
//!
//! A value is the length of the name in one byte, the name in UTF-8, the body. Bodies of misses
//! depend on the institution in the number only, so they are one small file for all, read by
//! [`Misses`].

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Error, ErrorKind, Read as _, Write as _};
use std::path::Path;

use bytes::Bytes;

/// Characters of a certificate number, all ASCII.
pub const NUMBER: usize = 22;

/// The institution at the beginning of a number.
const INSTITUTION: usize = 13;

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// The certificate number.
    pub number: [u8; NUMBER],
    /// Name and body.
    pub value: Vec<u8>,
}

/// A value of these.
///
/// # Panics
///
/// The name has more than 255 bytes, which no name may have.
pub fn value(name: &str, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("names are short");
    let mut value = Vec::with_capacity(1 + name.len() + body.len());
    value.push(length);
    value.extend_from_slice(name.as_bytes());
    value.extend_from_slice(body);
    value
}

/// The body in a value, if its name is this one. The comparison takes as long whatever the names
/// are; it stands for the keyed tag that our server compares, and is cheaper.
pub fn body_for<'v>(value: &'v [u8], name: &str) -> Option<&'v [u8]> {
    let (length, rest) = value.split_first()?;
    let (own, body) = rest.split_at_checked(usize::from(*length))?;
    let differing = own
        .iter()
        .zip(name.as_bytes())
        .fold(0, |seen, (a, b)| seen | (a ^ b));
    (own.len() == name.len() && differing == 0).then_some(body)
}

/// Writes records one after the other, in the order of their numbers.
pub struct Writer(BufWriter<File>);

impl Writer {
    /// Into a new file.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(1 << 20, File::create(path)?)))
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// What the system says, or that the value is far too long.
    pub fn push(&mut self, number: &[u8; NUMBER], value: &[u8]) -> io::Result<()> {
        let length =
            u16::try_from(value.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        self.0.write_all(number)?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(value)
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The records of a file, in the order of their numbers.
pub struct Reader(BufReader<File>);

impl Reader {
    /// Of this file.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(BufReader::with_capacity(1 << 20, File::open(path)?)))
    }

    fn record(&mut self) -> io::Result<Record> {
        let (mut number, mut length) = ([0; NUMBER], [0; 2]);
        self.0.read_exact(&mut number)?;
        self.0.read_exact(&mut length)?;
        let mut value = vec![0; usize::from(u16::from_le_bytes(length))];
        self.0.read_exact(&mut value)?;
        Ok(Record { number, value })
    }
}

impl Iterator for Reader {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        match self.record() {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            record => Some(record),
        }
    }
}

/// The body that says that nothing matches, for each institution.
pub struct Misses(HashMap<[u8; INSTITUTION], Bytes>);

impl Misses {
    /// Reads the file: a line for each, institution and body with a tab between them.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none that `load` wrote.
    pub fn read(path: &Path) -> io::Result<Self> {
        let strange = || Error::new(ErrorKind::InvalidData, "not a file of misses");
        let mut misses = HashMap::new();
        for line in fs::read_to_string(path)?.lines() {
            let (institution, body) = line.split_once('\t').ok_or_else(strange)?;
            let institution = institution.as_bytes().try_into().map_err(|_| strange())?;
            misses.insert(institution, Bytes::copy_from_slice(body.as_bytes()));
        }
        Ok(Self(misses))
    }

    /// The body for a number; empty for one of an institution that nobody has.
    pub fn body(&self, number: &[u8; NUMBER]) -> Bytes {
        let institution = number.first_chunk().expect("a number is longer");
        self.0.get(institution).cloned().unwrap_or_default()
    }

    /// Institutions and bodies.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let pairs = self.0.iter();
        pairs.map(|(institution, body)| (&institution[..], &body[..]))
    }

    /// What a file of them has for this number.
    pub fn line(number: &str, body: &str) -> String {
        format!("{}\t{body}\n", &number[..INSTITUTION])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_for_its_name_only() {
        let value = value("张三", b"{}");
        assert_eq!(body_for(&value, "张三"), Some(&b"{}"[..]));
        for other in ["张四", "张", "张三丰", ""] {
            assert_eq!(body_for(&value, other), None, "{other}");
        }
    }
}
