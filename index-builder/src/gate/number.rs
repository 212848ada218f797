//! Rules about the certificate number (证书编号).

use certificate::{CertificateNumber, Date, Level};

use super::code::Code;
use super::field::{Delivered, Field};
use super::finding::Findings;
use crate::registry::{Institution, Plan, Registry};

/// `number_malformed`: one of the two 22-character shapes of the coding rule.
pub(super) fn read(row: Delivered<'_>, findings: &mut Findings) -> Option<CertificateNumber> {
    let field = Field::CertificateNumber;
    CertificateNumber::parse(row.cell(field).text())
        .map_err(|error| findings.reject(Code::NumberMalformed, field, error.to_string()))
        .ok()
}

/// `institution_unknown`: positions 1–13 are a filed institution, removed ones included (二(二)).
pub(super) fn institution<'r>(
    registry: &'r Registry,
    number: &CertificateNumber,
    findings: &mut Findings,
) -> Option<&'r Institution> {
    let institution = registry.institution(&number.institution());
    if institution.is_none() {
        findings.reject(
            Code::InstitutionUnknown,
            Field::CertificateNumber,
            "证书编号第1至13位不是已备案的评价机构",
        );
    }
    institution
}

/// `number_year_mismatch`: positions 14–15 are the year of issue.
pub(super) fn year(number: &CertificateNumber, issued_on: Date, findings: &mut Findings) {
    if number.year() != issued_on.year() {
        findings.reject(
            Code::NumberYearMismatch,
            Field::CertificateNumber,
            "证书编号第14至15位与发证日期的年份不符",
        );
    }
}

/// `number_level_mismatch`: position 16 is the level.
pub(super) fn level(number: &CertificateNumber, level: Level, findings: &mut Findings) {
    if number.level_character() != level.code() {
        findings.reject(
            Code::NumberLevelMismatch,
            Field::CertificateNumber,
            "证书编号第16位与职业技能等级不符",
        );
    }
}

/// `number_not_in_segment`: the serial is assigned to the institution (二(二)).
pub(super) fn segment(registry: &Registry, number: &CertificateNumber, findings: &mut Findings) {
    if !registry.is_assigned(number) {
        findings.reject(
            Code::NumberNotInSegment,
            Field::CertificateNumber,
            "证书编号不在分配给该评价机构的证书号段内",
        );
    }
}

/// `number_not_in_segment`: the plan is of the institution whose number it is (二(二)).
pub(super) fn plan(number: &CertificateNumber, plan: &Plan, findings: &mut Findings) {
    if plan.institution != number.institution() {
        findings.reject(
            Code::NumberNotInSegment,
            Field::PlanNo,
            "认定计划属于另一评价机构，与证书编号第1至13位不符",
        );
    }
}
