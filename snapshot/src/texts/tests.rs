//! What `texts` promises, and what it refuses.

use certificate::Tag;

use super::*;
use crate::row::Status;

fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

fn institution(text: &str) -> Institution {
    Institution {
        code: code(text),
        name: "示例技师学院".into(),
        city: "440100".into(),
        affiliation: Affiliation::Municipal,
        kind: "技师学院".into(),
        top_level: '2',
        filed_on: Date::constant(2020, 5, 1),
        removed_on: None,
        removal_reason: None,
    }
}

fn group(occupation: u16, certificates: u64, withdrawn: u64) -> StatisticsGroup {
    StatisticsGroup {
        institution: code("J000044000001"),
        year: 2020,
        level: '3',
        occupation,
        certificates,
        withdrawn,
    }
}

fn example() -> Texts {
    let coverage = |text| Coverage {
        institution: code(text),
        certificates: 3,
        latest_review_on: Date::constant(2020, 11, 20),
    };
    Texts {
        format: layout::FORMAT,
        institutions: vec![institution("J000044000001"), institution("S000044000002")],
        occupations: vec![Occupation {
            code: OccupationCode::parse("4-04-05-05").unwrap(),
            name: "人工智能训练师".into(),
        }],
        directions: vec![String::new(), "数据标注员".into()],
        reasons: vec!["信息有误".into()],
        centres: vec![Centre {
            code: "440000".into(),
            name: "省技能中心".into(),
            division: "440000".into(),
            phone: "020-00000000".into(),
            address: "广州市".into(),
        }],
        coded_centres: None,
        coverage: vec![coverage("J000044000001"), coverage("S000044000002")],
        statistics: vec![group(0, 3, 1)],
    }
}

fn json(texts: &Texts) -> String {
    serde_json::to_string(texts).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let texts = example();
    let blob = texts.write(&store).unwrap();
    let bytes = std::fs::read(store.blob_path(&blob)).unwrap();
    assert_eq!(Texts::parse(&bytes).unwrap(), texts);
    assert_eq!(example().write(&store).unwrap(), blob);
    assert!(json(&texts).contains(
        "{\"code\":\"J000044000001\",\"name\":\"示例技师学院\",\"city\":\"440100\",\
         \"affiliation\":\"municipal\",\"kind\":\"技师学院\",\"top_level\":\"2\",\
         \"filed_on\":\"2020-05-01\",\"removed_on\":null,\"removal_reason\":null}"
    ));
}

#[test]
fn institutions_are_found_by_code() {
    let texts = example();
    let known = code("S000044000002");
    assert_eq!(texts.institution(&known).unwrap().code, known);
    assert_eq!(texts.coverage(&known).unwrap().certificates, 3);
    for unknown in ["J000044000000", "J000044000002", "Y000044000001"] {
        assert!(texts.institution(&code(unknown)).is_none());
        assert!(texts.coverage(&code(unknown)).is_none());
    }
}

#[test]
fn a_row_is_explained_when_every_code_has_its_text() {
    let explained = Row {
        name_tag: Tag::from_bytes([0; 8]),
        id_tag: Tag::from_bytes([0; 8]),
        initial: '王',
        occupation: 0,
        direction: 1,
        reason: Some(0),
        review_centre: 0,
        issued_on: Date::constant(2020, 11, 30),
        reviewed_on: Date::constant(2020, 11, 20),
        status: Status::Valid,
        status_on: None,
        revision: 1,
        sequence: 1,
    };
    let texts = example();
    assert!(texts.explains(&explained));
    assert!(texts.explains(&Row {
        reason: None,
        ..explained
    }));
    for row in [
        Row {
            occupation: 1,
            ..explained
        },
        Row {
            direction: 2,
            ..explained
        },
        Row {
            reason: Some(1),
            ..explained
        },
        Row {
            review_centre: 1,
            ..explained
        },
    ] {
        assert!(!texts.explains(&row));
    }
}

#[test]
fn tables_that_break_the_invariant_are_neither_written_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let mut twice = example();
    twice.institutions.push(institution("S000044000002"));
    let mut unsorted = example();
    unsorted.coverage.reverse();
    let mut uncounted = example();
    uncounted.statistics.push(group(1, 1, 0));
    let mut revoked = example();
    revoked.statistics.push(group(0, 1, 2));
    let mut many = example();
    many.reasons = vec![String::new(); 65_536];
    for (texts, message) in [
        (twice, "institutions are out of order at index 2"),
        (unsorted, "coverage are out of order at index 1"),
        (uncounted, "statistics group 1 does not fit the tables"),
        (revoked, "statistics group 1 does not fit the tables"),
        (many, "reasons has 65536 codes, a row can name 65535"),
    ] {
        assert!(matches!(texts.write(&store), Err(StoreError::Texts(_))));
        let read = Texts::parse(json(&texts).as_bytes()).unwrap_err();
        assert_eq!(read.to_string(), message);
    }
}

#[test]
fn other_bytes_are_refused() {
    let text = json(&example());
    let other = text.replacen("\"format\":1", "\"format\":2", 1);
    assert!(matches!(
        Texts::parse(other.as_bytes()),
        Err(TextsError::Format {
            expected: 1,
            found: 2
        })
    ));
    for text in [
        "",
        "{}",
        "[]",
        &text[..text.len() - 1],
        &text.replacen("4-04-05-05", "4040505", 1),
        &text.replacen("J000044000001", "j000044000001", 1),
        &text.replacen("2020-05-01", "2020-05-32", 1),
    ] {
        let refused = Texts::parse(text.as_bytes());
        assert!(
            matches!(refused, Err(TextsError::Malformed(_))),
            "{refused:?}"
        );
    }
}
