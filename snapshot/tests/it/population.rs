//! The sample population as rows and texts, sorted as the builder would.

use std::collections::BTreeMap;

use certificate::record::{Change, Details};
use certificate::sample::Population;
use certificate::{Date, InstitutionCode, LookupKey};
use snapshot::{
    Affiliation, Centre, Coverage, Institution, Occupation, Row, StatisticsGroup, Status, Texts,
    layout,
};

use crate::world::Certificate;

/// The certificates of a sample, sorted, and the tables behind their codes.
pub(crate) fn population(certificates: u64, key: &LookupKey) -> (Vec<Certificate>, Texts) {
    let population = Population::new(certificates, 42);
    let mut codes = Codes::default();
    let mut all: Vec<Certificate> = (0..population.certificates())
        .map(|i| {
            let issue = population.change(i);
            let details = issue.operation.details().unwrap();
            let mut row = codes.row(key, &issue, details, i + 1);
            if let Some(withdrawal) = population.withdrawal(i) {
                row.status = Status::Withdrawn;
                row.status_on = Some(withdrawal.review.on);
                row.reason = Some(code(&mut codes.reasons, &withdrawal.reason));
                row.revision = 2;
            }
            Certificate {
                number: issue.number,
                name: details.name.clone(),
                id_number: details.id_number.clone(),
                row,
            }
        })
        .collect();
    all.sort_unstable_by_key(|certificate| certificate.number);
    let texts = codes.texts(&all);
    (all, texts)
}

/// Codes by first appearance.
#[derive(Default)]
struct Codes {
    occupations: BTreeMap<String, (u16, Occupation)>,
    directions: BTreeMap<String, u16>,
    reasons: BTreeMap<String, u16>,
    centres: BTreeMap<String, u16>,
}

impl Codes {
    fn row(&mut self, key: &LookupKey, issue: &Change, details: &Details, sequence: u64) -> Row {
        let next = u16::try_from(self.occupations.len()).unwrap();
        let occupation = Occupation {
            code: details.occupation_code,
            name: details.occupation_name.clone(),
        };
        let named = format!("{}{}", occupation.code, occupation.name);
        let occupation = self.occupations.entry(named).or_insert((next, occupation));
        Row {
            name_tag: key.name_tag(&issue.number, &details.name),
            id_tag: key.id_tag(&issue.number, &details.id_number),
            initial: details.name.initial(),
            occupation: occupation.0,
            direction: code(&mut self.directions, &details.direction),
            reason: None,
            review_centre: u8::try_from(code(&mut self.centres, &issue.review.centre)).unwrap(),
            issued_on: details.issued_on,
            reviewed_on: issue.review.on,
            status: Status::Valid,
            status_on: None,
            revision: 1,
            sequence,
        }
    }

    fn texts(self, certificates: &[Certificate]) -> Texts {
        let mut occupations: Vec<_> = self.occupations.into_values().collect();
        occupations.sort_unstable_by_key(|occupation| occupation.0);
        let centre = |code: String| Centre {
            name: format!("{code}鉴定中心"),
            division: "440000".into(),
            phone: "020-00000000".into(),
            address: "广州市".into(),
            code,
        };
        Texts {
            format: layout::FORMAT,
            institutions: institutions(certificates),
            occupations: occupations
                .into_iter()
                .map(|occupation| occupation.1)
                .collect(),
            directions: by_code(self.directions),
            reasons: by_code(self.reasons),
            centres: by_code(self.centres).into_iter().map(centre).collect(),
            coded_centres: None,
            coverage: coverage(certificates),
            statistics: statistics(certificates),
        }
    }
}

fn code(codes: &mut BTreeMap<String, u16>, text: &str) -> u16 {
    let next = u16::try_from(codes.len()).unwrap();
    *codes.entry(text.to_owned()).or_insert(next)
}

fn by_code(codes: BTreeMap<String, u16>) -> Vec<String> {
    let mut texts: Vec<_> = codes.into_iter().collect();
    texts.sort_unstable_by_key(|text| text.1);
    texts.into_iter().map(|text| text.0).collect()
}

fn coverage(certificates: &[Certificate]) -> Vec<Coverage> {
    let mut of: BTreeMap<InstitutionCode, (u64, Date)> = BTreeMap::new();
    for certificate in certificates {
        let reviewed_on = certificate.row.reviewed_on;
        let institution = certificate.number.institution();
        let (count, latest) = of.entry(institution).or_insert((0, reviewed_on));
        *count += 1;
        *latest = reviewed_on.max(*latest);
    }
    let coverage = |(institution, (certificates, latest_review_on))| Coverage {
        institution,
        certificates,
        latest_review_on,
    };
    of.into_iter().map(coverage).collect()
}

fn institutions(certificates: &[Certificate]) -> Vec<Institution> {
    let institution = |coverage: Coverage| Institution {
        code: coverage.institution,
        name: format!("{}技师学院", coverage.institution.as_str()),
        city: "440100".into(),
        affiliation: Affiliation::Provincial,
        kind: "技师学院".into(),
        top_level: '2',
        filed_on: Date::constant(2020, 1, 1),
        removed_on: None,
        removal_reason: None,
    };
    coverage(certificates)
        .into_iter()
        .map(institution)
        .collect()
}

fn statistics(certificates: &[Certificate]) -> Vec<StatisticsGroup> {
    let mut groups: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for Certificate { number, row, .. } in certificates {
        let level = number.level_character();
        let group = (number.institution(), number.year(), level, row.occupation);
        let (all, withdrawn) = groups.entry(group).or_default();
        *all += 1;
        *withdrawn += u64::from(row.status == Status::Withdrawn);
    }
    let group =
        |((institution, year, level, occupation), (certificates, withdrawn))| StatisticsGroup {
            institution,
            year,
            level,
            occupation,
            certificates,
            withdrawn,
        };
    groups.into_iter().map(group).collect()
}
