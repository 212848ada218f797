//! A delivered list, whatever its form, as entries in order.

use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;
use std::path::Path;
use std::thread;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use spreadsheet::{Cell, Header, Limits, Row, Spreadsheet, SpreadsheetError};

use super::mapping::{self, Places};
use super::{Refused, verdict::Fault};
use crate::question::Typed;
use crate::question::json::Object;
use crate::refusal::{JsonFault, Refusal};

/// What a workbook of 100,000 rows needs, and no more: its strings are kept in memory.
const LIMITS: Limits = Limits {
    file_bytes: 32 * 1024 * 1024,
    inflated_bytes: 256 * 1024 * 1024,
    part_bytes: 24 * 1024 * 1024,
    strings: 600_000,
};

/// Rows between two offers of the core to whoever waits for it: some 0.1 ms. The scheduler moves a
/// thread aside for one that answers only if that one has not had more than its share; if it had,
/// by microseconds even, nothing is looked at again before the next tick, up to 4 ms later.
const ROWS_A_BREATH: usize = 16;

/// Rows that are answered together, as many as the snapshot looks up ahead; and the bytes of a
/// spreadsheet's rows that are enough alone. Objects borrow from the body, or, with escapes, hold at
/// most as much again.
const ROWS_A_BLOCK: usize = 32;
const BLOCK_BYTES: usize = 64 * 1024;

/// In what form a list is delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A JSON object a line.
    Ndjson,
    /// A JSON array of objects.
    Json,
    /// CSV or XLSX; which of them, its bytes tell.
    Spreadsheet,
}

/// A list.
pub(super) struct List {
    shape: Shape,
    /// Columns of the widest row.
    pub(super) width: usize,
}

enum Shape {
    Lines(Bytes),
    Array(Vec<Bytes>),
    Sheet {
        sheet: Box<Spreadsheet<Cursor<Bytes>>>,
        header: Header,
        head: Row,
    },
}

/// One row of a list.
pub(super) struct Entry<'a> {
    /// As delivered.
    pub(super) cells: Cells<'a>,
    /// What is asked, or why it cannot be told.
    pub(super) asked: Result<Typed<'a>, Fault>,
}

