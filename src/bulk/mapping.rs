//! Which column of a spreadsheet is what: by its header, or as somebody said.

use spreadsheet::{Column, Header, Row, SpreadsheetError, header};

use super::Refused;
use crate::refusal::Refusal;

/// The columns that are read, as CONTRACT 1.2 names them.
pub const COLUMNS: [Column; 4] = [
    header::CERTIFICATE_NUMBER,
    header::NAME,
    header::ID_NUMBER,
    header::ID_TYPE,
];

/// How many of the first columns are factors of a question.
const FACTORS: usize = 3;

/// Places said by the asker, for each of [`COLUMNS`], counted from 0.
pub type Places = [Option<usize>; COLUMNS.len()];

/// Reads places from the query of an address: `certificate_number=3&name=1` means the third and
/// the first column. `None` when the query names none of the columns. Other keys mean nothing here.
///
/// # Errors
///
/// [`Refusal::ColumnMissing`] for what is no number of a column.
pub fn parse(query: &str) -> Result<Option<Places>, Refused> {
    let mut places = Places::default();
    let mut is_said = false;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(column) = COLUMNS.iter().position(|column| column.name == key) else {
            continue;
        };
        is_said = true;
        if value.is_empty() {
            continue;
        }
        let number = value.parse::<usize>().ok().filter(|number| *number >= 1);
        let Some(number) = number else {
            return Err(Refused::because(
                Refusal::ColumnMissing,
                "列号应为从1开始的整数",
            ));
        };
        places[column] = Some(number - 1);
    }
    Ok(is_said.then_some(places))
}

/// Finds the columns in the first row of a list.
///
/// # Errors
///
/// [`Refusal::ColumnMissing`] when there are fewer than two factors, or one column is said to be
/// two things.
pub(super) fn find(head: &Row, said: Option<Places>) -> Result<Header, Refused> {
    let header = match said {
        None => guess(head)?,
        Some(places) => Header::at(places.to_vec(), head)?,
    };
    if (0..FACTORS).filter(|&factor| header.has(factor)).count() < 2 {
        return Err(Refused::because(
            Refusal::ColumnMissing,
            "第一行应为表头，证书编号、姓名、证件号码三列中至少要有两列",
        ));
    }
    Ok(header)
}

/// Finds what can be found; perhaps nothing.
pub(super) fn guess(head: &Row) -> Result<Header, SpreadsheetError> {
    Header::find(&COLUMNS, head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_said_by_number() {
        let said = parse("name=1&certificate_number=3&id_type=&lang=en").unwrap();
        assert_eq!(said, Some([Some(2), Some(0), None, None]));
        assert_eq!(parse("lang=en").unwrap(), None);
        for query in ["name=0", "name=-1", "name=A", "name=1.0"] {
            let refused = parse(query).unwrap_err();
            assert_eq!(refused.refusal, Refusal::ColumnMissing, "{query}");
        }
    }
}
