//! The register in counts: by city, occupation, level and year, for the public statistics.
//!
//! It adds up the groups that the builder counted, and looks at no certificate.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use certificate::OccupationCode;
use snapshot::Texts;

/// How many certificates, and how many of them are withdrawn.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// All, withdrawn ones included.
    pub certificates: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
}

/// All certificates of a generation, counted four times over: each list adds up to `total`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Statistics {
    /// Every certificate.
    pub total: Tally,
    /// By the division code of the institution's city, ascending.
    pub cities: Vec<(String, Tally)>,
    /// By occupation, the most frequent first.
    pub occupations: Vec<(Occupation, Tally)>,
    /// By level character, from the lowest skill (`5`) to the highest.
    pub levels: Vec<(char, Tally)>,
    /// By the year in the certificate number, ascending.
    pub years: Vec<(i16, Tally)>,
}

/// An occupation: code and name. One that was renamed is two.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Occupation {
    /// 职业编码.
    pub code: OccupationCode,
    /// 职业名称.
    pub name: String,
}

impl Statistics {
    /// Adds up the groups of a generation. Cost: a binary search and four map insertions a group.
    pub fn of(texts: &Texts) -> Self {
        let mut total = Tally::default();
        let (mut cities, mut levels, mut years) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut occupations = vec![Tally::default(); texts.occupations.len()];
        for group in &texts.statistics {
            let tally = Tally {
                certificates: group.certificates,
                withdrawn: group.withdrawn,
            };
            let city = texts.institution(&group.institution);
            let city = city.map_or("", |institution| institution.city.as_str());
            total += tally;
            *cities.entry(city).or_default() += tally;
            *levels.entry(group.level).or_default() += tally;
            *years.entry(group.year).or_default() += tally;
            // The reader has checked that every group's occupation is in the table.
            occupations[usize::from(group.occupation)] += tally;
        }
        Self {
            total,
            cities: owned(cities),
            occupations: by_frequency(texts, &occupations),
            levels: levels.into_iter().rev().collect(),
            years: years.into_iter().collect(),
        }
    }
}

fn owned(cities: BTreeMap<&str, Tally>) -> Vec<(String, Tally)> {
    let owned = |(city, tally): (&str, Tally)| (city.to_owned(), tally);
    cities.into_iter().map(owned).collect()
}

/// Those that occur, most frequent first; equals by code, so that the order is always the same.
fn by_frequency(texts: &Texts, tallies: &[Tally]) -> Vec<(Occupation, Tally)> {
    let mut merged: BTreeMap<Occupation, Tally> = BTreeMap::new();
    for (occupation, tally) in texts.occupations.iter().zip(tallies) {
        if tally.certificates > 0 {
            let occupation = Occupation {
                code: occupation.code,
                name: occupation.name.clone(),
            };
            *merged.entry(occupation).or_default() += *tally;
        }
    }
    let mut sorted: Vec<_> = merged.into_iter().collect();
    sorted.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.certificates));
    sorted
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.certificates += other.certificates;
        self.withdrawn += other.withdrawn;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use certificate::{Date, InstitutionCode};
    use snapshot::{Affiliation, Institution, StatisticsGroup, layout};

    use super::*;

    fn institution(code: &str, city: &str) -> Institution {
        Institution {
            code: InstitutionCode::parse(code).unwrap(),
            name: String::new(),
            city: city.to_owned(),
            affiliation: Affiliation::Municipal,
            kind: String::new(),
            top_level: '3',
            filed_on: Date::constant(2020, 3, 20),
            removed_on: None,
            removal_reason: None,
        }
    }

    fn group(
        code: &str,
        year: i16,
        level: char,
        occupation: u16,
        counts: [u64; 2],
    ) -> StatisticsGroup {
        StatisticsGroup {
            institution: InstitutionCode::parse(code).unwrap(),
            year,
            level,
            occupation,
            certificates: counts[0],
            withdrawn: counts[1],
        }
    }

    fn texts() -> Texts {
        let (one, two) = ("J000044000001", "J000044000002");
        let occupation = |code, name: &str| snapshot::Occupation {
            code: OccupationCode::parse(code).unwrap(),
            name: name.to_owned(),
        };
        Texts {
            format: layout::FORMAT,
            institutions: vec![institution(one, "440300"), institution(two, "440100")],
            occupations: vec![
                occupation("4-04-05-05", "人工智能训练师"),
                occupation("6-31-07-03", "工业机器人系统操作员"),
                occupation("4-02-04-06", "无人机驾驶员"),
            ],
            directions: Vec::new(),
            reasons: Vec::new(),
            centres: Vec::new(),
            coded_centres: None,
            coverage: Vec::new(),
            statistics: vec![
                group(one, 2020, '4', 0, [5, 1]),
                group(one, 2021, '3', 1, [7, 0]),
                group(two, 2020, '3', 1, [2, 2]),
            ],
        }
    }

    fn tally(certificates: u64, withdrawn: u64) -> Tally {
        Tally {
            certificates,
            withdrawn,
        }
    }

    #[test]
    fn groups_are_added_up_four_times() {
        let found = Statistics::of(&texts());
        assert_eq!(found.total, tally(14, 3));
        let cities = [
            ("440100".to_owned(), tally(2, 2)),
            ("440300".to_owned(), tally(12, 1)),
        ];
        assert_eq!(found.cities, cities);
        assert_eq!(found.levels, [('4', tally(5, 1)), ('3', tally(9, 2))]);
        assert_eq!(found.years, [(2020, tally(7, 3)), (2021, tally(7, 0))]);
        let names = found
            .occupations
            .iter()
            .map(|(it, tally)| (&*it.name, *tally));
        let expected = [
            ("工业机器人系统操作员", tally(9, 2)),
            ("人工智能训练师", tally(5, 1)),
        ];
        assert!(names.eq(expected), "what never occurs is not listed");
    }
}
