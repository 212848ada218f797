//! A line of the ledger as it is read: its texts stay where they lie, its values are checked.

use certificate::record::Change;
use certificate::record::{Details, Operation, OperationKind, Review, Score};
use certificate::{
    CertificateNumber, Date, HolderName, IdentityNumber, IdentityType, Level, OccupationCode,
};

use super::entry::Entry;
use crate::known::Known;

/// One line, every value of which is one that the gate admits.
pub(crate) struct Line<'a> {
    /// Position in the ledger, from 1, dense.
    pub(crate) sequence: u64,
    /// How many operations its certificate has seen, this one included.
    pub(crate) revision: u16,
    /// What it does.
    pub(crate) kind: OperationKind,
    /// The certificate it is about.
    pub(crate) number: CertificateNumber,
    /// Code of the review centre.
    pub(crate) centre: &'a str,
    /// Day of the review.
    pub(crate) reviewed_on: Date,
    /// Why; empty for an issue.
    pub(crate) reason: &'a str,
    /// What an issue or a correction says of the certificate.
    pub(crate) details: Option<LineDetails<'a>>,
}

/// As [`Details`].
pub(crate) struct LineDetails<'a> {
    pub(crate) name: HolderName,
    pub(crate) id_type: IdentityType,
    pub(crate) id_number: IdentityNumber,
    pub(crate) occupation_code: OccupationCode,
    pub(crate) occupation_name: &'a str,
    /// The two values before, as they stand in the line.
    pub(crate) occupation: &'a str,
    pub(crate) direction: &'a str,
    pub(crate) level: Level,
    pub(crate) scores: [Option<Score>; 3],
    pub(crate) plan_no: &'a str,
    pub(crate) assessed_on: Date,
    pub(crate) reported_on: Date,
    pub(crate) roll_verified_on: Date,
    pub(crate) issued_on: Date,
}

/// Reads the lines of one text, in which the same days, scores and codes come again and again.
pub(crate) struct Lines<'a> {
    kinds: Known<'a, OperationKind>,
    days: Known<'a, Date>,
    id_types: Known<'a, IdentityType>,
    occupations: Known<'a, OccupationCode>,
    levels: Known<'a, Level>,
    scores: Known<'a, Option<Score>>,
}

/// The values of a line that are left; `None` after the last one.
struct Cells<'a>(Option<&'a str>);