/// An entry as it lies in memory.
enum Delivered<'l> {
    Object(Object<'l>),
    /// No object that can be read, but perhaps with a name.
    Unread(JsonFault, Option<Cow<'l, str>>),
    Row(Row, &'l Header),
}

/// The original cells of an entry.
#[derive(Clone, Copy)]
pub(super) enum Cells<'a> {
    /// Of a spreadsheet.
    Row(&'a Row),
    /// Of an object.
    Object(&'a Object<'a>),
    /// Of what is no object that can be read, but perhaps has a name.
    Unread(Option<&'a str>),
}

impl List {
    /// Finds out what a list is. Of an array no more than `rows_most` objects are looked for.
    ///
    /// # Errors
    ///
    /// What is wrong with the list as a whole.
    pub(super) fn open(
        body: Bytes,
        kind: Kind,
        said: Option<Places>,
        rows_most: usize,
    ) -> Result<Self, Refused> {
        let (shape, width) = match kind {
            Kind::Ndjson => (Shape::Lines(body), Cells::FIELDS.len()),
            Kind::Json => (
                Shape::Array(elements(&body, rows_most)?),
                Cells::FIELDS.len(),
            ),
            Kind::Spreadsheet => {
                let mut sheet = open_sheet(body)?;
                let head = first_row(&mut sheet)?;
                let header = mapping::find(&head, said)?;
                let width = head.used();
                let sheet = Box::new(sheet);
                (
                    Shape::Sheet {
                        sheet,
                        header,
                        head,
                    },
                    width,
                )
            }
        };
        Ok(Self { shape, width })
    }

    /// Texts of the original header, one for each column.
    pub(super) fn head(&self) -> Vec<&str> {
        match &self.shape {
            Shape::Sheet { head, .. } => (0..self.width).map(|at| head.printed(at)).collect(),
            Shape::Lines(_) | Shape::Array(_) => Cells::FIELDS.to_vec(),
        }
    }

    /// The cells of the original header, where the list has one.
    pub(super) fn head_cells(&self) -> Option<Cells<'_>> {
        match &self.shape {
            Shape::Sheet { head, .. } => Some(Cells::Row(head)),
            Shape::Lines(_) | Shape::Array(_) => None,
        }
    }

    /// Gives out every entry, in order, and offers the core in between.
    pub(super) fn each<E: From<SpreadsheetError>>(
        &mut self,
        mut each: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read(|delivered| each(delivered.entry()))
    }

    /// Gives out every entry, in order, some at a time, and offers the core in between.
    pub(super) fn each_block<E: From<SpreadsheetError>>(
        &mut self,
        mut each: impl FnMut(&[Entry<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block = Vec::with_capacity(ROWS_A_BLOCK);
        let mut bytes = 0;
        let mut flush = |block: &mut Vec<Delivered<'_>>| {
            let entries: Vec<_> = block.iter().map(Delivered::entry).collect();
            let done = each(&entries);
            drop(entries);
            block.clear();
            done
        };
        self.read(|delivered| {
            bytes += delivered.bytes();
            block.push(delivered);
            if block.len() < ROWS_A_BLOCK && bytes < BLOCK_BYTES {
                return Ok(());
            }
            bytes = 0;
            flush(&mut block)
        })?;
        flush(&mut block)
    }

    fn read<'l, E: From<SpreadsheetError>>(
        &'l mut self,
        mut each: impl FnMut(Delivered<'l>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = 0;
        let mut each = |delivered| {
            breathe(&mut rows);
            each(delivered)
        };
        match &mut self.shape {
            Shape::Lines(body) => body
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::trim_ascii)
                .filter(|line| !line.is_empty())
                .try_for_each(|line| each(Delivered::of_object(line))),
            Shape::Array(elements) => elements
                .iter()
                .try_for_each(|element| each(Delivered::of_object(element))),
            Shape::Sheet { sheet, header, .. } => {
                let header = &*header;
                let mut is_head = true;
                sheet.rows(|row| match std::mem::take(&mut is_head) {
                    true => Ok(()),
                    false => each(Delivered::Row(row, header)),
                })
            }
        }
    }
}

/// Counts a row, and now and then offers the core to whoever waits for it.
pub(super) fn breathe(rows: &mut usize) {
    *rows += 1;
    if rows.is_multiple_of(ROWS_A_BREATH) {
        thread::yield_now();
    }
}

/// Opens a spreadsheet that was sent; it has no name.
pub(super) fn open_sheet(body: Bytes) -> Result<Spreadsheet<Cursor<Bytes>>, SpreadsheetError> {
    Spreadsheet::open(Cursor::new(body), Path::new(""), &LIMITS)
}

fn first_row(sheet: &mut Spreadsheet<Cursor<Bytes>>) -> Result<Row, Refused> {
    /// Ends the reading, successfully or not.
    enum Stop {
        Found(Row),
        Error(SpreadsheetError),
    }
    impl From<SpreadsheetError> for Stop {
        fn from(error: SpreadsheetError) -> Self {
            Self::Error(error)
        }
    }
    match sheet.rows(|row| Err(Stop::Found(row))) {
        Err(Stop::Found(row)) => Ok(row),
        Err(Stop::Error(error)) => Err(error.into()),
        Ok(()) => Err(Refused::because(
            Refusal::ColumnMissing,
            "表里没有任何内容，第一行应为表头",
        )),
    }
}

fn typed<'r>(header: &Header, row: &'r Row) -> Result<Typed<'r>, Fault> {
    let cells = [0, 1, 2, 3].map(|column| header.cell(row, column));
    let [certificate_number, name, id_number, id_type] = cells;
    // In a workbook a cell beyond the header is a note, and nothing can have moved.
    if !row.is_positional() && header.misshapen(row).is_some_and(|it| it.is_surplus()) {
        return Err(Fault::Ragged);
    }
    if cells.contains(&Cell::Fault) {
        return Err(Fault::Formula);
    }
    if id_number.is_truncated() {
        return Err(Fault::Truncated);
    }
    Ok(Typed {
        certificate_number: certificate_number.text(),
        name: name.text(),
        id_number: id_number.text(),
        id_type: id_type.text(),
    })
}

