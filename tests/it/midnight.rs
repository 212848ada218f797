//! A list that is sent before midnight in Shanghai and is whole after it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use certq::api_key::ApiKeys;
use certq::quota::Budgets;
use jiff::Timestamp;

use crate::bulk::{NDJSON, lines, unchunked};
use crate::connections::{PATIENT, Server, serve_site, site};
use crate::http::{Response, connect, read_to_end};
use crate::jobs::key;
use crate::program::wait_until;
use crate::register::{Register, VALID, WITHDRAWN, ZHANG};

/// 2026-11-24 23:59:50 in Asia/Shanghai.
const EVENING: i64 = 1_795_535_990;

static CLOCK: AtomicI64 = AtomicI64::new(EVENING);

fn now() -> Timestamp {
    Timestamp::from_second(CLOCK.load(Ordering::SeqCst)).unwrap()
}

fn office(register: &Register) -> Server {
    let budgets = Budgets {
        enabled: true,
        replicas: 1,
    };
    let mut site = site();
    site.live.replace(register.current());
    let keys = ApiKeys::open(register.path("api-keys.json"), budgets);
    site.api_keys = Some(Arc::new(keys.unwrap()));
    site.now = now;
    serve_site(site, PATIENT)
}

/// Sends a list; `meanwhile` happens when its head has been read and its body has not.
fn send(server: &Server, key: &str, body: &str, meanwhile: impl FnOnce()) -> Response {
    let mut stream = connect(server.public);
    let head = format!(
        "POST /v1/bulk HTTP/1.1\r\nhost: certq\r\nconnection: close\r\n\
         content-type: {NDJSON}\r\nauthorization: Bearer {key}\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body when it begins to read it.
    let asked = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut begun = [0; 25];
    wait_until("the server asks for the body", || {
        stream.peek(&mut begun).unwrap() == asked.len()
    });
    assert_eq!(&begun, asked);
    meanwhile();
    stream.write_all(body.as_bytes()).unwrap();
    let answer = read_to_end(&mut stream);
    let mut response = Response::parse(&answer[asked.len()..]);
    response.body = unchunked(&response);
    response
}

fn question(number: &str) -> String {
    format!("{{\"certificate_number\":\"{number}\",\"name\":\"{ZHANG}\"}}\n")
}

#[test]
fn rows_are_charged_to_the_day_on_which_they_are_answered() {
    let register = Register::published();
    let key = key(&register, "midnight", 2);
    let server = office(&register);
    let response = send(&server, &key, &question(VALID), || {});
    let standing = response.header("ratelimit").unwrap();
    assert!(standing.starts_with("\"rows\";r=1;t=10,"), "{standing}");

    // One row is left of the evening; both are answered, because the morning has two.
    let both = question(VALID) + &question(WITHDRAWN);
    let response = send(&server, &key, &both, || {
        CLOCK.fetch_add(15, Ordering::SeqCst);
    });
    let summary = lines(&response).pop().unwrap();
    assert_eq!(summary["summary"]["match"], 2, "{summary}");
    assert_eq!(summary["summary"]["limited"], 0, "{summary}");
    let refused = send(&server, &key, &question(VALID), || {});
    assert_eq!(refused.status, 429, "the morning's rows are used up");
}
