//! The order in which things happen (`date_order`). A link with an unreadable end is skipped.

use certificate::Date;
use certificate::record::OperationKind;

use super::code::Code;
use super::field::Field;
use super::finding::Findings;
use crate::registry::Plan;

/// The days of a full row, as far as they could be read.
#[derive(Clone, Copy)]
pub(super) struct Days {
    pub(super) assessed_on: Option<Date>,
    pub(super) reported_on: Option<Date>,
    pub(super) roll_verified_on: Option<Date>,
    pub(super) reviewed_on: Option<Date>,
    pub(super) issued_on: Option<Date>,
}

/// Judges every link of a full row.
pub(super) fn judge(
    kind: OperationKind,
    days: &Days,
    plan: Option<&Plan>,
    findings: &mut Findings,
) {
    if let Some(plan) = plan {
        within_plan(plan, days.assessed_on, findings);
    }
    one_after_another(days, findings);
    let (reviewed_on, issued_on) = (days.reviewed_on, days.issued_on);
    if kind == OperationKind::Correct {
        // A correction is reviewed after the certificate was issued.
        let message = "审核日期早于发证日期";
        in_order(issued_on, reviewed_on, Field::ReviewedOn, message, findings);
    } else {
        let message = "发证日期早于审核日期";
        in_order(reviewed_on, issued_on, Field::IssuedOn, message, findings);
    }
}

/// Assessed while the plan was carried out.
fn within_plan(plan: &Plan, assessed_on: Option<Date>, findings: &mut Findings) {
    let (first, last) = (Some(plan.starts_on), Some(plan.ends_on));
    let field = Field::AssessedOn;
    in_order(
        first,
        assessed_on,
        field,
        "认定日期早于认定计划的开始日期",
        findings,
    );
    in_order(
        assessed_on,
        last,
        field,
        "认定日期晚于认定计划的结束日期",
        findings,
    );
}

/// Assessed, reported, reviewed; the roll verified before the review.
fn one_after_another(days: &Days, findings: &mut Findings) {
    let Days {
        assessed_on,
        reported_on,
        roll_verified_on,
        reviewed_on,
        ..
    } = *days;
    let message = "报送日期早于认定日期";
    in_order(
        assessed_on,
        reported_on,
        Field::ReportedOn,
        message,
        findings,
    );
    let message = "审核日期早于报送日期";
    in_order(
        reported_on,
        reviewed_on,
        Field::ReviewedOn,
        message,
        findings,
    );
    let message = "学籍核验日期晚于审核日期";
    in_order(
        roll_verified_on,
        reviewed_on,
        Field::RollVerifiedOn,
        message,
        findings,
    );
}

/// Whether two days are in order.
pub(super) fn in_order(
    earlier: Option<Date>,
    later: Option<Date>,
    field: Field,
    message: &str,
    findings: &mut Findings,
) {
    if let (Some(earlier), Some(later)) = (earlier, later)
        && earlier > later
    {
        findings.reject(Code::DateOrder, field, message);
    }
}
