//! Connections that are slow, odd or hostile, against `serve::run` with short deadlines.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use certq::bulk::Workshop;
use certq::live::Live;
use certq::log::Log;
use certq::metrics::Metrics;
use certq::request::{self, Site, Uploads};
use certq::route::Route;
use certq::serve::{self, Deadlines, Listeners};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::http::{PATIENCE, Response, connect, exchange, get, read_to_end};
use crate::program::wait_until;

/// A server without a register in this process; stops when dropped.
pub(crate) struct Server {
    pub(crate) public: SocketAddr,
    site: Arc<Site>,
    _runtime: Runtime,
    _stop: mpsc::Sender<()>,
}

const LONG: Duration = PATIENCE;
const SHORT: Duration = Duration::from_millis(200);

pub(crate) const PATIENT: Deadlines = Deadlines {
    head: LONG,
    body: LONG,
    write: LONG,
    drain: LONG,
};

fn noon() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn server(deadlines: Deadlines) -> Server {
    serve_site(site(), deadlines)
}

/// What requests share, without a register.
pub(crate) fn site() -> Site {
    let metrics = Arc::new(Metrics::new(&Route::NAMES, request::outcomes()));
    let log = Log::start(std::io::sink(), metrics.log_lines_dropped.clone(), noon);
    let spool = std::env::temp_dir();
    Site {
        live: Arc::new(Live::new("no register")),
        workshop: Workshop::new(1, spool, Arc::clone(&metrics), log.clone()),
        api_keys: None,
        uploads: Uploads::default(),
        metrics,
        log,
        holder_search: true,
        trusted_proxies: Vec::new(),
        now: noon,
    }
}

/// Serves it in this process.
pub(crate) fn serve_site(site: Site, deadlines: Deadlines) -> Server {
    let site = Arc::new(site);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let bind = || {
        runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .unwrap()
    };
    let (public, admin) = (bind(), bind());
    let address = public.local_addr().unwrap();
    let (stop, stopped) = mpsc::channel(2);
    let listeners = Listeners {
        public: vec![(runtime.handle().clone(), public)],
        admin,
    };
    let lists = runtime.handle().clone();
    runtime.spawn(serve::run(
        listeners,
        Arc::clone(&site),
        deadlines,
        lists,
        stopped,
    ));
    Server {
        public: address,
        site,
        _runtime: runtime,
        _stop: stop,
    }
}

/// Sends bytes one at a time until the server closes; gives what came back.
fn drip(to: SocketAddr, first: &str, drop: u8) -> Vec<u8> {
    let mut stream = connect(to);
    stream.write_all(first.as_bytes()).unwrap();
    let mut dripping = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while dripping.write_all(&[drop]).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    read_to_end(&mut stream)
}

#[test]
fn a_slow_head_is_cut() {
    let server = server(Deadlines {
        head: SHORT,
        ..PATIENT
    });
    let began = Instant::now();
    drip(server.public, "GET / HTTP/1.1\r\nhost: ", b'a');
    assert!(began.elapsed() < PATIENCE / 2);
    assert_eq!(
        read_to_end(&mut connect(server.public)),
        b"",
        "a silent client is let go"
    );
}

#[test]
fn an_idle_connection_is_let_go() {
    let server = server(Deadlines {
        head: SHORT,
        ..PATIENT
    });
    let mut stream = connect(server.public);
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let began = Instant::now();
    assert_eq!(Response::parse(&read_to_end(&mut stream)).status, 200);
    assert!(began.elapsed() < PATIENCE / 2);
}

