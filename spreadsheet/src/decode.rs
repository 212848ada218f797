//! Text of a CSV file: UTF-8 with or without a byte order mark, else GB18030, never with loss.

use std::io::Read;
use std::path::{Path, PathBuf};

use encoding_rs::{DecoderResult, GB18030, UTF_8};

use super::error::SpreadsheetError;
use super::{BLOCK_BYTES, read_some};

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

/// The text of a file, piece by piece.
pub(super) struct Text<'a, R> {
    path: PathBuf,
    reader: &'a mut R,
    decoder: encoding_rs::Decoder,
    /// Bytes read so far.
    read: u64,
    block: Vec<u8>,
    /// Bytes of `block` that are filled, and of those the decoded ones.
    filled: usize,
    decoded: usize,
    is_last: bool,
    is_done: bool,
    piece: String,
}

impl<'a, R: Read> Text<'a, R> {
    /// The text of a file that is read from its beginning.
    pub(super) fn new(path: &Path, reader: &'a mut R, encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => UTF_8.new_decoder_with_bom_removal(),
            Encoding::Gb18030 => GB18030.new_decoder_without_bom_handling(),
        };
        Self {
            path: path.to_owned(),
            reader,
            decoder,
            read: 0,
            block: vec![0; BLOCK_BYTES],
            filled: 0,
            decoded: 0,
            is_last: false,
            is_done: false,
            piece: String::with_capacity(BLOCK_BYTES * 3),
        }
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, SpreadsheetError> {
        loop {
            if self.is_done {
                return Ok(None);
            }
            if self.decoded == self.filled && !self.is_last {
                self.read()?;
            }
            self.decode()?;
            if !self.piece.is_empty() {
                return Ok(Some(&self.piece));
            }
        }
    }

    fn read(&mut self) -> Result<(), SpreadsheetError> {
        let count =
            read_some(self.reader, &mut self.block).map_err(SpreadsheetError::io(&self.path))?;
        self.read += count as u64;
        (self.filled, self.decoded) = (count, 0);
        self.is_last = count == 0;
        Ok(())
    }

    fn decode(&mut self) -> Result<(), SpreadsheetError> {
        self.piece.clear();
        let (result, read) = self.decoder.decode_to_string_without_replacement(
            &self.block[self.decoded..self.filled],
            &mut self.piece,
            self.is_last,
        );
        self.decoded += read;
        match result {
            DecoderResult::Malformed(..) => Err(SpreadsheetError::Encoding {
                offset_bytes: self.read - (self.filled - self.decoded) as u64,
            }),
            DecoderResult::InputEmpty => {
                self.is_done = self.is_last;
                Ok(())
            }
            DecoderResult::OutputFull => Ok(()),
        }
    }
}
