//! One bad row for every rejection code: told once, with row and field and nothing personal, while
//! the good rows of the file are admitted.

use std::collections::BTreeSet;

use crate::centre::{Centre, Remark, fixtures, remarks};
use crate::delivery::{Row, identity, issue, municipal_issue, operation};

/// Code, field, and the row that earns it. Row 2 of every file is the issue of certificate 1.
fn bad_rows() -> Vec<(&'static str, &'static str, Row)> {
    let number = |text: &str| issue(2).with("certificate_number", text);
    let early = issue(2)
        .with("plan_no", "P1-EARLY")
        .with("assessed_on", "2020-03-25");
    let removed = issue(2)
        .with("certificate_number", "J000044000003203000002")
        .with("plan_no", "P3")
        .with("reviewed_by", "FS01");
    let too_high = municipal_issue(2)
        .with("certificate_number", "J000044000002202000002")
        .with("level", "技师");
    let occupation = |code: &str, name: &str| {
        issue(2)
            .with("occupation_code", code)
            .with("occupation_name", name)
    };
    let wrong_check = format!(
        "{}{}",
        &identity(2)[..17],
        if identity(2).ends_with('1') { '2' } else { '1' }
    );
    vec![
        (
            "number_malformed",
            "certificate_number",
            number("J00004400000120300000"),
        ),
        (
            "institution_unknown",
            "certificate_number",
            number("J000044000009203000002"),
        ),
        (
            "number_not_in_segment",
            "plan_no",
            issue(2).with("plan_no", "P2"),
        ),
        (
            "number_year_mismatch",
            "certificate_number",
            number("J000044000001213000002"),
        ),
        (
            "number_level_mismatch",
            "certificate_number",
            number("J000044000001204000002"),
        ),
        ("number_duplicate", "certificate_number", issue(1)),
        (
            "number_unknown",
            "certificate_number",
            operation("withdraw", 9),
        ),
        ("revision_conflict", "op", operation("恢复", 1)),
        (
            "institution_not_yet_filed",
            "assessed_on",
            early.with("reported_on", "2020-04-10"),
        ),
        (
            "institution_removed",
            "issued_on",
            removed.with("issued_on", "2020-12-01"),
        ),
        (
            "occupation_unknown",
            "occupation_code",
            occupation("4-99-99-99", "人工智能训练师"),
        ),
        (
            "occupation_not_skilled",
            "occupation_code",
            occupation("2-02-10-09", "人工智能工程技术人员"),
        ),
        (
            "occupation_excluded",
            "occupation_code",
            occupation("6-31-01-03", "电工"),
        ),
        (
            "occupation_not_in_programme",
            "occupation_code",
            occupation("4-10-01-05", "养老护理员"),
        ),
        ("level_above_institution", "level", too_high),
        ("level_unknown", "level", issue(2).with("level", "高级")),
        ("name_malformed", "name", issue(2).with("name", "示例2")),
        (
            "id_malformed",
            "id_number",
            issue(2).with("id_number", "44000020020101002"),
        ),
        (
            "id_check_failed",
            "id_number",
            issue(2).with("id_number", &wrong_check),
        ),
        (
            "id_truncated",
            "id_number",
            issue(2).with("id_number", "4.40000200201E+17"),
        ),
        (
            "score_out_of_range",
            "skill_score",
            issue(2).with("skill_score", "100.5"),
        ),
        (
            "date_malformed",
            "issued_on",
            issue(2).with("issued_on", "2020-13-01"),
        ),
        (
            "date_order",
            "reported_on",
            issue(2).with("reported_on", "2020-10-13"),
        ),
        (
            "roll_not_verified",
            "roll_verified_on",
            issue(2).with("roll_verified_on", ""),
        ),
        (
            "review_missing",
            "review_result",
            issue(2).with("review_result", " "),
        ),
        (
            "review_not_approved",
            "review_result",
            issue(2).with("review_result", "不通过"),
        ),
        (
            "review_wrong_centre",
            "reviewed_by",
            issue(2).with("reviewed_by", "SZ01"),
        ),
        ("plan_unknown", "plan_no", issue(2).with("plan_no", "P9")),
        (
            "reason_missing",
            "reason",
            operation("撤销", 1).with("reason", ""),
        ),
        (
            "reason_malformed",
            "reason",
            operation("注销", 1).with("reason", "身份证号440000有误"),
        ),
    ]
}

