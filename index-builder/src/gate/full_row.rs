//! A full row, of an issue or a correction: every value read, every rule asked.

use std::borrow::Cow;

use certificate::record::{OperationKind, Score};
use certificate::workday::YearMissing;
use certificate::{CertificateNumber, Date, HolderName, IdentityNumber, IdentityType, Level};

use super::dates::Days;
use super::field::{Delivered, Field};
use super::finding::Findings;
use super::{Gate, dates, holder, institution, number, occupation, plan};
use crate::ledger::DraftDetails;
use crate::registry::{Edition, Institution, Plan};

/// A full row and what is known of it already.
pub(super) struct FullRow<'a> {
    pub(super) gate: &'a Gate,
    pub(super) row: Delivered<'a>,
    pub(super) kind: OperationKind,
    pub(super) number: Option<CertificateNumber>,
    pub(super) institution: Option<&'a Institution>,
    pub(super) reviewed_on: Option<Date>,
}

/// The holder, as far as it could be read.
struct Holder {
    name: Option<HolderName>,
    id_type: Option<IdentityType>,
    id_number: Option<IdentityNumber>,
    scores: [Option<Score>; 3],
}

impl<'a> FullRow<'a> {
    /// Judges the row. The details are there when every value could be read.
    pub(super) fn judge(
        &self,
        findings: &mut Findings,
    ) -> Result<Option<DraftDetails<'a>>, YearMissing> {
        let days = self.days(findings);
        let holder = self.holder(findings);
        let level = occupation::read_level(self.row, findings);
        let direction = occupation::read_direction(self.row, findings);
        let occupation = self.occupation(days.assessed_on, level, findings);
        let plan = plan::read(&self.gate.registry, self.row, findings);
        self.judge_number(&days, level, plan, findings);
        self.judge_institution(&days, findings);
        dates::judge(self.kind, &days, plan, findings);
        self.judge_deadlines(&days, plan, findings)?;
        Ok(details(&days, holder, level, direction, occupation, plan))
    }

    fn days(&self, findings: &mut Findings) -> Days {
        Days {
            assessed_on: self.row.day(Field::AssessedOn, findings),
            reported_on: self.row.day(Field::ReportedOn, findings),
            roll_verified_on: holder::read_roll_verified_on(self.row, findings),
            reviewed_on: self.reviewed_on,
            issued_on: self.row.day(Field::IssuedOn, findings),
        }
    }

    fn holder(&self, findings: &mut Findings) -> Holder {
        let name = holder::read_name(self.row, findings);
        let id_type = holder::read_id_type(self.row, findings);
        let id_number = id_type.and_then(|it| holder::read_id_number(self.row, it, findings));
        if let (Some(roll), Some(number), Some(name), Some(id_number)) =
            (&self.gate.roll, self.number, &name, &id_number)
        {
            holder::is_on_roll(roll, &number.institution(), name, id_number, findings);
        }
        Holder {
            name,
            id_type,
            id_number,
            scores: holder::read_scores(self.row, findings),
        }
    }

    /// Occupation and level, on the day of the assessment.
    fn occupation(
        &self,
        assessed_on: Option<Date>,
        level: Option<Level>,
        findings: &mut Findings,
    ) -> Option<&'a Edition> {
        let registry = &self.gate.registry;
        let code = occupation::read_code(self.row, findings);
        if let Some(code) = code {
            occupation::is_skilled(code, findings);
        }
        let known = code
            .zip(assessed_on)
            .and_then(|(code, day)| occupation::known(registry, code, self.row, day, findings));
        let mut programme = None;
        let in_force = |code, day| {
            let is_in_force = known.is_some() || registry.editions(&code, day).next().is_some();
            is_in_force.then_some((code, day))
        };
        let in_force = code
            .zip(assessed_on)
            .and_then(|(code, day)| in_force(code, day));
        if let Some((code, day)) = in_force {
            // A name that disagrees hides nothing of what the code alone decides.
            let name = known.map_or("", |known| &known.comparable);
            occupation::is_not_excluded(registry, code, name, day, findings);
            programme = self.institution.and_then(|institution| {
                occupation::is_filed(registry, institution, code, day, findings)
            });
        }
        if let (Some(institution), Some(level)) = (self.institution, level) {
            occupation::is_allowed(institution, programme, level, findings);
        }
        known
    }

    fn judge_number(
        &self,
        days: &Days,
        level: Option<Level>,
        plan: Option<&Plan>,
        findings: &mut Findings,
    ) {
        let Some(number) = &self.number else { return };
        if let Some(issued_on) = days.issued_on {
            number::year(number, issued_on, findings);
        }
        if let Some(level) = level {
            number::level(number, level, findings);
        }
        if self.institution.is_none() {
            return;
        }
        number::segment(&self.gate.registry, number, findings);
        if let Some(plan) = plan {
            number::plan(number, plan, findings);
        }
    }

    fn judge_institution(&self, days: &Days, findings: &mut Findings) {
        let Some(institution) = self.institution else {
            return;
        };
        if let Some(assessed_on) = days.assessed_on {
            institution::is_filed(institution, assessed_on, findings);
        }
        if let Some(issued_on) = days.issued_on {
            institution::is_not_removed(institution, issued_on, findings);
        }
    }

    /// A correction comes whenever a mistake is found, so its deadlines are not judged again.
    fn judge_deadlines(
        &self,
        days: &Days,
        plan: Option<&Plan>,
        findings: &mut Findings,
    ) -> Result<(), YearMissing> {
        let Some(plan) = plan.filter(|_| self.kind == OperationKind::Issue) else {
            return Ok(());
        };
        let calendar = self.gate.registry.calendar();
        let is_strict = self.gate.strict_deadlines;
        plan::is_filed_early(calendar, plan, is_strict, findings)?;
        if let Some(reported_on) = days.reported_on {
            plan::is_reported_early(calendar, plan, reported_on, is_strict, findings)?;
        }
        Ok(())
    }
}

fn details<'a>(
    days: &Days,
    holder: Holder,
    level: Option<Level>,
    direction: Option<Cow<'a, str>>,
    occupation: Option<&'a Edition>,
    plan: Option<&'a Plan>,
) -> Option<DraftDetails<'a>> {
    let occupation = occupation?;
    Some(DraftDetails {
        name: holder.name?,
        id_type: holder.id_type?,
        id_number: holder.id_number?,
        occupation_code: occupation.code,
        occupation_name: &occupation.name,
        direction: direction?,
        level: level?,
        scores: holder.scores,
        plan_no: &plan?.plan_no,
        assessed_on: days.assessed_on?,
        reported_on: days.reported_on?,
        roll_verified_on: days.roll_verified_on?,
        issued_on: days.issued_on?,
    })
}
