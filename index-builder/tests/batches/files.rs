//! Files that cannot be read: exit 65, one line that says why, the ledger unchanged.

use std::io::Write;

use crate::centre::{Centre, remarks};
use crate::delivery::{Format, file, issue};

/// A centre with one accepted batch.
fn centre() -> Centre {
    let centre = Centre::new();
    centre.deliver("first.csv", &[issue(1)]);
    centre.accept("first.csv").report(0);
    centre
}

#[test]
fn unreadable_files_change_nothing() {
    let centre = centre();
    let good = file(&[issue(2), issue(3)], Format::Utf8);
    let text = String::from_utf8(good.clone()).unwrap();
    let workbook = file(&[issue(2)], Format::Xlsx);
    let with_open_quote = text.replacen("4-04-05-05", "\"4-04-05-05", 1);
    let bytes_lost = {
        let mut bytes = text.clone().into_bytes();
        bytes.remove(text.find('示').unwrap());
        bytes
    };
    let twice = text.replacen("reason", "证书编号", 1);
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("empty.csv", Vec::new(), "file_unreadable"),
        ("blank.csv", b"\n\n,,\n".to_vec(), "file_unreadable"),
        (
            "data-only.csv",
            text.lines().nth(1).unwrap().into(),
            "column_missing",
        ),
        (
            "no-level.csv",
            text.replacen("level", "rank", 1).into(),
            "column_missing",
        ),
        ("twice.csv", twice.into(), "file_unreadable"),
        ("open-quote.csv", with_open_quote.into(), "file_unreadable"),
        ("bytes-lost.csv", bytes_lost, "encoding"),
        (
            "truncated.xlsx",
            workbook[..workbook.len() / 2].to_vec(),
            "file_unreadable",
        ),
        ("bomb.xlsx", bomb(&workbook), "file_too_large"),
    ];
    let before = centre.files("ledger");
    for (name, bytes, code) in cases {
        centre.write(name, bytes);
        let run = centre.accept(&format!("{name} --report report.json"));
        let told = remarks(&run.report(65), "rejections");
        assert_eq!(told.len(), 1, "{name}");
        assert_eq!((told[0].0, told[0].2.as_str()), (None, code), "{name}");
        assert!(
            run.line(65)
                .starts_with(&format!("index-builder: {name}：")),
            "{}",
            run.err
        );
        let written = std::fs::read_to_string(centre.path("report.json")).unwrap();
        assert_eq!(written, run.out);
        assert_eq!(centre.files("ledger"), before, "{name}");
    }
}

/// The workbook with a part that inflates to 64 MiB.
fn bomb(workbook: &[u8]) -> Vec<u8> {
    let archive = std::io::Cursor::new(workbook.to_vec());
    let mut writer = zip::ZipWriter::new_append(archive).unwrap();
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("xl/media/image1.png", options).unwrap();
    let block = vec![b'0'; 1 << 20];
    (0..64).for_each(|_| writer.write_all(&block).unwrap());
    writer.finish().unwrap().into_inner()
}

#[test]
fn missing_columns_are_named() {
    let centre = centre();
    let text = String::from_utf8(file(&[issue(2)], Format::Utf8)).unwrap();
    let text = text
        .replacen("id_number", "idn", 1)
        .replacen("reviewed_by", "by", 1)
        .replacen("op,", "x,", 1);
    centre.write("batch.csv", text);
    let run = centre.accept("batch.csv");
    let report = run.report(65);
    let field = "reviewed_by,id_number".to_owned();
    assert_eq!(
        remarks(&report, "rejections"),
        [(None, field, "column_missing".to_owned())]
    );
    assert!(
        run.line(65).contains("缺少列：reviewed_by、id_number"),
        "{}",
        run.err
    );
}

#[test]
fn a_cell_of_ten_megabytes_is_a_rejected_row() {
    let centre = centre();
    let long = "长".repeat(10 * 1024 * 1024 / 3);
    let rows = [issue(2), issue(3).with("name", &long), issue(4)];
    for (name, format) in [("batch.csv", Format::Utf8), ("batch.csv", Format::Gb18030)] {
        centre.write(name, file(&rows, format));
        let report = centre.check(name).report(1);
        let expected = [(Some(3), "name".to_owned(), "row_ragged".to_owned())];
        assert_eq!(remarks(&report, "rejections"), expected);
        assert_eq!(report["admitted"], 2);
    }
}

#[test]
fn a_file_that_is_not_there() {
    let centre = centre();
    let run = centre.accept("nowhere.csv");
    let report = run.report(65);
    assert_eq!(report["sha256"], serde_json::Value::Null);
    assert!(
        run.line(65).contains("nowhere.csv：文件不存在"),
        "{}",
        run.err
    );
}

#[test]
fn a_deadline_in_a_year_without_calendar_is_never_guessed() {
    let centre = centre();
    let row = issue(2)
        .with("plan_no", "P1-2027")
        .with("certificate_number", "J000044000001273000002")
        .with("assessed_on", "2027-02-03")
        .with("reported_on", "2027-02-10")
        .with("roll_verified_on", "2027-02-10")
        .with("reviewed_on", "2027-02-20")
        .with("issued_on", "2027-02-28");
    centre.deliver("batch.csv", &[issue(3), row]);
    let before = centre.files("ledger");
    let run = centre.accept("batch.csv");
    let told = remarks(&run.report(65), "rejections");
    assert_eq!(
        told,
        [(None, String::new(), "calendar_year_missing".to_owned())]
    );
    assert!(
        run.line(65).contains("calendar.csv 没有2027年"),
        "{}",
        run.err
    );
    assert_eq!(centre.files("ledger"), before);
}

#[test]
fn wrong_usage_ends_with_64_in_one_line() {
    let centre = centre();
    for line in [
        "",
        "accept",
        "accept a.csv",
        "check --registry registry",
        "publish --nonsense",
        "frobnicate",
    ] {
        let run = centre.run(line);
        assert!(run.line(64).ends_with("see --help"), "{}", run.err);
        assert!(run.out.is_empty());
    }
    let help = centre.run("accept --help");
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    assert!(help.out.contains("--strict-deadlines"));
}
