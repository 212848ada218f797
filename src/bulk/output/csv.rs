//! The original table with ten more columns, as CSV.

use std::io::{self, ErrorKind, Write};

use encoding_rs::{Encoder, EncoderResult, GB18030};

use super::super::columns;
use super::super::list::{Cells, List};
use super::super::outlet::Outlet;
use super::super::verdict::Verdict;
use super::is_formula;
use crate::live::Current;

/// A table under way.
pub(in super::super) struct Table {
    writer: ::csv::Writer<Text>,
    width: usize,
    /// Whether what would be a formula gets an apostrophe.
    is_guarded: bool,
}

/// UTF-8 on its way into the encoding that was asked for.
struct Text {
    outlet: Outlet,
    encoder: Option<Encoder>,
    /// The end of what was written, when it may be the beginning of a character.
    carry: Vec<u8>,
    encoded: Vec<u8>,
}

impl Table {
    pub(super) fn begin_utf8(
        list: &List,
        mut outlet: Outlet,
        is_guarded: bool,
    ) -> io::Result<Self> {
        outlet.write_all("\u{FEFF}".as_bytes())?;
        Self::begin(list, outlet, None, is_guarded)
    }

    pub(super) fn begin_gb18030(list: &List, outlet: Outlet) -> io::Result<Self> {
        Self::begin(list, outlet, Some(GB18030.new_encoder()), true)
    }

    fn begin(
        list: &List,
        outlet: Outlet,
        encoder: Option<Encoder>,
        is_guarded: bool,
    ) -> io::Result<Self> {
        let text = Text {
            outlet,
            encoder,
            carry: Vec::new(),
            encoded: Vec::new(),
        };
        let writer = ::csv::WriterBuilder::new()
            .terminator(::csv::Terminator::CRLF)
            .from_writer(text);
        let mut table = Self {
            writer,
            width: list.width,
            is_guarded,
        };
        for text in list.head().into_iter().chain(columns::APPENDED) {
            table.put(text)?;
        }
        table.end_row()?;
        Ok(table)
    }

    pub(super) fn row(
        &mut self,
        current: &Current,
        cells: Cells<'_>,
        verdict: &Verdict<'_>,
    ) -> io::Result<()> {
        for place in 0..self.width {
            self.put(cells.text(place))?;
        }
        for text in columns::values(current, verdict) {
            self.put(&text)?;
        }
        self.end_row()
    }

    pub(super) fn end(self) -> io::Result<()> {
        let text = self.writer.into_inner();
        let text = text.map_err(::csv::IntoInnerError::into_error)?;
        text.outlet.end()
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        let written = match self.is_guarded && is_formula(text) {
            true => self.writer.write_field(format!("'{text}")),
            false => self.writer.write_field(text),
        };
        written.map_err(of_csv)
    }

    fn end_row(&mut self) -> io::Result<()> {
        self.writer.write_record(None::<&[u8]>).map_err(of_csv)
    }
}

/// Keeps an error of the outlet what it was.
fn of_csv(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        _ => ErrorKind::InvalidData.into(),
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(encoder) = &mut self.encoder else {
            return self.outlet.write(bytes);
        };
        self.carry.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.carry) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = std::str::from_utf8(&self.carry[..whole]).unwrap_or_default();
        self.encoded.clear();
        let most = encoder.max_buffer_length_from_utf8_without_replacement(text.len());
        self.encoded.reserve(most.unwrap_or_default());
        let (result, _) =
            encoder.encode_from_utf8_to_vec_without_replacement(text, &mut self.encoded, false);
        // The first pass has looked at the list, so this would be a text of the register.
        if result != EncoderResult::InputEmpty {
            return Err(ErrorKind::InvalidData.into());
        }
        self.carry.drain(..whole);
        self.outlet.write_all(&self.encoded)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
