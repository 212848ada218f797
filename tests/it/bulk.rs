//! `POST /v1/bulk` on a real socket: every form in and out, rows in are rows out.

use std::io::Cursor;
use std::path::Path;

use serde_json::{Value, json};
use spreadsheet::{Limits, Row, Spreadsheet, SpreadsheetError};

use crate::http::{self, Response};
use crate::program::Program;
use crate::register::{Register, UNKNOWN, VALID, WITHDRAWN, ZHANG, ZHANG_ID};

pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const JSON: &str = "application/json";
pub(crate) const CSV: &str = "text/csv";
const GB18030: &str = "text/csv; charset=gb18030";
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The headers of what is appended.
pub(crate) const APPENDED: [&str; 10] = [
    "核验结果",
    "结果代码",
    "说明",
    "证书状态",
    "职业名称",
    "职业技能等级",
    "评价机构",
    "发证日期",
    "全国可查状态",
    "数据截至",
];

pub(crate) fn post(program: &Program, content_type: &str, accept: &str, body: &[u8]) -> Response {
    let headers = [("content-type", content_type), ("accept", accept)];
    let mut response = http::send(program.public, "POST", "/v1/bulk", &headers, body);
    response.body = unchunked(&response);
    response
}

/// The bytes of a body whose length was not known.
pub(crate) fn unchunked(response: &Response) -> Vec<u8> {
    if response.header("transfer-encoding") != Some("chunked") {
        return response.body.clone();
    }
    let (mut whole, mut rest) = (Vec::new(), response.body.as_slice());
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            assert_eq!(rest, b"\r\n", "nothing follows the last chunk");
            return whole;
        }
        whole.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

pub(crate) fn lines(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    let text = response.text();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The rows of a spreadsheet as texts.
fn table(bytes: Vec<u8>, name: &str) -> Vec<Vec<String>> {
    let limits = Limits {
        file_bytes: 1 << 25,
        inflated_bytes: 1 << 28,
        part_bytes: 1 << 25,
        strings: 1_000_000,
    };
    let mut rows = Vec::new();
    let mut sheet = Spreadsheet::open(Cursor::new(bytes), Path::new(name), &limits).unwrap();
    let each = |row: Row| {
        let cells = (0..row.used()).map(|at| row.printed(at).to_owned());
        rows.push(cells.collect());
        Ok::<(), SpreadsheetError>(())
    };
    sheet.rows(each).unwrap();
    rows
}

pub(crate) fn problem(response: &Response) -> (u16, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .chars()
            .any(|c| c > '\u{4E00}')
    );
    (response.status, body["code"].as_str().unwrap().to_owned())
}

