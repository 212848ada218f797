//! Nothing that a client sends is found again: not on stderr, not in the metrics.

use std::fmt::Write as _;

use crate::http::{exchange, get, send};
use crate::program::Program;
use crate::register::{Register, VALID, WITHDRAWN, ZHANG_ID};

/// What stands for a person in every request below, with the spellings it could take on its way.
const CANARIES: [&str; 9] = [
    VALID,
    WITHDRAWN,
    "J000044000001203777777",
    ZHANG_ID,
    "110105194912310021",
    "金丝雀",
    "%E9%87%91%E4%B8%9D%E9%9B%80",
    "张三",
    "%E5%BC%A0%E4%B8%89",
];

fn json_bodies() -> Vec<String> {
    let mut bodies = Vec::new();
    for number in [
        VALID,
        WITHDRAWN,
        "J000044000001203777777",
        "J00004400000120377777",
    ] {
        for name in ["张三", "金丝雀", "金丝雀7"] {
            for id_number in [ZHANG_ID, "110105194912310021", "1101051949"] {
                bodies.push(format!(
                    r#"{{"certificate_number":"{number}","name":"{name}","id_number":"{id_number}"}}"#
                ));
            }
        }
    }
    for odd in [
        r#"{"金丝雀":"张三"}"#,
        r#"{"name":"金丝雀","name":"张三"}"#,
        r#"{"id_number":110105194912310021}"#,
        r#"{"name":"金丝雀""#,
        r#"["J000044000001203000123","张三"]"#,
        "金丝雀",
    ] {
        bodies.push(odd.to_owned());
    }
    bodies
}

#[test]
fn nothing_that_was_asked_is_logged_or_counted() {
    let register = Register::published();
    let mut program = Program::ready(&register);
    let to = program.public;
    let mut sent = 0;
    for body in json_bodies() {
        for content_type in ["application/json", "text/plain"] {
            send(
                to,
                "POST",
                "/v1/lookup",
                &[("content-type", content_type)],
                body.as_bytes(),
            );
            sent += 1;
        }
    }
    let encoded = "%E9%87%91%E4%B8%9D%E9%9B%80";
    let query =
        format!("certificate_number={VALID}&name={encoded}&id_number={ZHANG_ID}&q={encoded}");
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/lookup"),
        ("POST", "/"),
        ("GET", "/v1/status"),
        ("GET", "/institutions"),
        ("GET", "/status"),
        ("GET", "/statistics"),
        ("GET", "/about"),
        ("GET", &*format!("/{VALID}/{encoded}")),
        ("DELETE", &*format!("/assets/{VALID}")),
        (&*format!("X{VALID}"), "/"),
    ] {
        let target = format!("{path}?{query}");
        let referer = format!("https://example.org/?{query}");
        let headers = [
            ("referer", &*referer),
            ("cookie", &*query),
            ("user-agent", VALID),
            ("certq-min-epoch", VALID),
            ("x-forwarded-for", VALID),
            ("accept-language", ZHANG_ID),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        send(to, method, &target, &headers, query.as_bytes());
        sent += 1;
    }
    for broken in [
        format!("GET /?{query} HTTP/9.9\r\n\r\n"),
        format!("POST /v1/lookup HTTP/1.1\r\n{VALID}\r\n\r\n"),
        format!("{query}\r\n\r\n"),
    ] {
        exchange(to, broken.as_bytes());
    }

    let metrics = get(program.admin, "/metrics").text();
    program.signal(rustix::process::Signal::TERM);
    let (_, said) = program.end();
    let lines = said.matches("\"event\":\"request\"").count();
    assert!(lines >= sent, "{lines} access lines for {sent} requests");
    for canary in CANARIES {
        for (sink, text) in [("stderr", &said), ("metrics", &metrics)] {
            assert!(!text.contains(canary), "{canary} is in {sink}");
            let hex = canary.bytes().fold(String::new(), |mut hex, byte| {
                write!(hex, "\\x{byte:02x}").unwrap();
                hex
            });
            assert!(!text.contains(&hex), "{canary} is in {sink}, in hex");
        }
    }
}

#[test]
fn an_access_line_has_names_and_a_network() {
    let register = Register::published();
    register.configure("trusted_proxies = [\"127.0.0.1\"]");
    let program = Program::ready(&register);
    send(
        program.public,
        "GET",
        "/v1/status",
        &[("x-forwarded-for", "203.0.113.77")],
        b"",
    );
    program.wait_to_hear("203.0.113.0/24");
    let said = program.said();
    let line = said
        .lines()
        .find(|line| line.contains("203.0.113.0/24"))
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["event"], "request");
    assert_eq!(line["route"], "status");
    assert_eq!(line["status"], 200);
    assert_eq!(line["outcome"], "ok");
    assert!(line["us"].as_u64().is_some());
    assert!(!said.contains("203.0.113.77"));
}
