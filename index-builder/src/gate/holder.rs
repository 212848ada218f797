//! Rules about the holder: name, identity document, scores, school roll (一(二), 二(四)).

use certificate::identity::IdentityError;
use certificate::record::Score;
use certificate::{Date, HolderName, IdentityNumber, IdentityType, InstitutionCode, is_blank};

use super::code::Code;
use super::field::{Delivered, Field};
use super::finding::Findings;
use super::roll::Roll;

/// `name_malformed`: 1 to 50 characters after normalisation.
pub(super) fn read_name(row: Delivered<'_>, findings: &mut Findings) -> Option<HolderName> {
    HolderName::parse(row.cell(Field::Name).text())
        .map_err(|error| findings.reject(Code::NameMalformed, Field::Name, error.to_string()))
        .ok()
}

/// `id_malformed`: the type is a code or a name of the list; a resident's card when empty.
pub(super) fn read_id_type(row: Delivered<'_>, findings: &mut Findings) -> Option<IdentityType> {
    let field = Field::IdType;
    let cell = row.cell(field);
    let kind = if is_blank(cell.text()) && !row.is_faulty(field) {
        Some(IdentityType::RESIDENT)
    } else {
        row.before.id_types.of(cell.text(), IdentityType::parse)
    };
    if kind.is_none() {
        findings.reject(Code::IdMalformed, field, "证件类型应为01至99的代码或其名称");
    }
    kind
}

/// `id_truncated`, `id_malformed`, `id_check_failed`: whole, of the type's shape, with the right
/// check character (GB 11643).
pub(super) fn read_id_number(
    row: Delivered<'_>,
    kind: IdentityType,
    findings: &mut Findings,
) -> Option<IdentityNumber> {
    let field = Field::IdNumber;
    let cell = row.cell(field);
    if cell.is_truncated() {
        findings.reject(
            Code::IdTruncated,
            field,
            "证件号码被表格软件存成了数字，末几位已丢失；请把该列设为文本后从原始资料重新录入",
        );
        return None;
    }
    IdentityNumber::parse(kind, cell.text())
        .map_err(|error| {
            let code = match error {
                IdentityError::Malformed => Code::IdMalformed,
                IdentityError::CheckFailed => Code::IdCheckFailed,
            };
            findings.reject(code, field, error.to_string());
        })
        .ok()
}

/// `score_out_of_range`: empty, or 0 to 100 with at most two decimals.
pub(super) fn read_scores(row: Delivered<'_>, findings: &mut Findings) -> [Option<Score>; 3] {
    [Field::TheoryScore, Field::SkillScore, Field::OverallScore].map(|field| {
        let text = row.cell(field).text();
        let score = row.before.scores.of(text, Score::parse);
        if score.is_none() && (!is_blank(text) || row.is_faulty(field)) {
            let message = "成绩应为0至100，最多两位小数；没有成绩则留空";
            findings.reject(Code::ScoreOutOfRange, field, message);
        }
        score
    })
}

/// `roll_not_verified`: the school roll (全省技工院校学籍管理系统) was checked, and when.
pub(super) fn read_roll_verified_on(row: Delivered<'_>, findings: &mut Findings) -> Option<Date> {
    let field = Field::RollVerifiedOn;
    if row.cell(field).is_blank() {
        let message = "没有学籍核验日期；须先在全省技工院校学籍管理系统核验";
        findings.reject(Code::RollNotVerified, field, message);
        return None;
    }
    row.day(field, findings)
}

/// `roll_mismatch`: the person is on the roll of the school that issues.
pub(super) fn is_on_roll(
    roll: &Roll,
    institution: &InstitutionCode,
    name: &HolderName,
    id_number: &IdentityNumber,
    findings: &mut Findings,
) {
    if !roll.has(institution, name, id_number) {
        let message = "学籍名册中没有该校的这名学生（姓名与证件号码须同时一致）";
        findings.reject(Code::RollMismatch, Field::Name, message);
    }
}
