//! Finding columns by their header: a column's own name or a Chinese synonym, in any order.

use certificate::tidy;

use super::error::SpreadsheetError;
use super::row::{Cell, Row, column_letters};

/// A column that a file may have.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its own name, lower case.
    pub name: &'static str,
    /// What else people call it, without spaces and with ASCII punctuation.
    pub synonyms: &'static [&'static str],
}

/// 证书编号.
pub const CERTIFICATE_NUMBER: Column = Column {
    name: "certificate_number",
    synonyms: &["证书编号", "证书号", "证书号码"],
};

/// 姓名.
pub const NAME: Column = Column {
    name: "name",
    synonyms: &["姓名"],
};

/// 证件类型.
pub const ID_TYPE: Column = Column {
    name: "id_type",
    synonyms: &["证件类型"],
};

/// 证件号码.
pub const ID_NUMBER: Column = Column {
    name: "id_number",
    synonyms: &["证件号码", "身份证号", "身份证号码"],
};

/// Where the columns of a file are.
#[derive(Clone, Debug)]
pub struct Header {
    /// Place in the row of each column of the table it was made from.
    places: Vec<Option<usize>>,
    width: usize,
    unknown: Vec<usize>,
}

impl Header {
    /// Finds `columns` in the first row of a file. Columns that are not there are no error here.
    ///
    /// # Errors
    ///
    /// When two columns of the file are the same one, or there are more than can be read.
    pub fn find(columns: &[Column], row: &Row) -> Result<Self, SpreadsheetError> {
        let width = row.used();
        if width > row.len() {
            return Err(SpreadsheetError::TooLarge(format!(
                "表头超过{}列",
                row.len()
            )));
        }
        let mut header = Self {
            places: vec![None; columns.len()],
            width,
            unknown: Vec::new(),
        };
        for place in 0..width {
            let folded = fold(row.cell(place));
            let known = columns.iter().position(|column| column.is_called(&folded));
            match known.map(|index| &mut header.places[index]) {
                None => header.unknown.push(place),
                Some(free @ None) => *free = Some(place),
                Some(Some(first)) => return Err(duplicate(*first, place)),
            }
        }
        Ok(header)
    }

    /// The columns at places that somebody said, of a table whose first row this is.
    ///
    /// # Errors
    ///
    /// When there are more columns than can be read, or two are said to be at one place.
    pub fn at(places: Vec<Option<usize>>, row: &Row) -> Result<Self, SpreadsheetError> {
        let width = row.used();
        if width > row.len() {
            return Err(SpreadsheetError::TooLarge(format!(
                "表头超过{}列",
                row.len()
            )));
        }
        let mut said: Vec<usize> = places.iter().flatten().copied().collect();
        said.sort_unstable();
        if let Some(twice) = said.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SpreadsheetError::Unreadable(format!(
                "{}列被指定为两项内容",
                column_letters(twice[0])
            )));
        }
        let unknown = (0..width).filter(|place| said.binary_search(place).is_err());
        Ok(Self {
            unknown: unknown.collect(),
            places,
            width,
        })
    }

    /// The cell of a column, by its index in the table the header was made from.
    pub fn cell<'r>(&self, row: &'r Row, column: usize) -> Cell<'r> {
        self.places[column].map_or(Cell::Text(""), |place| row.cell(place))
    }

    /// Whether the file has a column.
    pub fn has(&self, column: usize) -> bool {
        self.places[column].is_some()
    }

    /// The names of the columns of `needed` that the file does not have.
    pub fn missing(
        &self,
        columns: &[Column],
        needed: impl IntoIterator<Item = usize>,
    ) -> Vec<&'static str> {
        let absent = needed.into_iter().filter(|&column| !self.has(column));
        absent.map(|column| columns[column].name).collect()
    }

    /// Names of columns that nobody knows, as a spreadsheet names them. Their headers are not
    /// quoted: in a file without a header row they are somebody's data.
    pub fn unknown(&self) -> impl Iterator<Item = String> + '_ {
        self.unknown.iter().map(|&place| column_letters(place))
    }

    /// The first place where a row has not the shape of its header: a cell that is missing, or
    /// one too many.
    pub fn misshapen(&self, row: &Row) -> Option<Misshapen> {
        if row.is_wider_than(self.width) {
            Some(Misshapen::Surplus(self.width))
        } else if row.is_short_of(self.width) {
            Some(Misshapen::Short(row.len()))
        } else {
            None
        }
    }

    /// The index of the table's column at a place of the row.
    pub fn column_at(&self, place: usize) -> Option<usize> {
        self.places.iter().position(|known| *known == Some(place))
    }
}

