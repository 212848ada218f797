//! Rules about the review (审核) by the provincial or a city centre (二(三), 二(四)).

use std::borrow::Cow;

use certificate::Date;

use super::code::Code;
use super::field::{Delivered, Field};
use super::finding::Findings;
use crate::registry::{Affiliation, Centre, Institution, Registry};

/// `review_missing`: who reviewed.
pub(super) fn read_centre<'a>(row: Delivered<'a>, findings: &mut Findings) -> Option<Cow<'a, str>> {
    let centre = row.text(Field::ReviewedBy);
    if centre.is_empty() {
        missing(Field::ReviewedBy, findings);
        return None;
    }
    Some(centre)
}

/// `review_missing`, `date_malformed`: when.
pub(super) fn read_day(row: Delivered<'_>, findings: &mut Findings) -> Option<Date> {
    let field = Field::ReviewedOn;
    if row.cell(field).is_blank() {
        missing(field, findings);
        return None;
    }
    row.day(field, findings)
}

/// `review_missing`, `review_not_approved`: with what result.
pub(super) fn is_approved(row: Delivered<'_>, findings: &mut Findings) {
    let field = Field::ReviewResult;
    match row.text(field) {
        text if text.is_empty() => missing(field, findings),
        text if text == "通过" || text.eq_ignore_ascii_case("approved") => {}
        _ => findings.reject(Code::ReviewNotApproved, field, "审核结论不是“通过”"),
    }
}

/// `review_wrong_centre`: the provincial centre for a provincial institution, else its city's.
pub(super) fn is_competent(
    registry: &Registry,
    institution: &Institution,
    centre: &str,
    findings: &mut Findings,
) {
    let (division, who) = match institution.affiliation {
        Affiliation::Provincial => (Centre::PROVINCE, "厅属院校应由省技能中心审核"),
        Affiliation::Municipal => (institution.city.as_str(), "该校应由所在市的鉴定中心审核"),
    };
    let centre = registry.centre(centre);
    if centre.is_none_or(|centre| centre.division != division) {
        findings.reject(Code::ReviewWrongCentre, Field::ReviewedBy, who);
    }
}

fn missing(field: Field, findings: &mut Findings) {
    let message = format!("没有填写{}；未经审核的结果不得公布", field.title());
    findings.reject(Code::ReviewMissing, field, message);
}