#[test]
fn lines_of_questions_are_answered_in_order() {
    let register = Register::published();
    let program = Program::ready(&register);
    let questions = [
        json!({"certificate_number": VALID, "name": ZHANG, "ref": "甲"}).to_string(),
        json!({"certificate_number": WITHDRAWN, "name": ZHANG}).to_string(),
        String::new(),
        json!({"certificate_number": UNKNOWN, "name": ZHANG}).to_string(),
        json!({"certificate_number": VALID}).to_string(),
        "{\"ref\":\"乙\",\"name\":1}".to_owned(),
        "nonsense".to_owned(),
        json!({"name": ZHANG, "id_number": "110105194912310021"}).to_string(),
        json!({"name": ZHANG, "id_number": ZHANG_ID}).to_string(),
    ];
    let response = post(&program, NDJSON, "", questions.join("\n").as_bytes());
    assert_eq!(response.header("content-type"), Some(NDJSON));
    assert_eq!(response.header("certq-epoch"), Some("107"));
    let mut lines = lines(&response);
    let summary = lines.pop().unwrap();
    let found: Vec<(u64, &str, Option<&str>, usize)> = lines
        .iter()
        .map(|line| {
            let certificates = line["certificates"].as_array().unwrap().len();
            let (row, outcome) = (line["row"].as_u64(), line["outcome"].as_str());
            (
                row.unwrap(),
                outcome.unwrap(),
                line["code"].as_str(),
                certificates,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (1, "match", None, 1),
            (2, "match", None, 1),
            (3, "no_match", None, 0),
            (4, "invalid", Some("two_factors_required"), 0),
            (5, "invalid", Some("malformed_json"), 0),
            (6, "invalid", Some("malformed_json"), 0),
            (7, "invalid", Some("id_check_failed"), 0),
            (8, "match", None, 2),
        ]
    );
    assert_eq!(lines[0]["ref"], "甲");
    assert_eq!(lines[1]["ref"], Value::Null);
    assert_eq!(lines[4]["ref"], "乙");
    let single = http::lookup(program.public, &questions[0].replace(",\"ref\":\"甲\"", ""));
    let single: Value = serde_json::from_slice(&single.body).unwrap();
    assert_eq!(lines[0]["certificates"], single["certificates"]);
    assert_eq!(
        summary,
        json!({"summary": {
            "rows": 8, "match": 3, "no_match": 1, "invalid": 4, "cannot_answer": 0, "limited": 0,
            "as_of": single["as_of"],
        }})
    );
    let array = format!(
        "[{}]",
        questions
            .iter()
            .filter(|it| it.starts_with('{'))
            .cloned()
            .collect::<Vec<_>>()
            .join(",")
    );
    let response = post(&program, JSON, "*/*", array.as_bytes());
    assert_eq!(self::lines(&response).len(), 8);
}

#[test]
fn a_spreadsheet_comes_back_with_ten_more_columns() {
    let register = Register::published();
    let program = Program::ready(&register);
    let text = format!(
        "部门,姓名,证书编号,备注\n=1+1,{ZHANG},{VALID},𠮷㐀\n\n-,{ZHANG},{WITHDRAWN},\"a,\n\"\"b\"\n,{ZHANG},{UNKNOWN}\n,{ZHANG},{VALID},x,y\n"
    );
    let (gb, _, _) = encoding_rs::GB18030.encode(&text);
    for (body, accept, name) in [
        (text.as_bytes(), CSV, "a.csv"),
        (text.as_bytes(), GB18030, "a.csv"),
        (&*gb, CSV, "a.csv"),
        (&*gb, XLSX, "a.xlsx"),
    ] {
        let response = post(&program, CSV, accept, body);
        assert_eq!(response.status, 200, "{}", response.text());
        if accept == CSV {
            assert!(response.body.starts_with("\u{FEFF}".as_bytes()));
        }
        if accept == GB18030 {
            assert!(std::str::from_utf8(&response.body).is_err());
        }
        let rows = table(response.body, name);
        let quoted = |text: &str| match name {
            "a.csv" => format!("'{text}"),
            _ => text.to_owned(),
        };
        let mut head: Vec<&str> = vec!["部门", "姓名", "证书编号", "备注", ""];
        head.extend(APPENDED);
        assert_eq!(rows[0], head);
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[1][..5], [&quoted("=1+1"), ZHANG, VALID, "𠮷㐀", ""]);
        assert_eq!(rows[1][5..9], ["一致有效", "match", "", "有效"]);
        assert_eq!(rows[1][14], "2026-11-24 10:00");
        assert_eq!(
            rows[2][..5],
            [&quoted("-"), ZHANG, WITHDRAWN, "a,\n\"b", ""]
        );
        assert_eq!(rows[2][5..7], ["一致但已撤销", "match"]);
        assert!(rows[2][7].starts_with("撤销原因："));
        assert_eq!(rows[2][8], "已撤销");
        assert_eq!(rows[3][5..7], ["信息不一致或未查到", "no_match"]);
        assert_eq!(
            rows[4][..7],
            ["", ZHANG, VALID, "x", "y", "格式错误", "row_ragged"]
        );
    }
}

#[test]
fn lists_that_are_refused_as_a_whole() {
    let register = Register::published();
    let program = Program::ready(&register);
    let head = "姓名,证书编号\n";
    let many = format!("{head}{}", format!("{ZHANG},{VALID}\n").repeat(21));
    let long = format!("{head}{ZHANG},{VALID},{}\n", "x".repeat(70_000));
    let unencodable_head = format!("姓名,证书编号,\u{E5E5}\n{ZHANG},{VALID},\n");
    let long_head = format!("姓名,证书编号,{}\n{ZHANG},{VALID},\n", "x".repeat(70_000));
    let unencodable = format!("{head}{ZHANG},{VALID},\u{E5E5}\n");
    for (content_type, accept, body, expected) in [
        (CSV, CSV, many.as_bytes(), (413, "too_many_rows")),
        (CSV, CSV, long.as_bytes(), (413, "file_too_large")),
        (CSV, GB18030, unencodable.as_bytes(), (400, "encoding")),
        (CSV, GB18030, unencodable_head.as_bytes(), (400, "encoding")),
        (CSV, CSV, long_head.as_bytes(), (413, "file_too_large")),
        (
            CSV,
            CSV,
            "姓名,部门\n张三,\n".as_bytes(),
            (400, "column_missing"),
        ),
        (CSV, CSV, b"", (400, "file_unreadable")),
        (
            CSV,
            CSV,
            "姓名,证书编号\n张三,\"2\n".as_bytes(),
            (400, "file_unreadable"),
        ),
        (CSV, CSV, b"a,\xFF\n", (400, "encoding")),
        (XLSX, XLSX, b"PK\x03\x04", (400, "file_unreadable")),
        (JSON, "", b"{}", (400, "malformed_json")),
        (JSON, "", b"[1", (400, "malformed_json")),
        ("text/plain", "", b"[]", (415, "unsupported_media_type")),
    ] {
        let (status, code) = problem(&post(&program, content_type, accept, body));
        assert_eq!((status, code.as_str()), expected);
    }
    let headers = [("content-type", CSV), ("authorization", "Bearer nobody")];
    let response = http::send(
        program.public,
        "POST",
        "/v1/bulk",
        &headers,
        many.as_bytes(),
    );
    assert_eq!(problem(&response), (401, "key_unknown".to_owned()));
    let large = vec![b' '; (1 << 20) + 1];
    let response = post(&program, NDJSON, "", &large);
    assert_eq!(problem(&response), (413, "body_too_large".to_owned()));
}

