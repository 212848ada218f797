//! The fields of a batch (CONTRACT 1.2), their headers, and a delivered row seen through them.

use std::borrow::Cow;

use certificate::{Date, date, is_blank, tidied, tidied_prose};

use super::code::Code;
use super::finding::Findings;
use super::read_before::ReadBefore;
use spreadsheet::{Cell, Column, Header, Row, header};

/// A column of a batch. The order is that of [`COLUMNS`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Field {
    Op,
    CertificateNumber,
    Name,
    IdType,
    IdNumber,
    OccupationCode,
    OccupationName,
    Direction,
    Level,
    TheoryScore,
    SkillScore,
    OverallScore,
    PlanNo,
    AssessedOn,
    ReportedOn,
    RollVerifiedOn,
    ReviewedBy,
    ReviewedOn,
    ReviewResult,
    IssuedOn,
    Reason,
}

const fn column(name: &'static str, synonyms: &'static [&'static str]) -> Column {
    Column { name, synonyms }
}

/// Every field's own name and the Chinese headers that mean it.
pub(super) const COLUMNS: [Column; 21] = [
    column("op", &["操作"]),
    header::CERTIFICATE_NUMBER,
    header::NAME,
    header::ID_TYPE,
    header::ID_NUMBER,
    column("occupation_code", &["职业编码", "职业代码"]),
    column("occupation_name", &["职业名称", "职业(工种)"]),
    column("direction", &["工种/职业方向"]),
    column("level", &["职业技能等级", "级别"]),
    column("theory_score", &["理论知识成绩"]),
    column("skill_score", &["操作技能成绩"]),
    column("overall_score", &["综合评审成绩"]),
    column("plan_no", &["计划编号", "认定计划编号"]),
    column("assessed_on", &["认定日期"]),
    column("reported_on", &["报送日期"]),
    column("roll_verified_on", &["学籍核验日期"]),
    column("reviewed_by", &["审核机构代码"]),
    column("reviewed_on", &["审核日期"]),
    column("review_result", &["审核结论"]),
    column("issued_on", &["发证日期"]),
    column("reason", &["原因"]),
];

/// Fields without which no file can be judged.
pub(super) const ALWAYS_NEEDED: [Field; 4] = [
    Field::CertificateNumber,
    Field::ReviewedBy,
    Field::ReviewedOn,
    Field::ReviewResult,
];

/// Fields that a file with an issue or a correction needs as well.
pub(super) const NEEDED_FOR_FULL_ROWS: [Field; 10] = [
    Field::Name,
    Field::IdNumber,
    Field::OccupationCode,
    Field::OccupationName,
    Field::Level,
    Field::PlanNo,
    Field::AssessedOn,
    Field::ReportedOn,
    Field::RollVerifiedOn,
    Field::IssuedOn,
];

/// Every field, in order.
const FIELDS: [Field; COLUMNS.len()] = [
    Field::Op,
    Field::CertificateNumber,
    Field::Name,
    Field::IdType,
    Field::IdNumber,
    Field::OccupationCode,
    Field::OccupationName,
    Field::Direction,
    Field::Level,
    Field::TheoryScore,
    Field::SkillScore,
    Field::OverallScore,
    Field::PlanNo,
    Field::AssessedOn,
    Field::ReportedOn,
    Field::RollVerifiedOn,
    Field::ReviewedBy,
    Field::ReviewedOn,
    Field::ReviewResult,
    Field::IssuedOn,
    Field::Reason,
];

impl Field {
    /// The field of an index of [`COLUMNS`].
    pub(super) fn of_column(index: usize) -> Self {
        FIELDS[index]
    }

    /// The field's own name, as in reports.
    pub(crate) const fn name(self) -> &'static str {
        COLUMNS[self as usize].name
    }

    /// What people call it.
    pub(super) const fn title(self) -> &'static str {
        COLUMNS[self as usize].synonyms[0]
    }
}

/// A delivered row: untrusted cells by field.
#[derive(Clone, Copy)]
pub(super) struct Delivered<'a> {
    pub(super) header: &'a Header,
    pub(super) row: &'a Row,
    /// What cells of rows before it were read as.
    pub(super) before: &'a ReadBefore<'a>,
}

impl<'a> Delivered<'a> {
    /// The cell of a field; an empty text where the file has no such column.
    pub(super) fn cell(self, field: Field) -> Cell<'a> {
        self.header.cell(self.row, field as usize)
    }

    /// What is written in a field; empty for a formula that failed. Where empty is allowed, ask
    /// [`is_faulty`](Self::is_faulty) too.
    pub(super) fn text(self, field: Field) -> Cow<'a, str> {
        tidied(self.cell(field).text())
    }

    /// What is written in a field that is published as it is: Chinese punctuation stays.
    pub(super) fn prose(self, field: Field) -> Cow<'a, str> {
        tidied_prose(self.cell(field).text())
    }

    /// Whether a field holds a formula's error, so that nobody knows what belongs there.
    pub(super) fn is_faulty(self, field: Field) -> bool {
        self.cell(field) == Cell::Fault
    }

    /// A needed day. `None` when it is not there or no day, which is told.
    pub(super) fn day(self, field: Field, findings: &mut Findings) -> Option<Date> {
        let cell = self.cell(field);
        // The register packs days from 1970 to 2149.
        let read = |text| date::parse(text).filter(|&day| date::is_packable(day));
        let day = self.before.days.of(cell.text(), read);
        if day.is_none() {
            let problem = if is_blank(cell.text()) {
                "没有填写"
            } else {
                "不是日期，应如2020-03-09"
            };
            let message = format!("{}{problem}", field.title());
            findings.reject(Code::DateMalformed, field, message);
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_the_order_of_the_columns() {
        for (index, field) in FIELDS.into_iter().enumerate() {
            assert_eq!(field as usize, index);
            // `CertificateNumber` is `certificate_number`.
            let name = field.name().replace('_', "");
            assert_eq!(format!("{field:?}").to_lowercase(), name);
        }
    }
}