impl<'a> Lines<'a> {
    /// Has read nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            kinds: Known::new(),
            days: Known::new(),
            id_types: Known::new(),
            occupations: Known::new(),
            levels: Known::new(),
            scores: Known::new(),
        }
    }

    /// Reads a line, without its line break. Cost: about 0.4 µs.
    ///
    /// # Errors
    ///
    /// What is wrong with the line, for an error that names file and offset.
    pub(crate) fn read(&mut self, line: &'a str) -> Result<Line<'a>, &'static str> {
        let mut cells = Cells(Some(line));
        let sequence = cells.parsed("sequence is no number", |text| text.parse().ok())?;
        let revision = cells.parsed("revision is no number", |text| text.parse().ok())?;
        let kind = self.kinds.get(cells.next()?, |text| {
            OperationKind::parse(text).ok_or("op is unknown")
        })?;
        let number = cells.parsed("certificate number is malformed", |text| {
            CertificateNumber::from_canonical(text).ok()
        })?;
        let line = Line {
            sequence,
            revision,
            kind,
            number,
            centre: cells.next()?,
            reviewed_on: self.day(&mut cells)?,
            reason: cells.next()?,
            details: match kind.is_full_row() {
                true => Some(self.details(&mut cells)?),
                false => None,
            },
        };
        match cells.0 {
            None => Ok(line),
            Some(_) => Err("row has too many values"),
        }
    }

    fn details(&mut self, cells: &mut Cells<'a>) -> Result<LineDetails<'a>, &'static str> {
        let name = cells.parsed("name is malformed", |text| HolderName::parse(text).ok())?;
        let id_type = self.id_types.get(cells.next()?, |text| {
            IdentityType::parse(text).ok_or("identity type is unknown")
        })?;
        let id_number = cells.parsed("identity number is malformed", |text| {
            IdentityNumber::parse(id_type, text).ok()
        })?;
        let (code, occupation_name, occupation) = cells.next_two()?;
        Ok(LineDetails {
            name,
            id_type,
            id_number,
            occupation_code: self.occupations.get(code, |text| {
                OccupationCode::parse(text).ok_or("occupation code is malformed")
            })?,
            occupation_name,
            occupation,
            direction: cells.next()?,
            level: self.levels.get(cells.next()?, |text| {
                Level::parse(text).ok_or("level is unknown")
            })?,
            scores: [self.score(cells)?, self.score(cells)?, self.score(cells)?],
            plan_no: cells.next()?,
            assessed_on: self.day(cells)?,
            reported_on: self.day(cells)?,
            roll_verified_on: self.day(cells)?,
            issued_on: self.day(cells)?,
        })
    }

    fn day(&mut self, cells: &mut Cells<'a>) -> Result<Date, &'static str> {
        let read = |text: &str| text.parse().map_err(|_| "date is malformed");
        self.days.get(cells.next()?, read)
    }

    fn score(&mut self, cells: &mut Cells<'a>) -> Result<Option<Score>, &'static str> {
        match cells.next()? {
            "" => Ok(None),
            text => self.scores.get(text, |text| {
                Score::parse(text).map(Some).ok_or("score is malformed")
            }),
        }
    }
}

impl<'a> Cells<'a> {
    fn next(&mut self) -> Result<&'a str, &'static str> {
        let rest = self.0.ok_or("row has too few values")?;
        let (cell, after) = match memchr::memchr(b'\t', rest.as_bytes()) {
            Some(tab) => (&rest[..tab], Some(&rest[tab + 1..])),
            None => (rest, None),
        };
        self.0 = after;
        Ok(cell)
    }

    /// The next value, the one after it, and both as they stand.
    fn next_two(&mut self) -> Result<(&'a str, &'a str, &'a str), &'static str> {
        let rest = self.0.ok_or("row has too few values")?;
        let first = self.next()?;
        let second = self.next()?;
        Ok((first, second, &rest[..first.len() + 1 + second.len()]))
    }

    fn parsed<T>(
        &mut self,
        problem: &'static str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, &'static str> {
        parse(self.next()?).ok_or(problem)
    }
}

impl From<Line<'_>> for Entry {
    fn from(line: Line<'_>) -> Self {
        let details = line.details.map(|details| Box::new(details.into()));
        Self {
            sequence: line.sequence,
            revision: line.revision,
            change: Change {
                number: line.number,
                operation: match (line.kind, details) {
                    (OperationKind::Issue, Some(details)) => Operation::Issue(details),
                    (_, Some(details)) => Operation::Correct(details),
                    (OperationKind::Restore, None) => Operation::Restore,
                    (_, None) => Operation::Withdraw,
                },
                review: Review {
                    centre: line.centre.to_owned(),
                    on: line.reviewed_on,
                },
                reason: line.reason.to_owned(),
            },
        }
    }
}

impl From<LineDetails<'_>> for Details {
    fn from(details: LineDetails<'_>) -> Self {
        Self {
            name: details.name,
            id_type: details.id_type,
            id_number: details.id_number,
            occupation_code: details.occupation_code,
            occupation_name: details.occupation_name.to_owned(),
            direction: details.direction.to_owned(),
            level: details.level,
            scores: details.scores,
            plan_no: details.plan_no.to_owned(),
            assessed_on: details.assessed_on,
            reported_on: details.reported_on,
            roll_verified_on: details.roll_verified_on,
            issued_on: details.issued_on,
        }
    }
}
