//! Rules about the filed plan and the deadlines around it (二(三)).

use certificate::workday::{Calendar, YearMissing};
use certificate::{Date, tidied};
use jiff::ToSpan;

use super::code::Code;
use super::field::{Delivered, Field};
use super::finding::Findings;
use crate::registry::{Plan, Registry};

/// Working days between filing and beginning, at least.
const DAYS_BEFORE_LEAST: i32 = 10;

/// Working days that pass between the end and the report, at most: the report is due on the
/// twentieth, so nineteen lie between.
const DAYS_AFTER_TOO_MANY: u32 = 20;

/// `plan_unknown`: the plan is filed.
pub(super) fn read<'a>(
    registry: &'a Registry,
    row: Delivered<'a>,
    findings: &mut Findings,
) -> Option<&'a Plan> {
    let cell = row.cell(Field::PlanNo);
    let plans = &row.before.plans;
    let plan = plans.of(cell.text(), |text| registry.plan(&tidied(text)));
    if plan.is_none() {
        let message = "没有备案过这个认定计划编号";
        findings.reject(Code::PlanUnknown, Field::PlanNo, message);
    }
    plan
}

/// `plan_filed_late`: ten working days or more before it begins.
pub(super) fn is_filed_early(
    calendar: &Calendar,
    plan: &Plan,
    is_strict: bool,
    findings: &mut Findings,
) -> Result<(), YearMissing> {
    // Counted back from the start, so that the years before the deadline need no calendar.
    let counted = || calendar.add(plan.starts_on, -DAYS_BEFORE_LEAST);
    let latest = (*plan.deadlines.filing.get_or_init(counted))?;
    if plan.filed_on > latest {
        let days = calendar.count(plan.filed_on, plan.starts_on, u32::MAX)?;
        let message = format!("认定计划备案距开始只有{days}个工作日，应提前10个工作日");
        findings.late(is_strict, Code::PlanFiledLate, Field::PlanNo, &message);
    }
    Ok(())
}

/// `reported_late`: within twenty working days after it ends.
pub(super) fn is_reported_early(
    calendar: &Calendar,
    plan: &Plan,
    reported_on: Date,
    is_strict: bool,
    findings: &mut Findings,
) -> Result<(), YearMissing> {
    let after = || plan.ends_on.saturating_add(1.day());
    let counted = || calendar.stretch(after(), DAYS_AFTER_TOO_MANY);
    let stretch = plan.deadlines.report.get_or_init(counted);
    if stretch.is_full_before(reported_on)? {
        let message = "结果报送超过认定结束后20个工作日";
        findings.late(is_strict, Code::ReportedLate, Field::ReportedOn, message);
    }
    Ok(())
}
