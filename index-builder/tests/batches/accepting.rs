//! What `accept` keeps, and what it leaves as it was.

use std::fs::{self, File};

use crate::centre::{Centre, remarks};
use crate::delivery::{issue, operation};

#[test]
fn the_same_file_again_changes_nothing_and_is_told_the_same() {
    let centre = Centre::new();
    centre.deliver("first.csv", &[issue(1), issue(2).with("name", "")]);
    centre.deliver("second.csv", &[issue(3)]);
    let first = centre.accept("first.csv");
    first.report(1);
    centre.accept("second.csv").report(0);
    let before = centre.files("ledger");
    fs::rename(centre.path("first.csv"), centre.path("renamed.csv")).unwrap();
    let again = centre.accept("renamed.csv --strict-deadlines");
    assert_eq!((again.code, &again.out), (first.code, &first.out));
    assert_eq!(centre.files("ledger"), before);
    let checked = centre.run("check renamed.csv --registry registry --ledger ledger --json");
    assert_eq!((checked.code, &checked.out), (first.code, &first.out));
    let summary = centre.run("accept renamed.csv --registry registry --ledger ledger");
    assert!(summary.out.contains("已于20"), "{}", summary.out);
}

#[test]
fn a_file_without_an_admitted_row_is_judged_afresh() {
    let centre = Centre::new();
    centre.deliver("early.csv", &[operation("withdraw", 1)]);
    let report = centre.accept("early.csv").report(1);
    assert_eq!(remarks(&report, "rejections")[0].2, "number_unknown");
    assert!(centre.ledger_rows().is_empty());
    centre.deliver("issue.csv", &[issue(1)]);
    centre.accept("issue.csv").report(0);
    centre.accept("early.csv").report(0);
    assert_eq!(centre.ledger_rows().len(), 2);
}

#[test]
fn a_file_of_nothing_but_a_header() {
    let centre = Centre::new();
    centre.deliver("empty.csv", &[]);
    let report = centre.accept("empty.csv").report(0);
    assert_eq!(report["rows"], 0);
    assert_eq!(report["notices"], serde_json::json!(["表头以下没有数据行"]));
    assert!(centre.ledger_rows().is_empty());
}

#[test]
fn each_file_is_its_own_transaction_and_the_largest_code_wins() {
    let centre = Centre::new();
    centre.deliver("a.csv", &[issue(1)]);
    centre.deliver("b.csv", &[issue(2), issue(1)]);
    centre.write("c.csv", "");
    centre.deliver("d.csv", &[issue(3), operation("withdraw", 2)]);
    let report = centre.accept("a.csv b.csv c.csv d.csv").report(65);
    let admitted: Vec<u64> = report
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["admitted"].as_u64().unwrap())
        .collect();
    assert_eq!(admitted, [1, 1, 0, 2]);
    assert_eq!(centre.ledger_rows().len(), 4);
    assert_eq!(centre.files("ledger/batches").len(), 3);
}

#[test]
fn who_accepts_while_another_does_ends_with_75() {
    let centre = Centre::new();
    centre.deliver("a.csv", &[issue(1)]);
    centre.deliver("b.csv", &[issue(2)]);
    centre.accept("a.csv").report(0);
    let lock = File::open(centre.path("ledger/lock")).unwrap();
    lock.lock().unwrap();
    let before = centre.files("ledger");
    let run = centre.accept("b.csv");
    assert!(
        run.line(75).contains("somebody else is accepting"),
        "{}",
        run.err
    );
    assert_eq!(centre.files("ledger"), before);
    // Judging needs no lock.
    let checked = centre.run("check b.csv --registry registry --ledger ledger --json");
    checked.report(0);
    drop(lock);
    centre.accept("b.csv").report(0);
}

#[test]
fn check_changes_nothing() {
    let centre = Centre::new();
    centre.deliver("a.csv", &[issue(1)]);
    centre.deliver("b.csv", &[issue(2), issue(1), operation("withdraw", 1)]);
    // A ledger that does not exist is an empty one, and is not made.
    let report = centre
        .run("check b.csv --registry registry --ledger ledger --json")
        .report(0);
    assert_eq!(report["admitted"], 3);
    assert!(!centre.path("ledger").exists());
    centre.accept("a.csv").report(0);
    let before = centre.files(".");
    let report = centre
        .run("check b.csv --registry registry --ledger ledger --json")
        .report(1);
    let expected = [(
        Some(3),
        "certificate_number".to_owned(),
        "number_duplicate".to_owned(),
    )];
    assert_eq!(remarks(&report, "rejections"), expected);
    assert_eq!(centre.files("."), before);
    // Without the ledger, only the file itself counts.
    let report = centre.check("b.csv").report(0);
    assert_eq!(report["admitted"], 3);
}

#[test]
fn check_makes_the_index_again_when_it_is_gone() {
    let centre = Centre::new();
    centre.deliver("a.csv", &[issue(1)]);
    centre.deliver("b.csv", &[issue(2), issue(1)]);
    centre.accept("a.csv").report(0);
    let index = centre.files("ledger/index");
    fs::remove_dir_all(centre.path("ledger/index")).unwrap();
    let check = "check b.csv --registry registry --ledger ledger --json";
    let report = centre.run(check).report(1);
    assert_eq!(remarks(&report, "rejections")[0].2, "number_duplicate");
    assert_eq!(centre.files("ledger/index"), index);
    // That needs the lock.
    fs::remove_dir_all(centre.path("ledger/index")).unwrap();
    let lock = File::open(centre.path("ledger/lock")).unwrap();
    lock.lock().unwrap();
    centre.run(check).line(75);
}

#[test]
fn a_damaged_ledger_accepts_nothing_more() {
    let centre = Centre::new();
    centre.deliver("a.csv", &[issue(1)]);
    centre.deliver("b.csv", &[issue(2)]);
    centre.accept("a.csv").report(0);
    let batch = centre.path("ledger/batches/0000000001.batch");
    let bytes = fs::read(&batch).unwrap();
    fs::remove_file(&batch).unwrap();
    fs::write(&batch, &bytes[..bytes.len() - 10]).unwrap();
    let run = centre.accept("b.csv");
    assert!(
        run.line(65).contains("0000000001.batch is damaged at byte"),
        "{}",
        run.err
    );
    assert_eq!(centre.files("ledger/batches").len(), 1);
}

#[test]
fn the_head_of_a_batch_says_who_and_when() {
    let centre = Centre::new();
    centre.deliver("a.csv", &[issue(1)]);
    centre.accept("a.csv").report(0);
    let text = fs::read_to_string(centre.path("ledger/batches/0000000001.batch")).unwrap();
    let head: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert!(
        head["operator"]
            .as_str()
            .unwrap()
            .starts_with("tester (uid ")
    );
    assert!(head["accepted_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(head["source"]["file"], "a.csv");
    assert_eq!(head["columns"].as_array().unwrap().len(), 22);
}