impl<'l> Delivered<'l> {
    fn of_object(json: &'l [u8]) -> Self {
        match Object::parse_in_list(json) {
            Ok(object) => Self::Object(object),
            Err(fault) => {
                let named = serde_json::from_slice::<Named<'_>>(json).ok();
                Self::Unread(fault, named.and_then(|it| it.reference))
            }
        }
    }

    fn entry(&self) -> Entry<'_> {
        match self {
            Self::Object(object) => Entry {
                cells: Cells::Object(object),
                asked: Ok(object.typed()),
            },
            Self::Unread(fault, name) => Entry {
                cells: Cells::Unread(name.as_deref()),
                asked: Err(Fault::Json(*fault)),
            },
            Self::Row(row, header) => Entry {
                cells: Cells::Row(row),
                asked: typed(header, row),
            },
        }
    }

    /// What it takes in memory beside the list.
    fn bytes(&self) -> usize {
        match self {
            Self::Row(row, _) => row.bytes(),
            Self::Object(_) | Self::Unread(..) => 0,
        }
    }
}

/// An object of which nothing is read but its name, so that its asker knows it again.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<Cow<'a, str>>,
}

/// The elements of a JSON array, at most one more than `rows_most`, which is enough to refuse it.
fn elements(body: &Bytes, rows_most: usize) -> Result<Vec<Bytes>, Refused> {
    struct Elements<'b> {
        body: &'b Bytes,
        most: usize,
    }

    impl<'de> Visitor<'de> for Elements<'de> {
        type Value = Vec<Bytes>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = array.next_element::<&'de RawValue>()? {
                if elements.len() <= self.most {
                    elements.push(self.body.slice_ref(element.get().as_bytes()));
                }
            }
            Ok(elements)
        }
    }

    let mut json = serde_json::Deserializer::from_slice(body);
    let visitor = Elements {
        body,
        most: rows_most,
    };
    let elements = json.deserialize_seq(visitor);
    let parsed = elements.and_then(|elements| json.end().map(|()| elements));
    parsed.map_err(|error| {
        if error.is_data() {
            Refused::because(
                Refusal::MalformedJson(JsonFault::NotAnObject),
                "请求内容应为一个JSON数组，每个元素是一个查询对象",
            )
        } else {
            Refusal::MalformedJson(JsonFault::Syntax).into()
        }
    })
}

impl<'a> Cells<'a> {
    /// Columns of an object.
    pub(super) const FIELDS: [&'static str; 5] =
        ["ref", "certificate_number", "name", "id_number", "id_type"];

    /// The text at a place.
    pub(super) fn text(self, place: usize) -> &'a str {
        match self {
            Self::Row(row) => row.printed(place),
            Self::Unread(name) if place == 0 => name.unwrap_or_default(),
            Self::Unread(_) => "",
            Self::Object(object) => {
                let typed = object.typed();
                match place {
                    0 => object.reference().unwrap_or_default(),
                    1 => typed.certificate_number,
                    2 => typed.name,
                    3 => typed.id_number,
                    _ => typed.id_type,
                }
            }
        }
    }

    /// The number at a place, where a spreadsheet kept one that is exact.
    pub(super) fn number(self, place: usize) -> Option<f64> {
        match self {
            Self::Row(row) => match row.cell(place) {
                Cell::Number(text) => text.parse::<f64>().ok().filter(|it| it.abs() < 1e15),
                _ => None,
            },
            Self::Object(_) | Self::Unread(_) => None,
        }
    }

    /// Bytes of its texts.
    pub(super) fn bytes(self) -> usize {
        (0..self.used()).map(|place| self.text(place).len()).sum()
    }

    /// What the asker calls it.
    pub(super) fn reference(self) -> Option<&'a str> {
        match self {
            Self::Object(object) => object.reference(),
            Self::Unread(name) => name,
            Self::Row(_) => None,
        }
    }

    /// The first place whose cell is longer than is kept.
    pub(super) fn oversize(self) -> Option<usize> {
        match self {
            Self::Row(row) => (0..row.used()).find(|at| row.cell(*at) == Cell::Oversize),
            Self::Object(_) | Self::Unread(_) => None,
        }
    }

    /// Columns up to the last that is used.
    pub(super) fn used(self) -> usize {
        match self {
            Self::Row(row) => row.used(),
            Self::Object(_) | Self::Unread(_) => Self::FIELDS.len(),
        }
    }
}
