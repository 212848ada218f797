//! The tables behind the codes of the fixture: four institutions, two centres, one occupation.

use certificate::{CertificateNumber, Date, InstitutionCode, OccupationCode};
use snapshot::{
    Affiliation, Centre, Coverage, Institution, Occupation, StatisticsGroup, Texts, layout,
};

use crate::register::Certificate;

/// The reasons of withdrawals, and of other changes.
pub(crate) const REASONS: [&str; 2] = ["发证信息有误", "更正姓名"];

/// The tables for these certificates, which are in the order of their numbers.
pub(crate) fn texts(sorted: &[(CertificateNumber, &Certificate)]) -> Texts {
    let mut coverage: Vec<Coverage> = Vec::new();
    for (number, _) in sorted {
        match coverage.last_mut() {
            Some(last) if last.institution == number.institution() => last.certificates += 1,
            _ => coverage.push(Coverage {
                institution: number.institution(),
                certificates: 1,
                latest_review_on: Date::constant(2026, 11, 20),
            }),
        }
    }
    Texts {
        format: layout::FORMAT,
        institutions: institutions(),
        occupations: vec![Occupation {
            code: OccupationCode::parse("4-04-05-05").unwrap(),
            name: "人工智能训练师".to_owned(),
        }],
        directions: vec![String::new(), "图像\\\"视觉\"方向".to_owned()],
        reasons: REASONS.map(str::to_owned).to_vec(),
        centres: vec![
            centre("440000", "440000", "广东省职业技能服务指导中心"),
            centre("440100", "440100", "广州市职业技能鉴定指导中心"),
        ],
        coded_centres: None,
        coverage,
        statistics: statistics(sorted),
    }
}

/// A group a certificate is more than a builder writes, and adds up to the same.
fn statistics(sorted: &[(CertificateNumber, &Certificate)]) -> Vec<StatisticsGroup> {
    let group = |(number, it): &(CertificateNumber, &Certificate)| StatisticsGroup {
        institution: number.institution(),
        year: 2000 + number.as_str()[13..15].parse::<i16>().unwrap(),
        level: number.level_character(),
        occupation: 0,
        certificates: 1,
        withdrawn: u64::from(it.withdrawn_on.is_some()),
    };
    sorted.iter().map(group).collect()
}

fn centre(code: &str, division: &str, name: &str) -> Centre {
    Centre {
        code: code.to_owned(),
        name: name.to_owned(),
        division: division.to_owned(),
        phone: format!("020-{code}"),
        address: "广州市示例路1号".to_owned(),
    }
}

/// One provincial, one municipal, one removed on the day after publication in Shanghai's morning,
/// and one without certificates and with a name that would be a formula.
fn institutions() -> Vec<Institution> {
    let institution = Institution {
        code: InstitutionCode::parse("J000044000001").unwrap(),
        name: "广东省“示例”技师学院".to_owned(),
        city: "440100".to_owned(),
        affiliation: Affiliation::Provincial,
        kind: "技师学院".to_owned(),
        top_level: '2',
        filed_on: Date::constant(2020, 3, 20),
        removed_on: None,
        removal_reason: None,
    };
    let code = |text| InstitutionCode::parse(text).unwrap();
    vec![
        institution.clone(),
        Institution {
            code: code("J000044000002"),
            name: "广州市示例技工学校".to_owned(),
            affiliation: Affiliation::Municipal,
            kind: "高级技工学校".to_owned(),
            top_level: '3',
            ..institution.clone()
        },
        Institution {
            code: code("J000044000003"),
            name: "已移出技工学校".to_owned(),
            affiliation: Affiliation::Municipal,
            removed_on: Some(Date::constant(2026, 11, 24)),
            removal_reason: Some("停办".to_owned()),
            ..institution.clone()
        },
        Institution {
            code: code("J000044000004"),
            name: "=HYPERLINK(\"x\")".to_owned(),
            ..institution
        },
    ]
}
