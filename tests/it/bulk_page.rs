//! `/bulk` without script, on a real socket: the form answered as a file or as a page, and the
//! template.

use serde_json::{Value, json};

use crate::bulk::unchunked;
use crate::http::{self, Response};
use crate::jobs::office;
use crate::program::Program;
use crate::register::{Register, VALID, ZHANG};

const FORM: &str = "multipart/form-data; boundary=B";

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let file = if *name == "list" {
            "; filename=\"a.csv\""
        } else {
            ""
        };
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    body
}

fn post(program: &Program, content_type: &str, body: &[u8]) -> Response {
    let headers = [("content-type", content_type)];
    http::send(program.public, "POST", "/bulk", &headers, body)
}

fn rows(count: usize) -> Vec<u8> {
    format!(
        "姓名,证书编号\n{}",
        format!("{ZHANG},{VALID}\n").repeat(count)
    )
    .into()
}

#[test]
fn the_form_is_answered_with_a_file() {
    let register = Register::published();
    let program = Program::ready(&register);
    let response = post(
        &program,
        FORM,
        &form(&[("list", &rows(20)), ("as", b"csv")]),
    );
    assert_eq!(response.status, 200);
    let disposition = "attachment; filename=\"certq-results.csv\"";
    assert_eq!(response.header("content-disposition"), Some(disposition));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.text().matches("一致有效").count(), 20);
    let response = post(&program, FORM, &form(&[("list", &rows(1))]));
    let xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    assert_eq!(response.header("content-type"), Some(xlsx));
}

#[test]
fn a_refused_form_is_the_page_with_the_reason() {
    let register = Register::published();
    let program = Program::ready(&register);
    let large = vec![b' '; (1 << 20) + 1];
    // Far more than sockets hold: the refusal has to wait until all of it is sent.
    let enormous = vec![b' '; 40 << 20];
    let with_key = form(&[("list", &rows(1)), ("key", b"nobody's")]);
    for (content_type, body, status, said) in [
        (FORM, form(&[("list", &rows(21))]), 413, "最多核验20行"),
        (FORM, form(&[("list", b"")]), 400, "id=\"list-problem\""),
        (FORM, form(&[("list", &large)]), 413, "不用API密钥最多1 MiB"),
        (
            FORM,
            form(&[("list", &enormous)]),
            413,
            "不用API密钥最多1 MiB",
        ),
        (
            FORM,
            form(&[("key", b"nobody's"), ("list", &large), ("as", b"csv")]),
            401,
            "API密钥无效",
        ),
        (FORM, form(&[("other", b"")]), 415, "multipart/form-data"),
        (FORM, with_key, 401, "API密钥无效"),
        ("text/csv", rows(1), 415, "multipart/form-data"),
    ] {
        let response = post(&program, content_type, &body);
        assert_eq!(response.status, status, "{said}");
        let html = "text/html; charset=utf-8";
        assert_eq!(response.header("content-type"), Some(html));
        let text = response.text();
        assert!(text.contains(said) && text.contains("is-wrong"), "{said}");
        assert!(!text.contains("nobody's") && !text.contains(VALID));
    }
}

#[test]
fn the_template_is_an_empty_list() {
    let register = Register::published();
    let program = Program::ready(&register);
    let template = http::send(program.public, "GET", "/bulk/template.xlsx", &[], b"");
    assert_eq!(template.status, 200);
    let again = http::send(program.public, "GET", "/bulk/template.xlsx", &[], b"");
    assert_eq!(template.body, again.body);
    let headers = [("content-type", "text/csv")];
    let target = "/v1/bulk/preview";
    let preview = http::send(program.public, "POST", target, &headers, &template.body);
    let preview: Value = serde_json::from_slice(&preview.body).unwrap();
    let mapping = json!({"certificate_number": 1, "name": 2, "id_number": 3, "id_type": 4});
    assert_eq!(preview["mapping"], mapping);
    assert_eq!(
        (&preview["row_count"], &preview["format"]),
        (&json!(0), &json!("xlsx"))
    );
}

#[test]
fn a_key_before_the_list_lets_a_long_one_in() {
    let (_register, program, [key]) = office([("form", 100_000)]);
    let list = rows(60_000);
    assert!(list.len() > 1 << 20);
    let before = form(&[("key", key.as_bytes()), ("list", &list), ("as", b"csv")]);
    let response = post(&program, FORM, &before);
    assert_eq!(response.status, 200);
    let text = String::from_utf8(unchunked(&response)).unwrap();
    assert_eq!(text.matches("一致有效").count(), 60_000);
    // A little longer than anybody's, so that form and key arrive whole anyway.
    let list = rows(35_000);
    assert!(((1 << 20) + 1..(1 << 20) + 4096).contains(&list.len()));
    let behind = form(&[("list", &list), ("key", key.as_bytes()), ("as", b"csv")]);
    assert_eq!(post(&program, FORM, &behind).status, 200);
    let list = rows(60_000);
    // Behind the list it comes too late to be believed.
    let behind = form(&[("list", &list), ("key", key.as_bytes())]);
    let response = post(&program, FORM, &behind);
    assert_eq!(response.status, 413);
    assert!(response.text().contains("不用API密钥最多1 MiB"));
    let padding = vec![b' '; (32 << 20) + 1];
    let too_long = form(&[("key", key.as_bytes()), ("list", &padding)]);
    let response = post(&program, FORM, &too_long);
    assert_eq!(response.status, 413);
    assert!(response.text().contains("使用密钥最多32 MiB"));
}
