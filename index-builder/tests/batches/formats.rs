//! The same batch in every format gives the same ledger rows.

use crate::centre::{Centre, remarks};
use crate::delivery::{Format, Row, file, issue, municipal_issue, operation};

fn batch() -> Vec<Row> {
    vec![
        issue(1),
        issue(2)
            .with("name", "买买提•艾力")
            .with("direction", "数据标注"),
        issue(3)
            .with("name", "𠮷野㐀")
            .with("level", "4")
            .with("certificate_number", "J000044000001204000003"),
        municipal_issue(4).with("reviewed_by", "SZ01"),
        issue(5)
            .with("theory_score", "100")
            .with("overall_score", "59.25"),
        issue(6).with("id_number", "440000020101001"),
        issue(7).with("name", ""),
        operation("撤销", 2),
    ]
}

#[test]
fn the_ledger_does_not_know_the_format() {
    let mut ledgers = Vec::new();
    for format in [
        Format::Utf8,
        Format::Utf8Mark,
        Format::Gb18030,
        Format::Xlsx,
    ] {
        let centre = Centre::new();
        let name = if matches!(format, Format::Xlsx) {
            "batch.xlsx"
        } else {
            "batch.csv"
        };
        centre.write(name, file(&batch(), format));
        let report = centre.accept(name).report(1);
        let rejected = remarks(&report, "rejections");
        assert_eq!(
            rejected,
            [(Some(8), "name".to_owned(), "name_malformed".to_owned())],
            "{format:?}"
        );
        assert_eq!(report["notices"], serde_json::json!([]), "{format:?}");
        ledgers.push(centre.ledger_rows());
    }
    assert_eq!(ledgers[0].len(), 7);
    for ledger in &ledgers[1..] {
        assert_eq!(*ledger, ledgers[0]);
    }
    assert!(ledgers[0][1].contains("\t买买提·艾力\t"));
    // Fifteen digits became eighteen.
    assert!(ledgers[0][5].contains("\t440000190201010013\t"));
}

#[test]
fn an_identity_number_kept_as_a_number_is_truncated() {
    use rust_xlsxwriter::Workbook;
    let centre = Centre::new();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let row = issue(1);
    let fields = [
        "certificate_number",
        "name",
        "id_number",
        "occupation_code",
        "occupation_name",
        "level",
        "plan_no",
        "assessed_on",
        "reported_on",
        "roll_verified_on",
        "reviewed_by",
        "reviewed_on",
        "review_result",
        "issued_on",
    ];
    for (column, field) in (0..).zip(fields) {
        sheet.write_string(0, column, field).unwrap();
        if field == "id_number" {
            sheet
                .write_number(1, column, 440_000_200_201_010_010.0)
                .unwrap();
        } else {
            sheet.write_string(1, column, row.get(field)).unwrap();
        }
    }
    centre.write("batch.xlsx", workbook.save_to_buffer().unwrap());
    let report = centre.check("batch.xlsx").report(1);
    let expected = [(Some(2), "id_number".to_owned(), "id_truncated".to_owned())];
    assert_eq!(remarks(&report, "rejections"), expected);
}

#[test]
fn columns_nobody_knows_are_noticed_and_not_quoted() {
    let centre = Centre::new();
    let text = String::from_utf8(file(&[issue(1)], Format::Utf8)).unwrap();
    let text = text.replacen("reason", "reason,班主任李四", 1).replacen(
        "2020-10-30,",
        "2020-10-30,,好",
        1,
    );
    centre.write("batch.csv", text);
    let report = centre.check("batch.csv").report(0);
    assert_eq!(
        report["notices"],
        serde_json::json!(["V列的表头无法识别，该列已忽略"])
    );
}