#[test]
fn a_slow_body_is_refused_in_total_time() {
    let server = server(Deadlines {
        body: SHORT,
        ..PATIENT
    });
    let began = Instant::now();
    let head = "POST /v1/lookup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 4000\r\n\r\n{";
    let response = Response::parse(&drip(server.public, head, b' '));
    assert_eq!(response.status, 408);
    assert_eq!(response.header("connection"), Some("close"));
    assert!(response.text().contains(r#""code":"body_timeout""#));
    assert!(began.elapsed() < PATIENCE / 2);
}

#[test]
fn a_body_that_never_begins_is_refused() {
    let server = server(Deadlines {
        body: SHORT,
        ..PATIENT
    });
    let mut stream = connect(server.public);
    let head = "POST /v1/lookup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Response::parse(&read_to_end(&mut stream)).status, 408);
}

#[test]
fn a_client_that_reads_nothing_is_cut() {
    let server = server(Deadlines {
        write: SHORT,
        ..PATIENT
    });
    let mut stream = connect(server.public);
    let question = b"GET /openapi.yaml HTTP/1.1\r\nhost: a\r\n\r\n";
    // Answers of 15 kB, a hundred megabytes in all: no socket buffer holds them.
    let mut writing = stream.try_clone().unwrap();
    std::thread::spawn(move || (0..8000).all(|_| writing.write_all(question).is_ok()));
    wait_until("the server gives up", || {
        server.site.metrics.write_timeouts.get() == 1
    });
    wait_until("the connection is gone", || {
        server.site.metrics.connections.get() == 0
    });
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    read_to_end(&mut stream);
    assert_eq!(get(server.public, "/").status, 200);
}

#[test]
fn a_body_has_at_most_four_kibibytes() {
    let server = server(PATIENT);
    let ask = |declared: &str, sent: usize| {
        let head = format!(
            "POST /v1/lookup HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             content-type: application/json\r\n{declared}\r\n\r\n"
        );
        exchange(
            server.public,
            &[head.as_bytes(), &vec![b' '; sent]].concat(),
        )
    };
    // Without a register an acceptable body is answered by 400 for what is in it.
    assert_eq!(
        Response::parse(&ask("content-length: 4096", 4096)).status,
        400
    );
    for (declared, sent) in [
        ("content-length: 4097", 4097),
        ("content-length: 200000", 200_000),
    ] {
        let response = Response::parse(&ask(declared, sent));
        assert_eq!(response.status, 413);
        assert_eq!(response.header("connection"), Some("close"));
        assert!(response.text().contains("4096字节"), "{}", response.text());
    }
    // Refused unread, by what it declares.
    assert_eq!(
        Response::parse(&ask("content-length: 99999999", 0)).status,
        413
    );
    let mut chunks = "1000\r\n".to_owned() + &" ".repeat(0x1000) + "\r\n1\r\n \r\n0\r\n\r\n";
    chunks.insert_str(0, "POST /v1/lookup HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(
        Response::parse(&exchange(server.public, chunks.as_bytes())).status,
        413
    );
}

#[test]
fn framing_in_doubt_gets_one_response_at_most() {
    let server = server(PATIENT);
    let smuggled = "GET /v1/status HTTP/1.1\r\nhost: a\r\n\r\n";
    let head = "POST /v1/lookup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for framing in [
        format!("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}{smuggled}"),
        format!("content-length: +2\r\n\r\n{{}}{smuggled}"),
        format!("content-length: 2,3\r\n\r\n{{}}{smuggled}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n{smuggled}"),
        format!("content-length: 2\r\n folded: 1\r\n\r\n{{}}{smuggled}"),
        format!("content-length: 2\r\n\0: 1\r\n\r\n{{}}{smuggled}"),
    ] {
        let came = exchange(server.public, format!("{head}{framing}").as_bytes());
        let came = String::from_utf8_lossy(&came);
        assert!(
            came.matches("HTTP/1.1 ").count() <= 1,
            "{framing:?}\n{came}"
        );
    }
}

/// Both would wait for the idle deadline if an answer were held back for what follows it.
#[test]
fn what_follows_a_question_does_not_hold_its_answer_back() {
    let server = server(PATIENT);
    for after in ["\r\n", "GET / HTT"] {
        let mut stream = connect(server.public);
        let question = "POST /v1/lookup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                        content-length: 2\r\n\r\n{}";
        stream
            .write_all(format!("{question}{after}").as_bytes())
            .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 400", "{after:?}");
    }
}

#[test]
fn what_is_no_http_is_told_so() {
    let server = server(PATIENT);
    for odd in [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/1.1\r\nhost a\r\n\r\n",
        "\x16\x03\x01\x02\x00",
    ] {
        assert_eq!(
            Response::parse(&exchange(server.public, odd.as_bytes())).status,
            400,
            "{odd:?}"
        );
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let server = server(PATIENT);
    let head = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "a".repeat(16 * 1024)
    );
    assert_eq!(
        Response::parse(&exchange(server.public, head.as_bytes())).status,
        431
    );
}

#[test]
fn pipelined_questions_are_answered_in_order() {
    let server = server(PATIENT);
    let mut stream = connect(server.public);
    stream
        .write_all(
            b"GET /openapi.yaml HTTP/1.1\r\nhost: a\r\n\r\nGET /v1/lookup HTTP/1.1\r\nhost: a\r\n\r\n\
              GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        )
        .unwrap();
    let came = String::from_utf8(read_to_end(&mut stream)).unwrap();
    let statuses: Vec<&str> = came
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|response| &response[..3])
        .collect();
    assert_eq!(statuses, ["200", "405", "404"]);
}

/// More than are answered in one turn, each with a body that is handed over in a turn of its own.
#[test]
fn many_pipelined_questions_are_all_answered() {
    let server = server(PATIENT);
    let mut stream = connect(server.public);
    let question = "POST /v1/lookup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                    content-length: 2\r\n\r\n{}";
    let last = "GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let all = question.repeat(100) + last;
    stream.write_all(all.as_bytes()).unwrap();
    let came = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert_eq!(came.matches("HTTP/1.1 400").count(), 100);
    assert_eq!(came.matches("HTTP/1.1 404").count(), 1);
}

/// hyper does not close a connection that once asked for another protocol, and what was not sent by
/// then would be lost.
#[test]
fn whoever_asks_for_another_protocol_gets_every_answer() {
    let server = server(PATIENT);
    let ask = "GET / HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade";
    for (all, statuses) in [
        (format!("{ask}, close\r\n\r\n"), &["200"][..]),
        (format!("{ask}\r\n\r\nGARBAGE\r\n\r\n"), &["200", "400"]),
    ] {
        let came = String::from_utf8(exchange(server.public, all.as_bytes())).unwrap();
        let found = came.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]);
        assert!(found.eq(statuses.iter().copied()), "{came}");
    }
}

#[test]
fn a_head_is_timed_from_the_first_moment() {
    let server = server(Deadlines {
        head: SHORT,
        ..PATIENT
    });
    // The beginning is awaited elsewhere than the rest; together they have one deadline.
    let mut stream = connect(server.public);
    let began = Instant::now();
    std::thread::sleep(SHORT / 2);
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(read_to_end(&mut stream), b"");
    assert!(began.elapsed() >= SHORT);
}

#[test]
fn a_client_that_hangs_up_costs_nothing() {
    let server = server(PATIENT);
    for cut in [
        "",
        "GET",
        "POST /v1/lookup HTTP/1.1\r\ncontent-length: 10\r\n\r\n{",
    ] {
        let mut stream = TcpStream::connect(server.public).unwrap();
        stream.write_all(cut.as_bytes()).unwrap();
        drop(stream);
    }
    wait_until("they are gone", || {
        server.site.metrics.connections.get() == 0
    });
    let mut byte = [0];
    let mut stream = connect(server.public);
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    assert_eq!(stream.read(&mut byte).unwrap(), 1);
}
