//! Registries that cannot be used: exit 65, with file, row and column.

use std::fs;

use crate::centre::Centre;
use crate::delivery::issue;

/// A file of the registry, a text in it, what stands there instead, and what is told.
const BROKEN: [(&str, &str, &str, &str); 18] = [
    (
        "institutions.csv",
        "J000044000002,",
        "J00004400000,",
        "第3行code列：机构代码应为13位",
    ),
    (
        "institutions.csv",
        "J000044000002,",
        "J000044000001,",
        "第3行code列：与第2行重复",
    ),
    (
        "institutions.csv",
        "440300",
        "深圳",
        "第3行city列：行政区划代码",
    ),
    (
        "institutions.csv",
        "厅属,技",
        "部属,技",
        "第2行affiliation列",
    ),
    (
        "institutions.csv",
        "三级/高级工",
        "1",
        "第3行top_level列：最高等级应为2",
    ),
    (
        "institutions.csv",
        "2020/4/1",
        "2020/4/31",
        "第3行filed_on列：应为日期",
    ),
    (
        "institutions.csv",
        "2020-12-01",
        "2020-03-01",
        "第4行removed_on列：移出日期早于",
    ),
    (
        "programmes.csv",
        "J000044000003,",
        "J000044000004,",
        "第8行institution_code列：institutions.csv中没有",
    ),
    (
        "programmes.csv",
        "2020-10-20",
        "2020-02-20",
        "第5行until列：早于起始日期",
    ),
    (
        "programmes.csv",
        "top_level,",
        "",
        "第1行: 缺少列：top_level",
    ),
    (
        "occupations.csv",
        "6-31-01-03",
        "6-31-01",
        "第3行code列：职业编码应如",
    ),
    ("exclusions.csv", "焊工", "", "第3行name列：不能为空"),
    ("centres.csv", "SZ01", "440000", "第3行code列：与第2行重复"),
    (
        "plans.csv",
        "P3,J000044000003",
        "P3,J000044000009",
        "第8行institution_code列",
    ),
    ("plans.csv", "P1-LATE", "P1", "第3行plan_no列：与第2行重复"),
    (
        "plans.csv",
        "2020-03-27",
        "2020-03-20",
        "第4行ends_on列：结束日期早于",
    ),
    (
        "calendar.csv",
        "makeup_workday",
        "workday",
        "第3行kind列：应为holiday",
    ),
    (
        "calendar.csv",
        "2020-01-19",
        "2020-01-01",
        "第3行date列：日期重复",
    ),
];

#[test]
fn every_error_names_file_row_and_column() {
    for (file, from, to, told) in BROKEN {
        let centre = Centre::new();
        centre.deliver("batch.csv", &[issue(1)]);
        let path = format!("registry/{file}");
        let text = fs::read_to_string(centre.path(&path)).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        centre.write(&path, text.replacen(from, to, 1));
        let run = centre.accept("batch.csv");
        let line = run.line(65);
        assert!(line.contains(&path) && line.contains(told), "{line}");
        assert!(!centre.path("ledger").exists(), "{file}");
    }
}

#[test]
fn an_eleventh_occupation_at_a_time_is_too_many() {
    let centre = Centre::new();
    centre.deliver("batch.csv", &[issue(1)]);
    let path = "registry/programmes.csv";
    let mut text = fs::read_to_string(centre.path(path)).unwrap();
    // Five are there, one of them until 2020-10-20; the same occupation twice counts once.
    for occupation in 1..=5 {
        text.push_str(&format!(
            "J000044000001,4-01-01-{occupation:02},某职业,3,,2020-09-01,\n"
        ));
    }
    text.push_str("J000044000001,4-04-05-05,人工智能训练师,3,,2020-09-01,\n");
    text.push_str("J000044000001,4-01-01-07,某职业,3,,2020-10-21,\n");
    centre.write(path, &text);
    centre.accept("batch.csv").report(0);
    text.push_str("J000044000001,4-01-01-08,某职业,3,,2020-10-20,2020-10-20\n");
    centre.write(path, &text);
    let run = centre.accept("batch.csv");
    let line = run.line(65);
    assert!(
        line.contains("第16行from列：该机构在2020-10-20同时有11个职业"),
        "{line}"
    );
}

#[test]
fn a_file_that_is_missing_or_in_no_encoding() {
    let centre = Centre::new();
    centre.deliver("batch.csv", &[issue(1)]);
    fs::remove_file(centre.path("registry/plans.csv")).unwrap();
    let run = centre.accept("batch.csv");
    let line = run.line(65);
    assert!(
        line.contains("registry/plans.csv") && line.contains("文件不存在"),
        "{line}"
    );
    centre.write("registry/plans.csv", b"plan_no\xff\xff");
    let run = centre.accept("batch.csv");
    assert!(run.line(65).contains("文件编码有误"), "{}", run.err);
}

#[test]
fn a_segment_must_be_one() {
    let centre = Centre::new();
    centre.deliver("batch.csv", &[issue(1)]);
    let head = "机构代码,年份,级别,起始序列号,终止序列号\n";
    for (row, told) in [
        ("J000044000001,20,3,1,500", "第2行year列：应为4位年份"),
        ("J000044000001,2020,3,0,500", "第2行first列：序列号应为"),
        ("J000044000001,2020,3,500,1", "第2行last列：终止序列号小于"),
        (
            "J000044000001,2020,9,1,500",
            "第2行level列：职业技能等级应为",
        ),
        ("J000044000008,2020,3,1,500", "第2行institution_code列"),
    ] {
        centre.write("registry/segments.csv", format!("{head}{row}\n"));
        let run = centre.accept("batch.csv");
        assert!(run.line(65).contains(told), "{}", run.err);
    }
}
