//! What the server says when it cannot know: a damaged row is never a miss, and a stop never cuts
//! an answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use snapshot::layout;

use crate::http::{self, Response, connect, get, lookup, read_to_end};
use crate::program::{Program, wait_until};
use crate::register::{Register, UNKNOWN, VALID, WITHDRAWN, ZHANG, ZHANG_ID, certificates, flip};

fn by_name(number: &str) -> String {
    format!(r#"{{"certificate_number":"{number}","name":"{ZHANG}"}}"#)
}

#[test]
fn every_byte_of_a_row_is_missed_when_it_is_damaged() {
    let register = Register::published();
    let program = Program::ready(&register);
    let rows = register.rows_blob(&certificates()).sha256;
    let cached = register.path("cache").join(layout::cached_blob(&rows));
    let by_holder = format!(r#"{{"name":"{ZHANG}","id_number":"{ZHANG_ID}"}}"#);
    // The first row is that of the lowest number.
    for byte in 0..layout::ROW {
        let offset = u64::try_from(layout::ROWS_HEADER + byte).unwrap();
        flip(&cached, offset);
        for json in [by_name(VALID), by_holder.clone()] {
            let response = lookup(program.public, &json);
            assert_eq!(response.status, 503, "byte {byte}: {}", response.text());
            assert_eq!(response.header("retry-after"), Some("5"));
            assert!(response.text().contains(r#""code":"cannot_answer""#));
        }
        flip(&cached, offset);
    }
    assert_eq!(lookup(program.public, &by_name(VALID)).status, 200);

    flip(&cached, u64::try_from(layout::ROWS_HEADER).unwrap());
    let form = format!("certificate_number={VALID}&name=%E5%BC%A0%E4%B8%89");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let page = http::send(program.public, "POST", "/", &headers, form.as_bytes());
    assert_eq!(page.status, 503);
    assert!(page.text().contains("不代表证书无效"));
    for (number, outcome) in [(WITHDRAWN, "match"), (UNKNOWN, "no_match")] {
        let text = lookup(program.public, &by_name(number)).text();
        assert!(
            text.starts_with(&format!(r#"{{"outcome":"{outcome}""#)),
            "{text}"
        );
    }
    assert_eq!(program.metric("certq_damaged_answers_total"), 87.0);
    let label = r#"certq_requests_total{route="lookup",outcome="damaged"}"#;
    assert_eq!(program.metric(label), 86.0);
    program.wait_to_hear(r#""event":"damaged","where":"damaged rows blob at byte 16"#);
}

#[test]
fn a_miss_is_one_answer() {
    let register = Register::published();
    let program = Program::ready(&register);
    let other_id = certificates()[2].id_number.clone();
    let misses = [
        by_name(UNKNOWN),
        format!(r#"{{"certificate_number":"{VALID}","name":"李四"}}"#),
        format!(r#"{{"certificate_number":"{VALID}","id_number":"{other_id}"}}"#),
        format!(r#"{{"certificate_number":"{VALID}","name":"{ZHANG}","id_number":"{other_id}"}}"#),
        format!(r#"{{"certificate_number":"{VALID}","name":"李四","id_number":"{ZHANG_ID}"}}"#),
        format!(r#"{{"certificate_number":"{WITHDRAWN}","name":"李四"}}"#),
    ];
    let first = lookup(program.public, &misses[0]);
    assert!(first.text().starts_with(r#"{"outcome":"no_match""#));
    for miss in &misses[1..] {
        let response = lookup(program.public, miss);
        assert_eq!(response.without_date(), first.without_date(), "{miss}");
    }
}

/// A request whose body the server is waiting for, and that body.
fn half_asked(program: &Program) -> (TcpStream, String) {
    let json = by_name(VALID);
    let mut stream = connect(program.public);
    write!(
        stream,
        "POST /v1/lookup HTTP/1.1\r\nhost: certq\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        json.len()
    )
    .unwrap();
    let mut asked_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut asked_on).unwrap();
    assert!(asked_on.starts_with(b"HTTP/1.1 100 "));
    (stream, json)
}

#[test]
fn a_stop_finishes_what_was_begun() {
    let register = Register::published();
    let mut program = Program::ready(&register);
    let (mut stream, body) = half_asked(&program);
    program.signal(Signal::TERM);
    wait_until("not ready", || get(program.admin, "/readyz").status == 503);
    assert_eq!(
        get(program.admin, "/readyz").text(),
        "not ready: draining\n"
    );
    wait_until("nobody is accepted", || {
        TcpStream::connect(program.public).is_err()
    });
    stream.write_all(body.as_bytes()).unwrap();
    let response = Response::parse(&read_to_end(&mut stream));
    assert_eq!(response.status, 200);
    assert!(response.text().contains(r#""outcome":"match""#));
    let (status, said) = program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.ends_with("\"event\":\"stopped\"}\n"), "{said}");
}

#[test]
fn a_second_stop_does_not_wait() {
    let register = Register::published();
    let mut program = Program::ready(&register);
    let (_stream, _) = half_asked(&program);
    program.signal(Signal::INT);
    program.wait_to_hear("draining");
    program.signal(Signal::TERM);
    let (status, said) = program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("stopped_at_once"), "{said}");
}

#[test]
fn running_out_of_files_is_counted_and_survived() {
    let register = Register::published();
    let config = register.path("certq.toml");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 48; exec \"$0\" serve --config \"$1\""]);
    command.arg(env!("CARGO_BIN_EXE_certq")).arg(&config);
    let program = Program::spawn(&mut command);
    program.wait_for_epoch(107);
    let crowd: Vec<TcpStream> = (0..64).map(|_| connect(program.public)).collect();
    program.wait_to_hear("accept_failed");
    drop(crowd);
    assert_eq!(lookup(program.public, &by_name(VALID)).status, 200);
    let errors = program.metric("certq_accept_errors_total");
    assert!(errors >= 1.0);
    let lines = program.said().matches("accept_failed").count();
    assert!(lines as f64 <= errors, "{lines} lines for {errors} errors");
}
