//! Counts over the register, gathered while its rows go by in the order of their numbers.
//!
//! A number begins with institution, year and level, so one group is open at a time and the
//! memory is that of the result.

use std::collections::BTreeMap;

use certificate::{CertificateNumber, Date};
use snapshot::{Counts, Coverage, Row, StatisticsGroup, Status};

/// What was counted; see the fields of [`snapshot::Texts`] and [`snapshot::Counts`].
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) coverage: Vec<Coverage>,
    pub(crate) statistics: Vec<StatisticsGroup>,
    pub(crate) counts: Counts,
}

/// Counting while all rows go by.
#[derive(Default)]
pub(crate) struct Survey {
    coverage: Vec<Coverage>,
    statistics: Vec<StatisticsGroup>,
    certificates: u64,
    withdrawn: u64,
    /// Of one institution, year and level: (certificates, withdrawn) by occupation.
    open: BTreeMap<u16, (u64, u64)>,
    last: Option<CertificateNumber>,
}

impl Survey {
    /// Counts the next row; numbers ascend. `latest_review` is the latest of its issue and its
    /// corrections.
    pub(crate) fn count(&mut self, number: &CertificateNumber, row: &Row, latest_review: Date) {
        let same_group = |last: &CertificateNumber| group(last) == group(number);
        if !self.last.is_some_and(|last| same_group(&last)) {
            self.close_group();
        }
        self.last = Some(*number);
        self.cover(number, latest_review);
        let withdrawn = u64::from(row.status == Status::Withdrawn);
        self.certificates += 1;
        self.withdrawn += withdrawn;
        let counts = self.open.entry(row.occupation).or_default();
        counts.0 += 1;
        counts.1 += withdrawn;
    }

    /// Nothing more comes.
    pub(crate) fn finish(mut self) -> Tally {
        self.close_group();
        Tally {
            counts: Counts {
                certificates: self.certificates,
                withdrawn: self.withdrawn,
                institutions: self.coverage.len() as u64,
            },
            coverage: self.coverage,
            statistics: self.statistics,
        }
    }

    fn cover(&mut self, number: &CertificateNumber, latest_review: Date) {
        let institution = number.institution();
        match self.coverage.last_mut() {
            Some(coverage) if coverage.institution == institution => {
                coverage.certificates += 1;
                coverage.latest_review_on = coverage.latest_review_on.max(latest_review);
            }
            _ => self.coverage.push(Coverage {
                institution,
                certificates: 1,
                latest_review_on: latest_review,
            }),
        }
    }

    fn close_group(&mut self) {
        let Some(number) = self.last else {
            return;
        };
        for (occupation, (certificates, withdrawn)) in std::mem::take(&mut self.open) {
            self.statistics.push(StatisticsGroup {
                institution: number.institution(),
                year: number.year(),
                level: number.level_character(),
                occupation,
                certificates,
                withdrawn,
            });
        }
    }
}

/// Institution, year and level: everything of a number but its serial.
fn group(number: &CertificateNumber) -> &str {
    &number.as_str()[..16]
}

#[cfg(test)]
pub(crate) mod tests {
    use certificate::Tag;

    use super::*;

    pub(crate) fn row(occupation: u16, reviewed_on: i8, status: Status) -> Row {
        Row {
            name_tag: Tag::from_bytes([0; 8]),
            id_tag: Tag::from_bytes([0; 8]),
            initial: '张',
            occupation,
            direction: 0,
            reason: None,
            review_centre: 0,
            issued_on: Date::constant(2020, 12, 1),
            reviewed_on: Date::constant(2020, 11, reviewed_on),
            status,
            status_on: None,
            revision: 1,
            sequence: 1,
        }
    }

    #[test]
    fn groups_follow_institution_year_level_and_occupation() {
        let mut survey = Survey::default();
        for (number, occupation, reviewed_on, status) in [
            ("J000044000001203000001", 7, 5, Status::Valid),
            ("J000044000001203000002", 3, 9, Status::Withdrawn),
            ("J000044000001203000009", 7, 2, Status::Withdrawn),
            ("J000044000001204000001", 7, 1, Status::Valid),
            ("J000044000001213000001", 7, 1, Status::Valid),
            ("J000044000002213000001", 7, 3, Status::Valid),
        ] {
            let number = CertificateNumber::parse(number).unwrap();
            let row = row(occupation, reviewed_on, status);
            survey.count(&number, &row, row.reviewed_on);
        }
        let survey = survey.finish();
        let counts = &survey.counts;
        assert_eq!((counts.certificates, counts.withdrawn), (6, 2));
        let coverage: Vec<_> = survey
            .coverage
            .iter()
            .map(|c| {
                (
                    c.institution.as_str(),
                    c.certificates,
                    c.latest_review_on.day(),
                )
            })
            .collect();
        assert_eq!(coverage, [("J000044000001", 5, 9), ("J000044000002", 1, 3)]);
        let groups: Vec<_> = survey
            .statistics
            .iter()
            .map(|g| (g.year, g.level, g.occupation, g.certificates, g.withdrawn))
            .collect();
        assert_eq!(
            groups,
            [
                (2020, '3', 3, 1, 1),
                (2020, '3', 7, 2, 1),
                (2020, '4', 7, 1, 0),
                (2021, '3', 7, 1, 0),
                (2021, '3', 7, 1, 0),
            ]
        );
    }

    #[test]
    fn an_empty_register_has_no_groups() {
        let survey = Survey::default().finish();
        assert!(survey.coverage.is_empty() && survey.statistics.is_empty());
    }
}
