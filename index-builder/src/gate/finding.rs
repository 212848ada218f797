//! What the gate found in a row. Nothing of the row's content is in it.

use super::code::Code;
use super::field::Field;

/// One thing that is wrong with a row, or odd.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// Why.
    pub(crate) code: Code,
    /// Where: a field, or a column of the sheet that is none.
    pub(crate) place: Place,
    /// The Chinese sentence, with the clause.
    pub(crate) message: String,
}

/// The part of a row that a finding is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A column of the batch format.
    Field(Field),
    /// A column of the sheet, by its letters.
    Column(String),
}

/// All that was found in one row.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Findings {
    /// Any of these keeps the row out.
    pub(crate) rejections: Vec<Finding>,
    /// These do not.
    pub(crate) warnings: Vec<Finding>,
}

impl Findings {
    /// The row cannot be admitted. The same code of the same field is told once.
    pub(super) fn reject(&mut self, code: Code, field: Field, message: impl AsRef<str>) {
        let place = Place::Field(field);
        let is_told = |told: &Finding| told.code == code && told.place == place;
        if !self.rejections.iter().any(is_told) {
            self.rejections
                .push(Finding::new(code, place, message.as_ref()));
        }
    }

    /// The row has not the shape of the header, at a column that may have no name.
    pub(super) fn reject_shape(&mut self, place: Place, message: &str) {
        self.rejections
            .push(Finding::new(Code::RowRagged, place, message));
    }

    /// The row is late; whether that keeps it out is the operator's choice.
    pub(super) fn late(&mut self, is_strict: bool, code: Code, field: Field, message: &str) {
        let finding = Finding::new(code, Place::Field(field), message);
        if is_strict {
            self.rejections.push(finding);
        } else {
            self.warnings.push(finding);
        }
    }

    /// Whether the row may be admitted, as far as it has been judged.
    pub(super) fn is_clean(&self) -> bool {
        self.rejections.is_empty()
    }
}

impl Finding {
    fn new(code: Code, place: Place, message: &str) -> Self {
        let message = match code.clause() {
            Some(clause) => format!("{message}（通知{clause}）"),
            None => message.to_owned(),
        };
        Self {
            code,
            place,
            message,
        }
    }
}

impl Place {
    /// As in reports.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Field(field) => field.name(),
            Self::Column(letters) => letters,
        }
    }
}
