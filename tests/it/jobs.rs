//! Lists of those who have a key: their quota, their pause, and jobs that do not stand in each
//! other's way.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use snapshot::layout;

use crate::bulk::{CSV, NDJSON, lines, post, problem, unchunked};
use crate::http::{self, Response};
use crate::program::{Program, run, wait_until};
use crate::register::{Register, VALID, WITHDRAWN, ZHANG, certificates, flip};

/// A register whose server knows keys; these are made first, with their rows a day.
pub(crate) fn office<const N: usize>(
    accounts: [(&str, u64); N],
) -> (Register, Program, [String; N]) {
    let register = Register::published();
    register.configure("[bulk]\nkeys_file = \"api-keys.json\"");
    let keys = accounts.map(|(name, rows)| key(&register, name, rows));
    let program = Program::ready(&register);
    (register, program, keys)
}

pub(crate) fn key(register: &Register, name: &str, rows: u64) -> String {
    let path = register.path("api-keys.json");
    let (path, rows) = (path.to_string_lossy(), rows.to_string());
    let command = ["keys", "create", "--keys-file", &*path];
    let made = run(&[&command[..], &["--name", name, "--rows-per-day", &rows]].concat());
    assert!(made.status.success());
    let said = String::from_utf8(made.stdout).unwrap();
    said.split_whitespace().last().unwrap().to_owned()
}

fn send(program: &Program, key: &str, body: &str) -> Response {
    let bearer = format!("Bearer {key}");
    let headers = [("content-type", NDJSON), ("authorization", &bearer)];
    let mut response = http::send(
        program.public,
        "POST",
        "/v1/bulk",
        &headers,
        body.as_bytes(),
    );
    response.body = unchunked(&response);
    response
}

/// A line that asks for the number of a certificate that never was, and a name.
fn miss(serial: u64) -> String {
    format!("{{\"certificate_number\":\"J000044000001203{serial:06}\",\"name\":\"{ZHANG}\"}}\n")
}

fn hit() -> String {
    format!("{{\"certificate_number\":\"{VALID}\",\"name\":\"{ZHANG}\"}}\n")
}

fn counts(response: &Response) -> [u64; 5] {
    let lines = lines(response);
    let summary = &lines.last().unwrap()["summary"];
    ["match", "no_match", "invalid", "cannot_answer", "limited"]
        .map(|outcome| summary[outcome].as_u64().unwrap())
}

