//! Rules about occupation, direction and level (一(三), 一(四)), on the day of the assessment.

use std::borrow::Cow;

use certificate::{Date, Level, OccupationCode};

use super::code::Code;
use super::field::{Delivered, Field};
use super::finding::Findings;
use super::operation::has_long_number;
use crate::registry::{Edition, Institution, Registry, comparable};

/// Characters of a direction; the longest of the 职业分类大典 has about twenty.
const DIRECTION_CHARACTERS_MOST: usize = 100;

/// `occupation_unknown`: a code has the shape of a code.
pub(super) fn read_code(row: Delivered<'_>, findings: &mut Findings) -> Option<OccupationCode> {
    let field = Field::OccupationCode;
    let occupations = &row.before.occupations;
    let code = occupations.of(row.cell(field).text(), OccupationCode::parse);
    if code.is_none() {
        findings.reject(Code::OccupationUnknown, field, "职业编码应如4-04-05-05");
    }
    code
}

/// `occupation_unknown`: the code is in force on the day, and the name is its name.
pub(super) fn known<'r>(
    registry: &'r Registry,
    code: OccupationCode,
    row: Delivered<'_>,
    assessed_on: Date,
    findings: &mut Findings,
) -> Option<&'r Edition> {
    let written = comparable(row.cell(Field::OccupationName).text());
    let mut editions = registry.editions(&code, assessed_on).peekable();
    if editions.peek().is_none() {
        let message = "认定当日的职业目录中没有这个职业编码";
        findings.reject(Code::OccupationUnknown, Field::OccupationCode, message);
        return None;
    }
    let known = editions.find(|edition| edition.comparable == written);
    if known.is_none() {
        let message = "职业名称与职业编码不符";
        findings.reject(Code::OccupationUnknown, Field::OccupationName, message);
    }
    known
}

/// `occupation_not_skilled`: of the skills classes 3–6 (一(三)).
pub(super) fn is_skilled(code: OccupationCode, findings: &mut Findings) {
    if !code.is_skilled() {
        findings.reject(
            Code::OccupationNotSkilled,
            Field::OccupationCode,
            "不是技能类职业（职业编码首位应为3至6）",
        );
    }
}

/// `occupation_excluded`: not in the 国家职业资格目录 (一(三)).
pub(super) fn is_not_excluded(
    registry: &Registry,
    code: OccupationCode,
    name: &str,
    assessed_on: Date,
    findings: &mut Findings,
) {
    if registry.is_excluded(&code, name, assessed_on) {
        findings.reject(
            Code::OccupationExcluded,
            Field::OccupationCode,
            "认定当日该职业在国家职业资格目录内，不得开展试点认定",
        );
    }
}

/// `occupation_not_in_programme` and `level_above_institution`: filed for the institution, and no
/// higher than institution and programme allow (一(三), 一(四)).
pub(super) fn is_filed(
    registry: &Registry,
    institution: &Institution,
    code: OccupationCode,
    assessed_on: Date,
    findings: &mut Findings,
) -> Option<Level> {
    let programme = registry.programme(&institution.code, &code, assessed_on);
    if programme.is_none() {
        findings.reject(
            Code::OccupationNotInProgramme,
            Field::OccupationCode,
            "认定当日该评价机构没有备案这个职业",
        );
    }
    programme.map(|programme| programme.top_level)
}

/// `level_unknown`: a code or either half of a name.
pub(super) fn read_level(row: Delivered<'_>, findings: &mut Findings) -> Option<Level> {
    let levels = &row.before.levels;
    let level = levels.of(row.cell(Field::Level).text(), Level::parse);
    if level.is_none() {
        let message = "职业技能等级应为1至5，或“三级/高级工”这样的名称";
        findings.reject(Code::LevelUnknown, Field::Level, message);
    }
    level
}

/// `level_above_institution`: no higher than the institution, and the programme where there is one.
pub(super) fn is_allowed(
    institution: &Institution,
    programme: Option<Level>,
    level: Level,
    findings: &mut Findings,
) {
    let top = institution.top_level;
    let top = programme.map_or(top, |programme| {
        if programme.rank() < top.rank() {
            programme
        } else {
            top
        }
    });
    if level.rank() > top.rank() {
        let message = format!("该评价机构在此职业最高可认定{}", top.name());
        findings.reject(Code::LevelAboveInstitution, Field::Level, message);
    }
}

/// `occupation_unknown`: a direction is short, printable text, or empty.
pub(super) fn read_direction<'a>(
    row: Delivered<'a>,
    findings: &mut Findings,
) -> Option<Cow<'a, str>> {
    let field = Field::Direction;
    let direction = row.prose(field);
    let is_text = !row.is_faulty(field)
        && direction.chars().count() <= DIRECTION_CHARACTERS_MOST
        && !direction.chars().any(char::is_control)
        && !has_long_number(&direction);
    if !is_text {
        let message = format!(
            "工种/职业方向会公布，最多{DIRECTION_CHARACTERS_MOST}个字符，不能有连续6位数字、控制字符或公式错误值"
        );
        findings.reject(Code::OccupationUnknown, field, message);
    }
    is_text.then_some(direction)
}
