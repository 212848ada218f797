//! A row of cells, as a spreadsheet would show it, and what kind each cell is of.

/// Cells of a row that are kept; a wider row is only counted.
pub const CELLS_MOST: usize = 1024;

/// Bytes of a cell that are kept; a longer cell is only known to be too long.
pub(super) const CELL_BYTES_MOST: usize = 64 * 1024;

/// Bytes of a row that are kept: a cell that is repeated a thousand times costs its file nothing.
pub(super) const ROW_BYTES_MOST: usize = 1024 * 1024;

/// One row. The cells' text lies in one string, so a row costs two allocations.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row {
    /// As a spreadsheet counts: the first row is 1.
    pub number: u64,
    text: String,
    /// Where in the text the cell begins that is being filled.
    from: usize,
    cells: Vec<Span>,
    /// Cells that were there, kept or not.
    width: usize,
    /// Whether cells that are not there are missing, as in CSV, or just empty, as in a workbook.
    is_padded: bool,
    has_oversize: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Span {
    kind: Kind,
    start: u32,
    end: u32,
}

/// Bytes of `YYYY-MM-DD`.
const DAY_BYTES: usize = 10;

/// What a cell is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Text,
    Number,
    Date,
    Fault,
    Oversize,
}

/// The content of a cell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cell<'a> {
    /// Text, perhaps empty. All that CSV has.
    Text(&'a str),
    /// What a spreadsheet keeps as a number, printed without needless decimals. Digits beyond the
    /// fifteenth are lost already.
    Number(&'a str),
    /// What a spreadsheet keeps as a date, as `YYYY-MM-DD`.
    Date(&'a str),
    /// A formula that ended in an error such as `#N/A`.
    Fault,
    /// Longer than a cell may be.
    Oversize,
}

impl Row {
    /// An empty row. `is_padded`: whether the source pads rows to a common width only implicitly.
    pub(super) fn new(number: u64, is_padded: bool) -> Self {
        Self {
            number,
            is_padded,
            ..Self::default()
        }
    }

    /// An empty row behind this one, with room for as much as this one holds: rows of a file are
    /// much alike.
    pub(super) fn next(&self) -> Self {
        Self {
            number: self.number + 1,
            text: String::with_capacity(self.text.len() + self.text.len() / 8),
            cells: Vec::with_capacity(self.cells.len()),
            is_padded: self.is_padded,
            ..Self::default()
        }
    }

    /// Appends to the cell that is being filled.
    pub(super) fn fill(&mut self, text: &str) {
        if self.filling_bytes() <= CELL_BYTES_MOST && self.text.len() <= ROW_BYTES_MOST {
            self.text.push_str(text);
        }
    }

    /// Fills an empty row with cells between commas, all but the end of the last one. Returns
    /// false, and leaves the row empty, when there are more than are kept. The line is no longer
    /// than a cell may be.
    pub(super) fn fill_line(&mut self, line: &str) -> bool {
        let mut start = 0;
        for comma in memchr::memchr_iter(b',', line.as_bytes()) {
            if self.cells.len() == CELLS_MOST {
                self.cells.clear();
                return false;
            }
            self.cells.push(Span {
                kind: Kind::Text,
                start: place(start),
                end: place(comma),
            });
            start = comma + 1;
        }
        self.width = self.cells.len();
        self.text.push_str(line);
        self.from = start;
        true
    }

    /// Ends the cell that is being filled.
    pub(super) fn end_cell(&mut self, kind: Kind) {
        let filled = self.filling_bytes();
        let kind = if filled > CELL_BYTES_MOST || self.text.len() > ROW_BYTES_MOST {
            Kind::Oversize
        } else {
            kind
        };
        let is_kept = self.cells.len() < CELLS_MOST;
        self.has_oversize |= kind == Kind::Oversize;
        if kind == Kind::Oversize || !is_kept {
            self.text.truncate(self.from);
        }
        if is_kept {
            self.cells.push(Span {
                kind,
                start: place(self.from),
                end: place(self.text.len()),
            });
            self.from = self.text.len();
            self.width += 1;
        } else if filled > 0 {
            self.width = self.cells.len() + 1;
        }
    }

    /// Ends a cell of the given column, with empty ones before it.
    pub(super) fn put(&mut self, column: usize, kind: Kind, text: &str) {
        while self.cells.len() < column.min(CELLS_MOST) {
            self.end_cell(Kind::Text);
        }
        self.fill(text);
        self.end_cell(kind);
    }

    /// Columns that are filled so far.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cell of a column, counted from 0; empty where there is none.
    pub fn cell(&self, column: usize) -> Cell<'_> {
        let Some(span) = self.cells.get(column) else {
            return Cell::Text("");
        };
        let text = &self.text[span.start as usize..span.end as usize];
        match span.kind {
            Kind::Text => Cell::Text(text),
            Kind::Number => Cell::Number(text),
            // A time of day may follow.
            Kind::Date => Cell::Date(text.get(..DAY_BYTES).unwrap_or(text)),
            Kind::Fault => Cell::Fault,
            Kind::Oversize => Cell::Oversize,
        }
    }

    /// What a person sees in a column, whatever kind of cell it is; empty where there is none, and
    /// for a cell that was too long to keep.
    pub fn printed(&self, column: usize) -> &str {
        let Some(span) = self.cells.get(column) else {
            return "";
        };
        &self.text[span.start as usize..span.end as usize]
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + self.cells.capacity() * size_of::<Span>()
    }

    /// Columns up to the last cell that is not empty.
    pub fn used(&self) -> usize {
        if self.width > self.cells.len() {
            return self.width;
        }
        let is_used = |column: &usize| !self.cell(*column).is_blank();
        (0..self.cells.len())
            .rev()
            .find(is_used)
            .map_or(0, |last| last + 1)
    }

    /// Whether a cell that is not empty lies beyond so many columns. Cost: nothing for a row that
    /// has no more cells than that.
    pub fn is_wider_than(&self, width: usize) -> bool {
        self.width > width && self.used() > width
    }

    /// Whether its cells have places of their own, as in a workbook, and not only an order.
    pub fn is_positional(&self) -> bool {
        self.is_padded
    }

    /// Whether cells are missing that a row of this width should have.
    pub fn is_short_of(&self, width: usize) -> bool {
        !self.is_padded && self.width < width
    }

    /// Whether a cell, kept or not, is longer than a cell may be.
    pub fn has_oversize(&self) -> bool {
        self.has_oversize
    }

    /// Whether there is nothing in it.
    pub(super) fn is_blank(&self) -> bool {
        // From the front, where rows that are not blank say something.
        self.width <= self.cells.len()
            && (0..self.cells.len()).all(|column| self.cell(column).is_blank())
    }

    fn filling_bytes(&self) -> usize {
        self.text.len() - self.from
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("a row keeps about a megabyte")
}

impl<'a> Cell<'a> {
    /// The text of a text, number or date cell; empty for the others.
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Date(text) => text,
            Self::Fault | Self::Oversize => "",
        }
    }

    /// Whether it is an identity number that a spreadsheet took for a number: a number cell keeps
    /// 15 digits of 18; saved as CSV it looks like `4.4E+17`.
    pub fn is_truncated(self) -> bool {
        match self {
            Self::Number(_) | Self::Date(_) => true,
            // Folding makes no E of another ASCII character.
            Self::Text(text)
                if text
                    .bytes()
                    .all(|byte| byte.is_ascii() && byte | 32 != b'e') =>
            {
                false
            }
            Self::Text(text) => is_exponential(&certificate::tidied(text)),
            Self::Fault | Self::Oversize => false,
        }
    }

    /// Whether a person sees nothing in it.
    pub fn is_blank(self) -> bool {
        match self {
            Self::Fault | Self::Oversize => false,
            cell => certificate::is_blank(cell.text()),
        }
    }
}

