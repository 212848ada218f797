//! What issue, correct, withdraw and restore do to the ledger, and when they do not fit.

use crate::centre::{Centre, Remark, remarks};
use crate::delivery::{issue, operation};

fn remark(row: u64, field: &str, code: &str) -> Remark {
    (Some(row), field.to_owned(), code.to_owned())
}

/// Sequence, revision and operation of the ledger's rows.
fn told(centre: &Centre) -> Vec<String> {
    let rows = centre.ledger_rows();
    let first_three = |row: &String| row.split('\t').take(3).collect::<Vec<_>>().join(" ");
    rows.iter().map(first_three).collect()
}

#[test]
fn a_certificate_lives_through_several_batches() {
    let centre = Centre::new();
    let corrected = issue(1)
        .with("op", "correct")
        .with("name", "示例丁")
        .with("reviewed_on", "2020-11-05")
        // A correction comes late by nature; its deadlines are not judged again.
        .with("reported_on", "2020-11-04")
        .with("plan_no", "P1-LATE")
        .with("reason", "姓名录入有误");
    let batches = [
        vec![issue(1), issue(2)],
        vec![operation("withdraw", 1), operation("withdraw", 2)],
        vec![corrected, operation("restore", 2), operation("withdraw", 2)],
    ];
    for (number, rows) in batches.iter().enumerate() {
        let name = format!("batch-{number}.csv");
        centre.deliver(&name, rows);
        let report = centre.accept(&name).report(0);
        assert_eq!(remarks(&report, "warnings"), []);
    }
    let expected = [
        "1 1 issue",
        "2 1 issue",
        "3 2 withdraw",
        "4 2 withdraw",
        "5 3 correct",
        "6 3 restore",
        "7 4 withdraw",
    ];
    assert_eq!(told(&centre), expected);
    // The correction replaced the name and left the withdrawal in force.
    centre.deliver(
        "again.csv",
        &[operation("withdraw", 1).with("reason", "再次撤销")],
    );
    let report = centre.accept("again.csv").report(1);
    assert_eq!(
        remarks(&report, "rejections"),
        [remark(2, "op", "revision_conflict")]
    );
}

#[test]
fn rows_apply_in_the_order_of_the_file() {
    let centre = Centre::new();
    let rows = [
        operation("withdraw", 1),
        issue(1),
        operation("withdraw", 1),
        operation("withdraw", 1),
        operation("restore", 1),
        issue(1),
        operation("删除", 1),
    ];
    centre.deliver("batch.csv", &rows);
    let report = centre.accept("batch.csv").report(1);
    let expected = [
        remark(2, "certificate_number", "number_unknown"),
        remark(5, "op", "revision_conflict"),
        remark(7, "certificate_number", "number_duplicate"),
        remark(8, "op", "revision_conflict"),
    ];
    assert_eq!(remarks(&report, "rejections"), expected);
    assert_eq!(told(&centre), ["1 1 issue", "2 2 withdraw", "3 3 restore"]);
}

#[test]
fn a_rejected_row_does_not_count_for_later_ones() {
    let centre = Centre::new();
    let rows = [
        issue(1).with("name", ""),
        operation("withdraw", 1),
        issue(1),
    ];
    centre.deliver("batch.csv", &rows);
    let report = centre.accept("batch.csv").report(1);
    let expected = [
        remark(2, "name", "name_malformed"),
        remark(3, "certificate_number", "number_unknown"),
    ];
    assert_eq!(remarks(&report, "rejections"), expected);
    assert_eq!(told(&centre), ["1 1 issue"]);
}

#[test]
fn the_register_is_asked_about_days_and_names() {
    let centre = Centre::new();
    centre.deliver("first.csv", &[issue(1), issue(2)]);
    centre.accept("first.csv").report(0);
    let name = issue(1).get("name").to_owned();
    let rows = [
        // Reviewed before the certificate was issued.
        operation("withdraw", 1).with("reviewed_on", "2020-10-29"),
        operation("withdraw", 1).with("reason", &format!("{name}成绩有误")),
        operation("withdraw", 1).with("reason", &"长".repeat(41)),
        issue(3),
        // Of a certificate that this file issues.
        operation("withdraw", 3).with("reason", &format!("{} 退学", issue(3).get("name"))),
        // Other cells are ignored, even bad ones.
        operation("withdraw", 2)
            .with("name", "1")
            .with("issued_on", "x")
            .with("reason", &"长".repeat(40)),
        // A correction that is reviewed before the day it gives as the day of issue.
        issue(1)
            .with("op", "更正")
            .with("reason", "更正")
            .with("reviewed_on", "2020-10-29"),
    ];
    centre.deliver("second.csv", &rows);
    let report = centre.accept("second.csv").report(1);
    let expected = [
        remark(2, "reviewed_on", "date_order"),
        remark(3, "reason", "reason_malformed"),
        remark(4, "reason", "reason_malformed"),
        remark(6, "reason", "reason_malformed"),
        remark(8, "reviewed_on", "date_order"),
    ];
    assert_eq!(remarks(&report, "rejections"), expected);
    assert_eq!(
        told(&centre),
        ["1 1 issue", "2 1 issue", "3 1 issue", "4 2 withdraw"]
    );
}

#[test]
fn what_is_published_holds_nothing_personal() {
    let centre = Centre::new();
    centre.deliver("first.csv", &[issue(1)]);
    centre.accept("first.csv").report(0);
    let correction = |reason: &str| {
        issue(1)
            .with("op", "更正")
            .with("name", "王小明")
            .with("reason", reason)
            .with("reviewed_on", "2020-12-02")
    };
    let rows = [
        correction("姓名更正为王 小明"),
        issue(2).with("direction", "440106 199001011234"),
        correction("身份证号44010 61990录入有误"),
        correction("姓名录入有误，已核对"),
    ];
    centre.deliver("second.csv", &rows);
    let report = centre.accept("second.csv").report(1);
    let expected = [
        remark(2, "reason", "reason_malformed"),
        remark(3, "direction", "occupation_unknown"),
        remark(4, "reason", "reason_malformed"),
    ];
    assert_eq!(remarks(&report, "rejections"), expected);
    assert!(
        centre
            .ledger_rows()
            .iter()
            .any(|row| row.contains("，已核对"))
    );
}

#[test]
fn a_file_of_withdrawals_needs_few_columns() {
    let centre = Centre::new();
    centre.deliver("first.csv", &[issue(1), issue(2)]);
    centre.accept("first.csv").report(0);
    let header = "操作,证书号,审核机构代码,审核日期,审核结论,原因\n";
    let row = |op: &str, serial: u32| {
        format!("{op},J000044000001203{serial:06},440000,2020-11-02,通过,成绩复核不合格\n")
    };
    centre.write("withdrawals.csv", format!("{header}{}", row("撤销", 1)));
    centre.accept("withdrawals.csv").report(0);
    // An issue among them needs the rest.
    centre.write(
        "mixed.csv",
        format!("{header}{}{}", row("撤销", 2), row("", 3)),
    );
    let run = centre.accept("mixed.csv");
    let report = run.report(65);
    let expected = "name,id_number,occupation_code,occupation_name,level,plan_no,assessed_on,\
                    reported_on,roll_verified_on,issued_on";
    assert_eq!(
        remarks(&report, "rejections"),
        [(None, expected.to_owned(), "column_missing".to_owned())]
    );
    assert_eq!(told(&centre).len(), 3);
}
