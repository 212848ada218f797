//! What `sample` writes: the same bytes again, every row readable as the change it was made from,
//! and nothing written where something already is.

use std::collections::BTreeMap;

use certificate::{
    CertificateNumber, HolderName, IdentityNumber, IdentityType, Level, OccupationCode, date,
};
use encoding_rs::GB18030;

use super::*;

fn make(out: &Path, certificates: u64, batches: Option<u64>) -> Result<Exit, Failure> {
    let args = Args {
        out: out.to_owned(),
        certificates,
        seed: 1,
        batches,
    };
    let context = Context {
        now: jiff::Timestamp::UNIX_EPOCH,
        clock: || jiff::Timestamp::UNIX_EPOCH,
        json: true,
    };
    run(args, &context)
}

fn tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["registry", "inbox"] {
        for entry in fs::read_dir(directory.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            files.insert(format!("{folder}/{name}"), fs::read(&path).unwrap());
        }
    }
    files
}

/// Rows by header, decoded the way the gate does: strict UTF-8, else GB 18030.
fn read(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{FEFF}').to_owned(),
        Err(_) => {
            let (text, wrong) = GB18030.decode_without_bom_handling(bytes);
            assert!(!wrong);
            text.into_owned()
        }
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = headers.iter().zip(record.iter());
        cells
            .map(|(h, cell)| (h.to_owned(), cell.to_owned()))
            .collect()
    };
    reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect()
}

fn cell<'a>(row: &'a BTreeMap<String, String>, headers: &[&str]) -> &'a str {
    headers
        .iter()
        .find_map(|header| row.get(*header))
        .expect("one of the headers")
}

fn assert_reads_as(row: &BTreeMap<String, String>, change: &Change) {
    let details = change.operation.details().unwrap();
    let number = cell(row, &["certificate_number", "证书编号", "证书号码"]);
    assert!(CertificateNumber::parse(number).unwrap() == change.number);
    assert!(HolderName::parse(cell(row, &["name", "姓名"])).unwrap() == details.name);
    let kind = IdentityType::parse(cell(row, &["id_type", "证件类型"])).unwrap();
    assert_eq!(kind, details.id_type);
    let id = cell(row, &["id_number", "证件号码", "身份证号"]);
    assert!(IdentityNumber::parse(kind, id).unwrap() == details.id_number);
    let code = cell(row, &["occupation_code", "职业编码", "职业代码"]);
    assert_eq!(OccupationCode::parse(code), Some(details.occupation_code));
    let level = cell(row, &["level", "职业技能等级", "级别"]);
    assert_eq!(Level::parse(level), Some(details.level));
    let direction = cell(row, &["direction", "工种/职业方向"]);
    assert_eq!(direction, details.direction);
    for (headers, day) in [
        (["assessed_on", "认定日期"], details.assessed_on),
        (["issued_on", "发证日期"], details.issued_on),
        (["reviewed_on", "审核日期"], change.review.on),
    ] {
        assert_eq!(date::parse(cell(row, &headers)), Some(day));
    }
}

#[test]
fn batches_hold_the_population() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path(), 9_000, Some(5)).unwrap();
    let files = tree(directory.path());
    assert_eq!(files.len(), 7 + 5 + 1);
    let population = Population::new(9_000, 1);
    let mut i = 0;
    for batch in 1..=5 {
        let rows = read(&files[&format!("inbox/batch-{batch:04}.csv")]);
        assert_eq!(rows.len(), 1_800);
        for row in rows {
            assert_reads_as(&row, &population.change(i));
            i += 1;
        }
    }
    let withdrawn = read(&files["inbox/batch-0006.csv"]);
    let expected: Vec<Change> = (0..9_000)
        .filter_map(|i| population.withdrawal(i))
        .collect();
    assert_eq!(withdrawn.len(), 90);
    for (row, change) in withdrawn.iter().zip(&expected) {
        assert_eq!(
            (&*row["操作"], &*row["证书编号"]),
            ("撤销", change.number.as_str())
        );
        assert_eq!(row["原因"], change.reason);
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(one.path(), 2_500, Some(4)).unwrap();
    make(&other.path().join("not/yet/there"), 2_500, Some(4)).unwrap();
    assert_eq!(tree(one.path()), tree(&other.path().join("not/yet/there")));
}

#[test]
fn every_way_of_spelling_occurs() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path(), 40_000, Some(4)).unwrap();
    let files = tree(directory.path());
    let text = |batch: &str| {
        let bytes = &files[&format!("inbox/{batch}")];
        match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), true),
            Err(_) => (
                GB18030.decode_without_bom_handling(bytes).0.into_owned(),
                false,
            ),
        }
    };
    let batches = [
        "batch-0001.csv",
        "batch-0002.csv",
        "batch-0003.csv",
        "batch-0004.csv",
    ]
    .map(text);
    assert_eq!(
        batches.each_ref().map(|batch| batch.1),
        [true, true, false, true]
    );
    assert!(batches[0].0.starts_with("\u{FEFF}操作,") && batches[1].0.starts_with("op,"));
    let all: String = batches.into_iter().map(|batch| batch.0).collect();
    for typed in [
        "•", "・", "．", "‧", " · ", "∙", "\u{3000}", "schmidt", "KIM",
    ] {
        assert!(all.contains(typed), "{typed:?} occurs nowhere");
    }
}

#[test]
fn few_certificates() {
    for (certificates, files) in [(0, 7), (1, 8), (99, 8)] {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path(), certificates, None).unwrap();
        let found = tree(directory.path());
        let withdrawals = usize::from(found.contains_key("inbox/batch-0002.csv"));
        assert_eq!(found.len(), files + withdrawals, "{certificates}");
    }
}

#[test]
fn what_is_there_stays() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("letter.txt"), "mine").unwrap();
    let refused = make(directory.path(), 10, None).unwrap_err();
    assert_eq!(refused.exit(), Exit::Usage);
    assert!(
        refused.line().contains("is not empty"),
        "{}",
        refused.line()
    );
    let in_the_way = make(&directory.path().join("letter.txt"), 10, None).unwrap_err();
    assert_eq!(in_the_way.exit(), Exit::Io);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn more_batches_than_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let refused = make(&directory.path().join("out"), 3, Some(4)).unwrap_err();
    assert_eq!(refused.exit(), Exit::Usage);
    assert!(!directory.path().join("out").exists());
}