/// Codes that need another argument: the two deadlines, the roll; and a row of another shape.
const ELSEWHERE: [&str; 4] = [
    "plan_filed_late",
    "reported_late",
    "roll_mismatch",
    "row_ragged",
];

fn remark(row: u64, field: &str, code: &str) -> Remark {
    (Some(row), field.to_owned(), code.to_owned())
}

#[test]
fn each_code_alone() {
    let centre = Centre::new();
    for (code, field, row) in bad_rows() {
        centre.deliver("batch.csv", &[issue(1), row, issue(3)]);
        let report = centre.check("batch.csv").report(1);
        assert_eq!(remarks(&report, "rejections"), [remark(3, field, code)]);
        assert_eq!(
            (&report["rows"], &report["admitted"]),
            (&3.into(), &2.into()),
            "{code}"
        );
        assert_eq!(remarks(&report, "warnings"), [], "{code}");
    }
}

#[test]
fn a_wrong_name_hides_nothing_that_the_code_decides() {
    let centre = Centre::new();
    let misnamed = |serial, code| {
        issue(serial)
            .with("occupation_code", code)
            .with("occupation_name", "错名")
    };
    let rows = [misnamed(1, "4-10-01-05"), misnamed(2, "6-31-01-03")];
    centre.deliver("batch.csv", &rows);
    let report = centre.check("batch.csv").report(1);
    let mut told = remarks(&report, "rejections");
    told.sort();
    let expected = [
        remark(2, "occupation_code", "occupation_not_in_programme"),
        remark(2, "occupation_name", "occupation_unknown"),
        remark(3, "occupation_code", "occupation_excluded"),
        remark(3, "occupation_name", "occupation_unknown"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_passport_that_looks_like_a_power_of_ten_is_a_passport() {
    let centre = Centre::new();
    let passport = issue(1).with("id_type", "08").with("id_number", "5E123456");
    centre.deliver("batch.csv", &[passport]);
    assert_eq!(centre.check("batch.csv").report(0)["admitted"], 1);
}

#[test]
fn all_codes_in_one_batch() {
    let centre = Centre::new();
    let mut rows = vec![issue(1)];
    rows.extend(bad_rows().into_iter().map(|(_, _, row)| row));
    rows.push(issue(3));
    centre.deliver("batch.csv", &rows);
    let run = centre.accept("batch.csv --report report.json");
    let report = run.report(1);
    let expected: Vec<Remark> = (3..)
        .zip(bad_rows())
        .map(|(row, (code, field, _))| remark(row, field, code))
        .collect();
    assert_eq!(remarks(&report, "rejections"), expected);
    assert_eq!(report["admitted"], 2);
    let kept = centre.ledger_rows();
    assert_eq!(kept.len(), 2);
    assert!(kept[1].starts_with("2\t1\tissue\tJ000044000001203000003\t"));
    // Nothing personal in anything that is told.
    let told = [
        run.out,
        run.err,
        std::fs::read_to_string(centre.path("report.json")).unwrap(),
    ]
    .concat();
    for row in &rows {
        for field in ["certificate_number", "name", "id_number", "reason"] {
            let value = row.get(field);
            assert!(value.is_empty() || !told.contains(value), "{field} is told");
        }
    }
}

/// The codes of CONTRACT 1.2 by rows, against those that a test above or below earns.
#[test]
fn no_code_is_forgotten() {
    let contract = "number_malformed institution_unknown number_not_in_segment number_year_mismatch \
        number_level_mismatch number_duplicate number_unknown revision_conflict \
        institution_not_yet_filed institution_removed occupation_unknown occupation_not_skilled \
        occupation_excluded occupation_not_in_programme level_above_institution level_unknown \
        name_malformed id_malformed id_check_failed id_truncated score_out_of_range date_malformed \
        date_order roll_not_verified roll_mismatch review_missing review_not_approved \
        review_wrong_centre plan_unknown plan_filed_late reported_late reason_missing \
        reason_malformed row_ragged";
    let contract: BTreeSet<&str> = contract.split_whitespace().collect();
    let tested: BTreeSet<&str> = bad_rows()
        .iter()
        .map(|row| row.0)
        .chain(ELSEWHERE)
        .collect();
    assert_eq!(tested, contract);
}

#[test]
fn deadlines_warn_unless_they_are_strict() {
    let centre = Centre::new();
    // Nineteen working days lie between 2020-10-16 and 11-13, twenty before 11-14.
    let reported = |serial, day| {
        issue(serial)
            .with("reported_on", day)
            .with("reviewed_on", "2020-11-20")
            .with("issued_on", "2020-11-30")
    };
    let rows = [
        reported(1, "2020-11-13"),
        reported(2, "2020-11-14"),
        issue(3).with("plan_no", "P1-LATE"),
    ];
    centre.deliver("batch.csv", &rows);
    let late = [
        remark(3, "reported_on", "reported_late"),
        remark(4, "plan_no", "plan_filed_late"),
    ];
    let report = centre.check("batch.csv").report(0);
    assert_eq!(remarks(&report, "warnings"), late);
    let report = centre.check("batch.csv --strict-deadlines").report(1);
    assert_eq!(remarks(&report, "rejections"), late);
    assert_eq!(report["admitted"], 1);
}

#[test]
fn the_roll_is_asked_when_it_is_given() {
    let centre = Centre::new();
    centre.deliver("batch.csv", &[issue(1), issue(2), issue(3)]);
    let student = |row: &Row, code: &str| {
        format!(
            "{code},{},{}\n",
            row.get("name"),
            row.get("id_number").to_lowercase()
        )
    };
    let roll = [
        "机构代码,姓名,身份证号\n".to_owned(),
        student(&issue(1), "J000044000001"),
        student(&issue(2), "J000044000002"),
        student(&issue(3).with("name", "别人"), "J000044000001"),
    ];
    centre.write("roll.csv", roll.concat());
    let report = centre.check("batch.csv --roll roll.csv").report(1);
    let mismatch = |row| remark(row, "name", "roll_mismatch");
    assert_eq!(remarks(&report, "rejections"), [mismatch(3), mismatch(4)]);
    // Half a roll would reject half of the students.
    centre.write(
        "roll.csv",
        "institution_code,name,id_number\nJ000044000001,示例甲,4.4E+17\n",
    );
    let run = centre.check("batch.csv --roll roll.csv");
    let line = run.line(65);
    assert!(line.contains("roll.csv 第2行id_number列"), "{line}");
}

#[test]
fn a_row_of_another_width() {
    let centre = Centre::new();
    let text = String::from_utf8(crate::delivery::file(
        &[issue(1), issue(2), issue(3)],
        crate::delivery::Format::Utf8,
    ))
    .unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // Forty columns; one column; and commas that a spreadsheet leaves behind.
    lines[1].push_str(&",x".repeat(19));
    lines[2] = "J000044000001203000002".to_owned();
    lines[3].push_str(",,,");
    centre.write("batch.csv", lines.join("\n"));
    let report = centre.check("batch.csv").report(1);
    let expected = [
        remark(2, "V", "row_ragged"),
        remark(3, "certificate_number", "row_ragged"),
    ];
    assert_eq!(remarks(&report, "rejections"), expected);
    assert_eq!(report["admitted"], 1);
}

#[test]
fn serials_must_be_assigned_where_segments_are_kept() {
    let centre = Centre::new();
    std::fs::copy(
        fixtures().join("segments.csv"),
        centre.path("registry/segments.csv"),
    )
    .unwrap();
    let other_level = issue(2)
        .with("certificate_number", "J000044000001204000002")
        .with("level", "4");
    let other_year = issue(3)
        .with("certificate_number", "J000044000001213000003")
        .with("issued_on", "2021-01-05");
    let rows = [
        issue(500),
        issue(501),
        municipal_issue(501),
        other_level,
        other_year,
    ];
    centre.deliver("batch.csv", &rows);
    let report = centre.check("batch.csv").report(1);
    let unassigned = |row| remark(row, "certificate_number", "number_not_in_segment");
    let expected = [unassigned(3), unassigned(5), unassigned(6)];
    assert_eq!(remarks(&report, "rejections"), expected);
}

#[test]
fn a_row_is_judged_in_full_and_nothing_twice() {
    let centre = Centre::new();
    let row = issue(2)
        .with("certificate_number", "J000044000001214000002")
        .with("name", "")
        .with("id_type", "驾驶证")
        .with("id_number", "1")
        .with("occupation_name", "别的")
        .with("theory_score", "-1")
        .with("overall_score", "x")
        .with("assessed_on", "")
        .with("reviewed_by", "")
        .with("review_result", "no");
    centre.deliver("batch.csv", &[row]);
    let report = centre.check("batch.csv").report(1);
    let found: BTreeSet<Remark> = remarks(&report, "rejections").into_iter().collect();
    let expected = [
        ("certificate_number", "number_year_mismatch"),
        ("certificate_number", "number_level_mismatch"),
        ("name", "name_malformed"),
        ("id_type", "id_malformed"),
        ("theory_score", "score_out_of_range"),
        ("overall_score", "score_out_of_range"),
        ("assessed_on", "date_malformed"),
        ("reviewed_by", "review_missing"),
        ("review_result", "review_not_approved"),
    ];
    let expected: BTreeSet<Remark> = expected.map(|(field, code)| remark(2, field, code)).into();
    assert_eq!(found, expected);
}

/// Rules at their edges: the last day that is right is admitted.
#[test]
fn edges_that_are_admitted() {
    let centre = Centre::new();
    let removed_later = issue(1)
        .with("certificate_number", "J000044000003203000001")
        .with("plan_no", "P3")
        .with("reviewed_by", "FS01")
        .with("issued_on", "2020-11-30");
    let same_day = issue(2)
        .with("assessed_on", "2020-10-16")
        .with("reported_on", "2020-10-16")
        .with("roll_verified_on", "2020-10-16")
        .with("reviewed_on", "2020-10-16")
        .with("issued_on", "2020-10-16");
    let last_day_of_programme = issue(3)
        .with("certificate_number", "J000044000001204000003")
        .with("occupation_code", "4-02-04-06")
        .with("occupation_name", "无人机驾驶员")
        .with("level", "四级");
    let passport = issue(4)
        .with("id_type", "外国人护照")
        .with("id_number", "e1234567");
    let written_otherwise = issue(5)
        .with("certificate_number", " ｊ0000-44-000001-20-3-000005 ")
        .with("occupation_code", "4040505")
        .with("occupation_name", "人工智能 训练师")
        .with("level", "三级／高级工")
        .with("assessed_on", "2020年10月14日")
        .with("reported_on", "20201020")
        .with("reviewed_on", "2020/10/26")
        .with("review_result", "Approved")
        .with("theory_score", "100.00")
        .with("skill_score", "");
    let day_of_filing = issue(6)
        .with("plan_no", "P1-FILED")
        .with("assessed_on", "2020-04-01")
        .with("reported_on", "2020-04-10");
    let rows = [
        removed_later,
        same_day,
        last_day_of_programme,
        passport,
        written_otherwise,
        day_of_filing,
    ];
    centre.deliver("batch.csv", &rows);
    let report = centre.accept("batch.csv").report(0);
    assert_eq!(report["admitted"], 6, "{report}");
    let kept = centre.ledger_rows();
    assert!(kept[4].contains("\tJ000044000001203000005\t440000\t2020-10-26\t"));
    assert!(kept[4].contains("\t4-04-05-05\t人工智能训练师\t\t3\t100\t\t\tP1\t2020-10-14\t"));
    assert!(kept[3].contains("\t08\tE1234567\t"));
}

/// And the first day that is not.
#[test]
fn edges_that_are_rejected() {
    let centre = Centre::new();
    let uav = issue(1)
        .with("certificate_number", "J000044000001203000001")
        .with("occupation_code", "4-02-04-06")
        .with("occupation_name", "无人机驾驶员");
    let robot = issue(2)
        .with("occupation_code", "6-31-07-03")
        .with("occupation_name", "工业机器人系统操作员");
    let after_the_plan = issue(3).with("assessed_on", "2020-10-17");
    let legacy = issue(4).with("certificate_number", "1234567890123456");
    let outside_calendar = issue(5).with("issued_on", "1969-12-31");
    let other_name = issue(6).with("occupation_name", "电工");
    // The catalogue knows it by name only; the other one of the fixtures by code only.
    let welder = issue(7)
        .with("occupation_code", "6-18-02-04")
        .with("occupation_name", "焊工");
    let rows = [
        uav,
        robot,
        after_the_plan,
        legacy,
        outside_calendar,
        other_name,
        welder,
    ];
    centre.deliver("batch.csv", &rows);
    let report = centre.check("batch.csv").report(1);
    let expected = [
        // The programme allows less than the institution.
        remark(2, "level", "level_above_institution"),
        // The occupation was in force until June.
        remark(3, "occupation_code", "occupation_unknown"),
        remark(4, "assessed_on", "date_order"),
        remark(5, "certificate_number", "number_malformed"),
        remark(6, "issued_on", "date_malformed"),
        remark(7, "occupation_name", "occupation_unknown"),
        remark(8, "occupation_code", "occupation_excluded"),
    ];
    assert_eq!(remarks(&report, "rejections"), expected);
}
