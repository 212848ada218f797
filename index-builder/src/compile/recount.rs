//! Counts over the register, brought up to date from those of an earlier generation.
//!
//! What each changed certificate counted for before is taken away, what it counts for now is
//! added. So the cost is that of the changes, and the result is that of counting all rows anew.

use std::collections::BTreeMap;

use certificate::{CertificateNumber, Date, InstitutionCode};
use snapshot::{Counts, Coverage, Row, StatisticsGroup, Status, Texts};

use super::CompileError;
use super::survey::Tally;

/// Institution, year, level, occupation: the order of the statistics.
type Group = (InstitutionCode, i16, char, u16);

/// Certificates, and those of them that are withdrawn.
type Pair = (u64, u64);

/// The counts while changes go by, in any order.
pub(crate) struct Recount {
    coverage: BTreeMap<InstitutionCode, Coverage>,
    statistics: BTreeMap<Group, Pair>,
    counts: Counts,
}

impl Recount {
    /// Begins with what was counted before.
    pub(crate) fn of(texts: &Texts, counts: Counts) -> Self {
        let coverage = texts.coverage.iter();
        let statistics = texts.statistics.iter();
        Self {
            coverage: coverage.map(|it| (it.institution, it.clone())).collect(),
            statistics: statistics
                .map(|it| {
                    let group = (it.institution, it.year, it.level, it.occupation);
                    (group, (it.certificates, it.withdrawn))
                })
                .collect(),
            counts,
        }
    }

    /// Counts a certificate as it is now instead of as it was. `latest_review` is that of the
    /// issue and the corrections among its changes.
    ///
    /// # Errors
    ///
    /// [`CompileError::Counts`] when what it was does not fit the counts.
    pub(crate) fn replace(
        &mut self,
        number: &CertificateNumber,
        before: Option<&Row>,
        now: &Row,
        latest_review: Option<Date>,
    ) -> Result<(), CompileError> {
        match before {
            Some(before) => self.take_away(number, before).ok_or(CompileError::Counts)?,
            None => self.counts.certificates += 1,
        }
        let group = self.group(number, now);
        group.0 += 1;
        group.1 += withdrawn(now);
        self.counts.withdrawn += withdrawn(now);
        self.cover(number.institution(), before.is_none(), latest_review);
        Ok(())
    }

    /// `None` when it was never counted.
    fn take_away(&mut self, number: &CertificateNumber, before: &Row) -> Option<()> {
        let withdrawn = withdrawn(before);
        let group = self.group(number, before);
        group.0 = group.0.checked_sub(1)?;
        group.1 = group.1.checked_sub(withdrawn)?;
        self.counts.withdrawn = self.counts.withdrawn.checked_sub(withdrawn)?;
        Some(())
    }

    /// Nothing more comes.
    pub(crate) fn finish(self) -> Tally {
        let groups = self.statistics.into_iter();
        Tally {
            counts: Counts {
                institutions: self.coverage.len() as u64,
                ..self.counts
            },
            coverage: self.coverage.into_values().collect(),
            statistics: groups
                .filter(|(_, (certificates, _))| *certificates > 0)
                .map(|(group, (certificates, withdrawn))| StatisticsGroup {
                    institution: group.0,
                    year: group.1,
                    level: group.2,
                    occupation: group.3,
                    certificates,
                    withdrawn,
                })
                .collect(),
        }
    }

    fn group(&mut self, number: &CertificateNumber, row: &Row) -> &mut Pair {
        let group = (
            number.institution(),
            number.year(),
            number.level_character(),
            row.occupation,
        );
        self.statistics.entry(group).or_default()
    }

    fn cover(&mut self, institution: InstitutionCode, is_new: bool, latest_review: Option<Date>) {
        let Some(latest) = latest_review else {
            return;
        };
        let coverage = self.coverage.entry(institution).or_insert(Coverage {
            institution,
            certificates: 0,
            latest_review_on: latest,
        });
        coverage.certificates += u64::from(is_new);
        coverage.latest_review_on = coverage.latest_review_on.max(latest);
    }
}

fn withdrawn(row: &Row) -> u64 {
    u64::from(row.status == Status::Withdrawn)
}