#[test]
fn columns_can_be_said() {
    let register = Register::published();
    let program = Program::ready(&register);
    let body = format!("谁,什么\n{ZHANG},{VALID}\n");
    let headers = [("content-type", CSV), ("accept", NDJSON)];
    let send = |target: &str| http::send(program.public, "POST", target, &headers, body.as_bytes());
    let response = send("/v1/bulk?name=1&certificate_number=2");
    assert!(
        String::from_utf8(unchunked(&response))
            .unwrap()
            .contains("\"match\":1")
    );
    for wrong in [
        "name=1&certificate_number=1",
        "name=1",
        "name=x&certificate_number=2",
    ] {
        assert_eq!(send(&format!("/v1/bulk?{wrong}")).status, 400, "{wrong}");
    }
    let preview = send("/v1/bulk/preview");
    let preview: Value = serde_json::from_slice(&preview.body).unwrap();
    assert_eq!(
        preview,
        json!({
            "format": "csv", "encoding": "utf-8", "row_count": 1, "columns": ["谁", "什么"],
            "mapping": {"certificate_number": null, "name": null, "id_number": null, "id_type": null},
            "rows": [[ZHANG, VALID]],
        })
    );
}

#[test]
fn a_note_beside_the_header_of_a_workbook_makes_nothing_ragged() {
    let register = Register::published();
    let program = Program::ready(&register);
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    let cells = [
        (0, 0, "姓名"),
        (0, 1, "证书编号"),
        (1, 0, ZHANG),
        (1, 1, VALID),
    ];
    for (row, column, text) in cells.into_iter().chain([(1, 3, "旁注")]) {
        sheet.write_string(row, column, text).unwrap();
    }
    let body = workbook.save_to_buffer().unwrap();
    let rows = table(post(&program, XLSX, CSV, &body).body, "a.csv");
    assert_eq!(rows[1][..4], [ZHANG, VALID, "", "旁注"]);
    assert_eq!(rows[1][4..6], ["一致有效", "match"]);
    // The same cells as CSV are one too many.
    let csv = format!("姓名,证书编号\n{ZHANG},{VALID},,旁注\n");
    let rows = table(post(&program, CSV, CSV, csv.as_bytes()).body, "a.csv");
    assert_eq!(rows[1][4..6], ["格式错误", "row_ragged"]);
}

#[test]
fn a_preview_shows_all_of_a_wide_header_and_the_beginning_of_its_rows() {
    let register = Register::published();
    let program = Program::ready(&register);
    let wide = |name: &str| {
        (1..=150)
            .map(|at| format!("{name}{at}"))
            .collect::<Vec<_>>()
    };
    let (mut head, row) = (wide("列"), wide("格"));
    "姓名".clone_into(&mut head[148]);
    "证书编号".clone_into(&mut head[149]);
    let body = format!("{}\n{}\n", head.join(","), row.join(","));
    let headers = [("content-type", CSV)];
    let target = "/v1/bulk/preview";
    let preview = http::send(program.public, "POST", target, &headers, body.as_bytes());
    let preview: Value = serde_json::from_slice(&preview.body).unwrap();
    assert_eq!(preview["columns"], json!(head));
    assert_eq!(preview["rows"], json!([row[..100]]));
    assert_eq!(preview["mapping"]["name"], json!(149));
    assert_eq!(preview["mapping"]["certificate_number"], json!(150));
}

#[test]
fn cells_are_as_they_were_for_a_program_that_says_so() {
    let register = Register::published();
    let program = Program::ready(&register);
    let body = format!("姓名,证书编号,备注\n{ZHANG},{VALID},=1\n{ZHANG},{VALID},'=1\n");
    for (accept, expected) in [
        (CSV, ["'=1", "'=1"]),
        ("text/csv; formulas=as-is", ["=1", "'=1"]),
    ] {
        let rows = table(post(&program, CSV, accept, body.as_bytes()).body, "a.csv");
        assert_eq!([&rows[1][2], &rows[2][2]], expected, "{accept}");
    }
}
