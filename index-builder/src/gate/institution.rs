//! Rules about the time in which an institution takes part in the pilot (二(二), 四(二)).

use certificate::Date;

use super::code::Code;
use super::field::Field;
use super::finding::Findings;
use crate::registry::Institution;

/// `institution_not_yet_filed`: nobody is assessed before the institution is filed.
pub(super) fn is_filed(institution: &Institution, assessed_on: Date, findings: &mut Findings) {
    if assessed_on < institution.filed_on {
        let message = format!("认定日期早于评价机构的备案日期{}", institution.filed_on);
        findings.reject(Code::InstitutionNotYetFiled, Field::AssessedOn, message);
    }
}

/// `institution_removed`: nothing is issued from the day of the removal. What was issued before
/// stays valid.
pub(super) fn is_not_removed(institution: &Institution, issued_on: Date, findings: &mut Findings) {
    if let Some(removed_on) = institution.removed_on
        && issued_on >= removed_on
    {
        let message = format!("评价机构已于{removed_on}移出目录，不得再发证");
        findings.reject(Code::InstitutionRemoved, Field::IssuedOn, message);
    }
}