fn is_exponential(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    // Three digits and more are no exponent of a spreadsheet, but the shape of a passport.
    is_digits(whole)
        && whole.len() == 1
        && is_digits(fraction)
        && is_digits(exponent)
        && exponent.len() <= 2
}

/// The name of a column in a spreadsheet: A, B … Z, AA. Columns count from 0.
pub fn column_letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest % 26] as char);
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_a_spreadsheet_names_them() {
        let named = [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ];
        for (column, letters) in named {
            assert_eq!(column_letters(column), letters);
        }
    }

    #[test]
    fn a_row_keeps_what_a_person_could_have_typed() {
        let mut row = Row::new(1, true);
        row.put(1, Kind::Number, "12");
        row.put(3, Kind::Text, &"x".repeat(CELL_BYTES_MOST));
        row.put(4, Kind::Text, &"x".repeat(CELL_BYTES_MOST + 1));
        row.put(5, Kind::Text, " \u{3000}");
        assert_eq!(row.cell(0), Cell::Text(""));
        assert_eq!(row.cell(1), Cell::Number("12"));
        assert_eq!(row.cell(3).text().len(), CELL_BYTES_MOST);
        assert_eq!(row.cell(4), Cell::Oversize);
        assert_eq!(row.cell(9), Cell::Text(""));
        assert_eq!(row.used(), 5);
    }

    #[test]
    fn a_row_of_long_cells_is_not_kept() {
        let mut row = Row::new(1, true);
        for column in 0..100 {
            row.put(column, Kind::Text, &"x".repeat(CELL_BYTES_MOST));
        }
        assert_eq!(row.cell(15).text().len(), CELL_BYTES_MOST);
        assert_eq!(row.cell(16), Cell::Oversize);
        assert_eq!(row.cell(99), Cell::Oversize);
        assert!(row.text.len() <= ROW_BYTES_MOST + CELL_BYTES_MOST);
    }

    #[test]
    fn a_date_may_have_a_time_that_people_see() {
        let mut row = Row::new(1, true);
        row.put(0, Kind::Date, "2024-03-05 09:15:00");
        assert_eq!(row.cell(0), Cell::Date("2024-03-05"));
        assert_eq!(row.printed(0), "2024-03-05 09:15:00");
    }

    #[test]
    fn a_wide_row_is_counted_and_not_kept() {
        let mut row = Row::new(1, true);
        row.put(16_383, Kind::Text, "far out");
        assert_eq!(row.used(), CELLS_MOST + 1);
        assert_eq!(row.len(), CELLS_MOST);
        let mut empty = Row::new(1, false);
        (0..5000).for_each(|_| empty.end_cell(Kind::Text));
        assert!(empty.is_blank());
    }

    #[test]
    fn what_a_spreadsheet_makes_of_a_long_number() {
        for text in ["4.4E+17", "4.40001E+17", "4E+17", "4.4e17", " ４.４Ｅ+17 "] {
            assert!(Cell::Text(text).is_truncated(), "{text}");
        }
        for text in [
            "",
            "E1234567",
            "44E+17",
            "4.E+17",
            "11010519491231002X",
            "4.4",
        ] {
            assert!(!Cell::Text(text).is_truncated(), "{text}");
        }
        assert!(Cell::Number("110105194912310").is_truncated());
        assert!(Cell::Date("1949-12-31").is_truncated());
    }
}
