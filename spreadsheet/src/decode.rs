//! Text of a CSV file: UTF-8 with or without a byte order mark, else GB18030, never with loss.

use std::io::{self, BufRead};
use std::path::Path;

use encoding_rs::{DecoderResult, GB18030};

use super::BLOCK_BYTES;
use super::error::SpreadsheetError;

/// An encoding that can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// With or without a byte order mark.
    Utf8,
    /// GB18030, of which GBK and GB2312 are parts.
    Gb18030,
}

/// A file with this many well-formed UTF-8 sequences for each malformed one is damaged UTF-8, not
/// GB18030: in GB18030 text no more than about one pair in six looks like UTF-8 by chance. Taken
/// for GB18030, such a file would decode to wrong names without an error.
const WELL_FORMED_FOR_EACH_MALFORMED: u64 = 10;

/// Finds out the encoding of bytes that pass.
#[derive(Default)]
pub(super) struct Judge {
    /// The end of the last block, when it may be the beginning of a character.
    carry: Vec<u8>,
    seen_bytes: u64,
    well_formed: u64,
    malformed: u64,
    first_malformed: u64,
    has_mark: bool,
}

impl Judge {
    /// Looks at the next bytes. Cost: about that of a copy, and 10 ns for each malformed sequence.
    pub(super) fn look(&mut self, block: &[u8]) {
        if self.seen_bytes == 0 {
            self.has_mark = block.starts_with("\u{FEFF}".as_bytes());
        }
        if self.carry.is_empty() {
            return self.count(block, false);
        }
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.extend_from_slice(block);
        self.count(&bytes, false);
    }

    /// The encoding, or that there is none.
    pub(super) fn verdict(mut self) -> Result<Encoding, SpreadsheetError> {
        let rest = std::mem::take(&mut self.carry);
        self.count(&rest, true);
        let is_damaged = self.has_mark
            || self.well_formed >= WELL_FORMED_FOR_EACH_MALFORMED.saturating_mul(self.malformed);
        match self.malformed {
            0 => Ok(Encoding::Utf8),
            _ if is_damaged => Err(SpreadsheetError::Encoding {
                offset_bytes: self.first_malformed,
            }),
            _ => Ok(Encoding::Gb18030),
        }
    }

    fn count(&mut self, bytes: &[u8], is_last: bool) {
        let whole = match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => Some(bytes.len()),
            // The block ends within a character.
            Err(error) if error.error_len().is_none() && !is_last => Some(error.valid_up_to()),
            Err(_) => None,
        };
        if let Some(whole) = whole {
            self.well_formed += count_leads(&bytes[..whole]);
            self.seen_bytes += whole as u64;
            self.carry = bytes[whole..].to_vec();
            return;
        }
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            self.well_formed += count_leads(chunk.valid().as_bytes());
            at += chunk.valid().len();
            let invalid = chunk.invalid();
            if at + invalid.len() == bytes.len() && !is_last {
                self.carry = invalid.to_vec();
                break;
            }
            if !invalid.is_empty() {
                if self.malformed == 0 {
                    self.first_malformed = self.seen_bytes + at as u64;
                }
                self.malformed += 1;
                at += invalid.len();
            }
        }
        self.seen_bytes += at as u64;
    }
}

/// Lead bytes only: everything below U+0080 is the same in both encodings.
fn count_leads(text: &[u8]) -> u64 {
    // Few enough at once for a byte, so that many are counted by one instruction.
    let few = text.chunks(128);
    few.map(|few| {
        let leads = few.iter().map(|&byte| u8::from(byte >= 0xC0));
        u64::from(leads.sum::<u8>())
    })
    .sum()
}

/// Gives out the text of a file that is read from its beginning, piece by piece. Cost of UTF-8:
/// one look at each byte; nothing is copied that lies in the reader's buffer.
///
/// # Errors
///
/// Those of `each`; those of reading; and the first byte that is not of this encoding, which means
/// that the file has changed since it was judged.
pub(super) fn pieces<E: From<SpreadsheetError>>(
    path: &Path,
    reader: &mut impl BufRead,
    encoding: Encoding,
    mut each: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    match encoding {
        Encoding::Utf8 => utf8(path, reader, &mut each),
        Encoding::Gb18030 => gb18030(path, reader, &mut each),
    }
}

fn utf8<E: From<SpreadsheetError>>(
    path: &Path,
    reader: &mut impl BufRead,
    each: &mut impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let mut read = 0;
    // A character that began in the block before.
    let mut broken = Vec::new();
    loop {
        let block = next_block(reader).map_err(SpreadsheetError::io(path))?;
        if block.is_empty() {
            return if broken.is_empty() {
                Ok(())
            } else {
                Err(malformed(read - broken.len() as u64).into())
            };
        }
        let taken;
        if broken.is_empty() && whole_characters(block) > 0 {
            taken = whole_characters(block);
            let text = simdutf8::compat::from_utf8(&block[..taken])
                .map_err(|error| malformed(read + error.valid_up_to() as u64))?;
            each(without_mark(text, read))?;
        } else {
            taken = 1;
            broken.push(block[0]);
            match std::str::from_utf8(&broken) {
                Ok(text) => {
                    each(without_mark(text, read + 1 - broken.len() as u64))?;
                    broken.clear();
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(malformed(read + 1 - broken.len() as u64).into()),
            }
        }
        reader.consume(taken);
        read += taken as u64;
    }
}

/// How many bytes there are before a character that the block may break off. Told by lead bytes
/// alone, so what is not UTF-8 counts as whole.
fn whole_characters(block: &[u8]) -> usize {
    let last = block.len().saturating_sub(3)..block.len();
    let is_broken_off = |&at: &usize| {
        let length = match block[at] {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            _ => 1,
        };
        at + length > block.len()
    };
    last.rev().find(is_broken_off).unwrap_or(block.len())
}

/// The text of a file without its byte order mark; `at` is where the text begins.
fn without_mark(text: &str, at: u64) -> &str {
    match at {
        0 => text.strip_prefix('\u{FEFF}').unwrap_or(text),
        _ => text,
    }
}

fn gb18030<E: From<SpreadsheetError>>(
    path: &Path,
    reader: &mut impl BufRead,
    each: &mut impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let mut piece = String::with_capacity(BLOCK_BYTES * 3);
    let mut read = 0;
    loop {
        let block = next_block(reader).map_err(SpreadsheetError::io(path))?;
        let is_last = block.is_empty();
        let (result, taken) =
            decoder.decode_to_string_without_replacement(block, &mut piece, is_last);
        reader.consume(taken);
        read += taken as u64;
        if let DecoderResult::Malformed(..) = result {
            return Err(malformed(read).into());
        }
        each(&piece)?;
        piece.clear();
        if is_last && result == DecoderResult::InputEmpty {
            return Ok(());
        }
    }
}

fn malformed(offset_bytes: u64) -> SpreadsheetError {
    SpreadsheetError::Encoding { offset_bytes }
}

/// What is read next, at most a block of it; empty at the end.
fn next_block(reader: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let buffer = reader.fill_buf()?;
    Ok(&buffer[..buffer.len().min(BLOCK_BYTES)])
}
