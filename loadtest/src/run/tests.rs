//! Runs against stub servers that misbehave in one way each. That right answers pass and wrong
//! ones are told apart is the judge's test; here it is that nothing is lost, hidden or asked twice.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use clap::Parser;

use super::*;

/// A server that does `serve` with every connection; ends with the test's process.
fn server(serve: impl Fn(TcpStream, u64) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (stream, number) in listener.incoming().zip(0..) {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream.unwrap(), number));
        }
    });
    address
}

/// Reads one request; `false` when the client is gone.
fn request(stream: &mut TcpStream) -> bool {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&received).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.rsplit_once("Content-Length: ").unwrap().1;
            if body.len() >= length.parse().unwrap() {
                return true;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
        }
    }
}

/// An answer that is wrong for every question.
fn refuse(stream: &mut TcpStream, header: &str) {
    let answer =
        format!("HTTP/1.1 503 Service Unavailable\r\n{header}Content-Length: 2\r\n\r\n{{}}");
    // The client may be gone at the end of a run.
    let _ = stream.write_all(answer.as_bytes());
}

fn arguments(address: SocketAddr, more: &[&str]) -> Arguments {
    let server = format!("http://{address}");
    let words = ["loadtest", "--certificates", "1000", "--server", &server];
    Arguments::parse_from(words.iter().chain(more))
}

#[test]
fn every_planned_question_is_asked_once() {
    let address = server(|mut stream, _| {
        while request(&mut stream) {
            refuse(&mut stream, "");
        }
    });
    let ended = run(&arguments(
        address,
        &["--rate", "1500", "--seconds", "1", "--connections", "7"],
    ))
    .unwrap();
    let tally = &ended.tally;
    assert_eq!((tally.answers(), tally.errors()), (1_500, 0));
    assert!(
        tally
            .wrong
            .keys()
            .all(|wrong| matches!(wrong, Wrong::Status { found: 503, .. }))
    );
    assert_eq!(tally.wrong_answers(), 1_500);
    assert_eq!(tally.latency.len(), 1_500);
    assert_eq!(tally.own_lateness.len() + tally.waited, 1_500);
    assert!(!tally.is_clean());
    assert!(ended.elapsed >= Duration::from_millis(990));
}

#[test]
fn a_stall_is_seen_by_every_question_it_delayed() {
    let address = server(|mut stream, _| {
        let mut asked = 0;
        while request(&mut stream) {
            asked += 1;
            if asked == 100 {
                thread::sleep(Duration::from_millis(500));
            }
            refuse(&mut stream, "");
        }
    });
    let ended = run(&arguments(
        address,
        &["--rate", "1000", "--seconds", "1", "--connections", "1"],
    ))
    .unwrap();
    assert_eq!(ended.tally.answers(), 1_000);
    // 400 questions were to start in the first 400 ms of the stall.
    let delayed = ended.tally.latency.count_between(100_000_000, LONGEST_NS);
    assert!(delayed >= 300, "{delayed} latencies of 100 ms and more");
    assert!(ended.tally.waited >= 300);
}

#[test]
fn a_server_that_hangs_up() {
    // The first answer of each connection comes, the second question gets none.
    let address = server(|mut stream, _| {
        if request(&mut stream) {
            refuse(&mut stream, "");
            request(&mut stream);
        }
    });
    let ended = run(&arguments(
        address,
        &["--rate", "200", "--seconds", "1", "--connections", "2"],
    ))
    .unwrap();
    let tally = &ended.tally;
    assert_eq!(tally.answers() + tally.errors(), 200);
    assert!(tally.errors() >= 90, "{} errors", tally.errors());
    assert!(
        tally
            .troubles
            .keys()
            .all(|trouble| *trouble != Trouble::Connect)
    );
    assert!(!tally.is_clean());
}

#[test]
fn a_server_that_says_it_will_hang_up() {
    let address = server(|mut stream, _| {
        if request(&mut stream) {
            refuse(&mut stream, "Connection: close\r\n");
        }
    });
    let ended = run(&arguments(
        address,
        &["--rate", "200", "--seconds", "1", "--connections", "2"],
    ))
    .unwrap();
    assert_eq!((ended.tally.answers(), ended.tally.errors()), (200, 0));
    assert_eq!(ended.tally.reconnected, 200);
}

#[test]
fn closed_loop_ends_in_time() {
    let address = server(|mut stream, _| {
        while request(&mut stream) {
            refuse(&mut stream, "");
        }
    });
    let ended = run(&arguments(
        address,
        &["--closed", "--seconds", "1", "--connections", "3"],
    ))
    .unwrap();
    assert!(ended.tally.answers() > 100);
    assert!(
        ended.elapsed < Duration::from_secs(5),
        "{:?}",
        ended.elapsed
    );
}

#[test]
fn no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(matches!(
        run(&arguments(address, &[])),
        Err(RunError::NoServer)
    ));
}
