//! The contract as data: `contract/*.txt` are cases of a request and what must come back.
//!
//! ```text
//! # what the case shows
//! POST /v1/lookup
//! content-type: application/json
//! body {"name":"…"}
//! code == 200
//! header cache-control == no-store
//! header retry-after absent
//! body == {…}
//! body ~ part of it
//! body !~ what must not be in it
//! ```

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::http::{Response, send};
use crate::program::Program;
use crate::register::Register;

struct Case<'a> {
    title: &'a str,
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
    expectations: Vec<&'a str>,
}

/// Runs every case of a file against a public listener.
fn check(file: &str, to: SocketAddr) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/contract")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut complaints = String::new();
    let cases: Vec<Case<'_>> = text.split("\n\n").filter_map(parse).collect();
    assert!(!cases.is_empty(), "{file} has no cases");
    for case in &cases {
        let response = send(
            to,
            case.method,
            case.target,
            &case.headers,
            case.body.as_bytes(),
        );
        assert!(
            !case.expectations.is_empty(),
            "{}: expects nothing",
            case.title
        );
        for expectation in &case.expectations {
            if !holds(expectation, &response) {
                let body = String::from_utf8_lossy(&response.body);
                let (status, headers) = (response.status, &response.headers);
                writeln!(
                    complaints,
                    "{file}: {}\n  expected {expectation}\n  found {status} {headers:?}\n  {body}",
                    case.title
                )
                .unwrap();
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

fn parse(block: &str) -> Option<Case<'_>> {
    let mut lines = block.lines().filter(|line| !line.trim().is_empty());
    let title = lines
        .next()?
        .strip_prefix("# ")
        .expect("a case begins with its title");
    let request = lines.find(|line| !line.starts_with('#'))?;
    let (method, target) = request.split_once(' ').expect("METHOD target");
    let mut case = Case {
        title,
        method,
        target,
        headers: Vec::new(),
        body: "",
        expectations: Vec::new(),
    };
    for line in lines {
        let word = line.split(' ').next().unwrap_or_default();
        if let Some(body) = line.strip_prefix("body ").filter(|_| !is_expectation(line)) {
            case.body = body;
        } else if word.ends_with(':') {
            case.headers
                .push(line.split_once(": ").expect("name: value"));
        } else {
            case.expectations.push(line);
        }
    }
    Some(case)
}

fn is_expectation(line: &str) -> bool {
    ["body == ", "body ~ ", "body !~ "]
        .iter()
        .any(|start| line.starts_with(start))
}

fn holds(expectation: &str, response: &Response) -> bool {
    let text = String::from_utf8_lossy(&response.body);
    let part = |start: &str| expectation.strip_prefix(start);
    if let Some(code) = part("code == ") {
        return response.status.to_string() == code;
    }
    if let Some(body) = part("body == ") {
        return text.trim_end_matches('\n') == body;
    }
    if let Some(inside) = part("body ~ ") {
        return text.contains(inside);
    }
    if let Some(outside) = part("body !~ ") {
        return !text.contains(outside);
    }
    let header = part("header ").unwrap_or_else(|| panic!("not an expectation: {expectation}"));
    if let Some(name) = header.strip_suffix(" absent") {
        return response.header(name).is_none();
    }
    let (name, value) = header.split_once(" == ").expect("header name == value");
    response.header(name) == Some(value)
}

#[test]
fn a_published_register_answers_as_the_contract_says() {
    let register = Register::published();
    let program = Program::ready(&register);
    for file in [
        "lookup.txt",
        "refusals.txt",
        "pages.txt",
        "data.txt",
        "paths.txt",
    ] {
        check(file, program.public);
    }
    check("admin.txt", program.admin);
}

#[test]
fn search_by_name_and_identity_number_can_be_off() {
    let register = Register::published();
    register.configure("name_and_id = \"off\"");
    let program = Program::ready(&register);
    check("holder_search_off.txt", program.public);
}

#[test]
fn without_a_generation_nothing_is_called_invalid() {
    let register = Register::empty();
    let program = Program::start(&register);
    program.wait_to_hear("refresh_failed");
    check("no_generation.txt", program.public);
    check("no_generation_admin.txt", program.admin);
}

#[test]
fn a_case_can_fail() {
    let response = Response::parse(b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody");
    for expectation in [
        "code == 404",
        "header a == c",
        "header a absent",
        "body == x",
        "body ~ x",
        "body !~ bo",
    ] {
        assert!(!holds(expectation, &response), "{expectation}");
    }
    for expectation in [
        "code == 200",
        "header a == b",
        "header c absent",
        "body == body",
        "body ~ od",
        "body !~ x",
    ] {
        assert!(holds(expectation, &response), "{expectation}");
    }
}