/// How a row differs from its header; each holds the first place that does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Misshapen {
    /// There is a cell without a header.
    Surplus(usize),
    /// A cell is missing.
    Short(usize),
}

impl Misshapen {
    /// Whether there is a cell too many.
    pub fn is_surplus(self) -> bool {
        matches!(self, Self::Surplus(_))
    }
}

impl Column {
    fn is_called(&self, folded: &str) -> bool {
        self.name == folded || self.synonyms.contains(&folded)
    }
}

fn fold(cell: Cell<'_>) -> String {
    let text = tidy(cell.text()).to_ascii_lowercase();
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn duplicate(first: usize, second: usize) -> SpreadsheetError {
    SpreadsheetError::Unreadable(format!(
        "{}列和{}列的表头是同一列；请删去其中一列",
        column_letters(first),
        column_letters(second)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::row::Kind;
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            name: "certificate_number",
            synonyms: &["证书编号", "证书号"],
        },
        Column {
            name: "occupation_name",
            synonyms: &["职业名称", "职业(工种)"],
        },
        Column {
            name: "direction",
            synonyms: &["工种/职业方向"],
        },
    ];

    fn row(cells: &[&str]) -> Row {
        let mut row = Row::new(1, false);
        cells
            .iter()
            .enumerate()
            .for_each(|(at, text)| row.put(at, Kind::Text, text));
        row
    }

    #[test]
    fn headers_in_any_order_and_width() {
        let cells = [
            "工种／职业方向",
            "序号",
            " 职业（工种） ",
            "Certificate_Number",
            "",
            " ",
        ];
        let header = Header::find(&COLUMNS, &row(&cells)).unwrap();
        let data = row(&["d", "1", "o", "n"]);
        let found: Vec<&str> = (0..3)
            .map(|column| header.cell(&data, column).text())
            .collect();
        assert_eq!(found, ["n", "o", "d"]);
        assert_eq!(header.unknown().collect::<Vec<_>>(), ["B"]);
        assert_eq!(header.misshapen(&data), None);
        assert_eq!(header.column_at(2), Some(1));
    }

    #[test]
    fn rows_of_another_width() {
        let header = Header::find(&COLUMNS, &row(&["证书编号", "职业名称"])).unwrap();
        assert_eq!(header.misshapen(&row(&["a", "b", " ", ""])), None);
        assert_eq!(
            header.misshapen(&row(&["a", "b", "", "c"])),
            Some(Misshapen::Surplus(2))
        );
        assert_eq!(header.misshapen(&row(&["a"])), Some(Misshapen::Short(1)));
        let mut trimmed = Row::new(2, true);
        trimmed.put(0, Kind::Text, "a");
        assert_eq!(header.misshapen(&trimmed), None);
    }

    #[test]
    fn columns_that_are_missing_or_twice_there() {
        let header = Header::find(&COLUMNS, &row(&["证书号"])).unwrap();
        assert_eq!(
            header.missing(&COLUMNS, [0, 1, 2]),
            ["occupation_name", "direction"]
        );
        let error = Header::find(&COLUMNS, &row(&["证书号", "", "证书编号"])).unwrap_err();
        assert_eq!(error.to_string(), "A列和C列的表头是同一列；请删去其中一列");
    }
}
