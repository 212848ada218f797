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

/// Assessed within the plan; assessed, reported, reviewed, issued in this order; the roll verified
/// before the review. A correction is reviewed after the certificate was issued.
pub(super) fn judge(
    kind: OperationKind,
    days: &Days,
    plan: Option<&Plan>,
    findings: &mut Findings,
) {
    let (starts_on, ends_on) = (
        plan.map(|plan| plan.starts_on),
        plan.map(|plan| plan.ends_on),
    );
    let last = if kind == OperationKind::Correct {
        (
            days.issued_on,
            days.reviewed_on,
            Field::ReviewedOn,
            "审核日期早于发证日期",
        )
    } else {
        (
            days.reviewed_on,
            days.issued_on,
            Field::IssuedOn,
            "发证日期早于审核日期",
        )
    };
    let links = [
        (
            starts_on,
            days.assessed_on,
            Field::AssessedOn,
            "认定日期早于认定计划的开始日期",
        ),
        (
            days.assessed_on,
            ends_on,
            Field::AssessedOn,
            "认定日期晚于认定计划的结束日期",
        ),
        (
            days.assessed_on,
            days.reported_on,
            Field::ReportedOn,
            "报送日期早于认定日期",
        ),
        (
            days.reported_on,
            days.reviewed_on,
            Field::ReviewedOn,
            "审核日期早于报送日期",
        ),
        (
            days.roll_verified_on,
            days.reviewed_on,
            Field::RollVerifiedOn,
            "学籍核验日期晚于审核日期",
        ),
        last,
    ];
    for (earlier, later, field, message) in links {
        in_order(earlier, later, field, message, findings);
    }
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