/// More rows than are looked up together, of every kind, in an order without a pattern.
#[test]
fn every_row_of_a_long_list_has_its_own_answer() {
    let (_register, program, [key]) = office([("long", 1_000)]);
    let (mut body, mut expected) = (String::new(), Vec::new());
    let mut seed = 1_u32;
    for row in 0..150 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (number, name, outcome) = match seed >> 29 {
            0 | 1 => (VALID, ZHANG, "match"),
            2 | 3 => (WITHDRAWN, ZHANG, "match"),
            4 => (VALID, "王五", "no_match"),
            5 => ("J000044000001203999999", ZHANG, "no_match"),
            6 => ("J0000", ZHANG, "invalid"),
            _ => (VALID, "", "invalid"),
        };
        let asked = json!({"certificate_number": number, "name": name, "ref": row.to_string()});
        writeln!(body, "{asked}").unwrap();
        let shown = (outcome == "match").then_some(number);
        expected.push((
            row.to_string(),
            outcome.to_owned(),
            shown.map(str::to_owned),
        ));
    }
    let mut answered = lines(&send(&program, &key, &body));
    assert!(answered.pop().unwrap()["summary"].is_object());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let found = answered.iter().map(|line| {
        let shown = text(&line["certificates"][0]["certificate_number"]);
        (
            text(&line["ref"]).unwrap(),
            text(&line["outcome"]).unwrap(),
            shown,
        )
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_quota_is_charged_for_different_answers_only() {
    let (_register, program, [key]) = office([("quota", 30)]);
    let mut body = hit().repeat(10);
    (200_000..200_019).for_each(|serial| body += &miss(serial));
    body += "{\"name\":\"a\"}\nnonsense\n";
    let response = send(&program, &key, &body);
    assert_eq!(counts(&response), [10, 19, 2, 0, 0]);
    let left = response.header("ratelimit").unwrap();
    assert!(left.starts_with("\"rows\";r=10;t="), "{left}");
    assert!(left.contains(", \"requests\";r=119;t="), "{left}");
    assert_eq!(
        response.header("ratelimit-policy"),
        Some("\"rows\";q=30;w=86400, \"requests\";q=120;w=60")
    );
    // Ten rows are left: what is beyond them is limited, what was answered before is not.
    let body: String = (300_000..300_015)
        .map(miss)
        .chain([hit(), miss(300_000)])
        .collect();
    assert_eq!(counts(&send(&program, &key, &body)), [0, 11, 0, 0, 6]);
    let response = send(&program, &key, &hit());
    assert_eq!(problem(&response), (429, "quota_exceeded".to_owned()));
    assert!(
        response
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            <= 86_400
    );
    assert!(
        response
            .header("ratelimit")
            .unwrap()
            .starts_with("\"rows\";r=0;t=")
    );
}

#[test]
fn whoever_guesses_is_paused() {
    let (register, program, [guesser, other]) = office([("guesser", 100_000), ("other", 100)]);
    let body: String = (200_000..205_000).map(miss).collect();
    let [matched, missed, .., limited] = counts(&send(&program, &guesser, &body));
    assert_eq!((matched, missed, limited), (0, 1_000, 4_000));
    let response = send(&program, &guesser, &hit());
    assert_eq!(problem(&response), (429, "quota_exceeded".to_owned()));
    // A new key of the same name is the same account; another name is not concerned.
    let again = key(&register, "guesser", 100_000);
    wait_until("the new key works", || {
        send(&program, &again, &hit()).status == 429
    });
    assert_eq!(counts(&send(&program, &other, &hit())), [1, 0, 0, 0, 0]);
    assert_eq!(problem(&send(&program, "certq_00000000_0", &hit())).0, 401);
}

/// Sends a list and reads nothing of its answer.
fn begin(program: &Program, key: &str, body: &str) -> TcpStream {
    let mut stream = http::connect(program.public);
    let mut head = String::new();
    write!(
        head,
        "POST /v1/bulk HTTP/1.1\r\nhost: certq\r\ncontent-type: {NDJSON}\r\n\
         authorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

#[test]
fn jobs_wait_for_nobody_but_their_reader() {
    let (_register, program, [slow, quick]) = office([("slow", 1_000_000), ("quick", 100)]);
    // About 40 MB of answers: more than sockets and queues hold.
    let body = hit().repeat(80_000);
    let mut waiting = [begin(&program, &slow, &body), begin(&program, &slow, &body)];
    let mut first = [0; 12];
    for stream in &mut waiting {
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    let third = send(&program, &slow, &hit());
    assert_eq!(problem(&third), (429, "rate_limited".to_owned()));
    assert_eq!(third.header("retry-after"), Some("5"));
    assert_eq!(counts(&send(&program, &quick, &hit())), [1, 0, 0, 0, 0]);
    let [gone, mut patient] = waiting;
    drop(gone);
    wait_until("who left has freed the place", || {
        send(&program, &slow, &hit()).status == 200
    });
    let mut rest = Vec::new();
    patient
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .unwrap();
    while !rest.ends_with(b"0\r\n\r\n") {
        let mut buffer = [0; 1 << 16];
        let read = patient.read(&mut buffer).unwrap();
        rest.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8(rest).unwrap();
    assert!(text.contains("\"summary\":{\"rows\":80000,\"match\":80000,"));
}

#[test]
fn damage_costs_the_rows_it_concerns() {
    let (register, program, [key]) = office([("damage", 100)]);
    let rows = register.rows_blob(&certificates()).sha256;
    let cached = register.path("cache").join(layout::cached_blob(&rows));
    flip(&cached, u64::try_from(layout::ROWS_HEADER).unwrap());
    let other = hit().replace(VALID, WITHDRAWN);
    let body = [hit(), other.clone(), hit(), miss(200_000)].concat();
    let response = send(&program, &key, &body);
    assert_eq!(counts(&response), [1, 1, 0, 2, 0]);
    let lines: Vec<Value> = lines(&response);
    assert_eq!(lines[0]["outcome"], json!("cannot_answer"));
    assert_eq!(lines[0]["code"], json!("cannot_answer"));
    // What could not be answered is not charged.
    assert!(
        send(&program, &key, &other)
            .header("ratelimit")
            .unwrap()
            .contains("r=97;")
    );
    let sheet = format!("姓名,证书编号\n{ZHANG},{VALID}\n");
    let sheet = post(&program, CSV, CSV, sheet.as_bytes()).text();
    assert!(sheet.contains("暂时无法核验,cannot_answer,"), "{sheet}");
    assert_eq!(program.metric("certq_damaged_answers_total"), 3.0);
    program.wait_to_hear(r#""event":"damaged","where":"damaged rows blob at byte 16"#);
}

#[test]
fn a_long_list_with_a_wrong_key_is_told_why() {
    let (_register, program, _) = office([("any", 1)]);
    // More than the sockets hold, and more than a second of a slow line.
    let body = hit().repeat(200_000);
    assert!(body.len() > 12 << 20);
    let response = send(&program, "certq_00000000_0", &body);
    assert_eq!(problem(&response), (401, "key_unknown".to_owned()));
}
