//! The log: one JSON line on stderr for each event and each request, written by a thread of its
//! own.
//!
//! It does not know what a request is about: an access line holds a route *name*, an outcome and
//! the network of the client, never a path, a query, a header or a value. Nobody waits for the
//! log. When its queue is full the line is dropped and counted, because a collector that stalls
//! must not stall an answer.
//!
//! Order: what is logged, the handle, the writer, the line format.

use std::error::Error;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;

/// Lines that may wait for the writer; about 1.5 MiB.
const QUEUE_LINES: usize = 16_384;

/// How long the writer rests after a batch. While it rests, a request that logs needs no system
/// call to wake it.
const REST: Duration = Duration::from_millis(5);

/// How much an event matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Normal life: started, took a generation, draining.
    Info,
    /// Works, and somebody should look.
    Warning,
    /// Something failed.
    Error,
}

/// One answered request, with nothing in it that the client typed.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The route's name, never the path.
    pub route: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The outcome, for example `match` or the code of a refusal.
    pub outcome: &'static str,
    /// From the whole request being here to its answer being ready.
    pub elapsed: Duration,
    /// The client; only its network is written (/24, /48).
    pub client: IpAddr,
}

/// A handle to the log. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Log {
    queue: SyncSender<Line>,
    dropped: Counter,
    now: fn() -> Timestamp,
}

#[derive(Debug)]
enum Line {
    Event {
        at: Timestamp,
        level: Level,
        event: &'static str,
        fields: Vec<(&'static str, String)>,
    },
    Access {
        at: Timestamp,
        access: Access,
    },
    /// Asks the writer to say when everything before it is written.
    Flush(SyncSender<()>),
}

impl Log {
    /// Starts the writer thread. `dropped` counts lines that found the queue full; `now` reads
    /// the clock.
    ///
    /// # Panics
    ///
    /// When the system gives no thread, which at start-up means that nothing would work.
    pub fn start(
        sink: impl Write + Send + 'static,
        dropped: Counter,
        now: fn() -> Timestamp,
    ) -> Self {
        let (queue, lines) = sync_channel(QUEUE_LINES);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&lines, sink))
            .expect("the system gives a thread at start-up");
        Self {
            queue,
            dropped,
            now,
        }
    }

    /// Logs an event. `fields` must hold no name, identity number or certificate number.
    pub fn event(&self, level: Level, event: &'static str, fields: &[(&'static str, &str)]) {
        let fields = fields.iter().map(|&(key, value)| (key, value.to_owned()));
        self.enqueue(Line::Event {
            at: (self.now)(),
            level,
            event,
            fields: fields.collect(),
        });
    }

    /// Logs an answered request.
    pub fn access(&self, access: Access) {
        self.enqueue(Line::Access {
            at: (self.now)(),
            access,
        });
    }

    /// Waits until what was logged so far is written, at most for `patience`: a blocked pipe must
    /// not keep the process from ending.
    pub fn flush(&self, patience: Duration) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Line::Flush(done)).is_ok() {
            // Either outcome is the end of what can be done for the log.
            let _ = written.recv_timeout(patience);
        }
    }

    fn enqueue(&self, line: Line) {
        if self.queue.try_send(line).is_err() {
            self.dropped.inc();
        }
    }
}

/// An error and what caused it, in one line.
pub fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Writes until the last handle is gone. A sink that fails loses lines and nothing else.
fn write_lines(lines: &Receiver<Line>, mut sink: impl Write) {
    let mut page = Page::default();
    let mut waiting = Vec::new();
    while let Ok(first) = lines.recv() {
        for line in std::iter::once(first).chain(lines.try_iter().take(QUEUE_LINES)) {
            match line {
                Line::Event {
                    at,
                    level,
                    event,
                    fields,
                } => page.event(at, level, event, fields),
                Line::Access { at, access } => page.access(at, &access),
                Line::Flush(done) => waiting.push(done),
            }
        }
        let _ = sink.write_all(&page.text);
        page.text.clear();
        for done in waiting.drain(..) {
            let _ = done.try_send(());
        }
        std::thread::sleep(REST);
    }
}

/// Lines of JSON under construction; the keys stand in the order in which a reader wants them.
#[derive(Default)]
struct Page {
    text: Vec<u8>,
    /// The last second that was written, and how: thousands of lines share one.
    second: (i64, String),
}

impl Page {
    fn event(
        &mut self,
        at: Timestamp,
        level: Level,
        event: &'static str,
        fields: Vec<(&'static str, String)>,
    ) {
        self.time(at);
        push_field(&mut self.text, "level", level.name());
        push_field(&mut self.text, "event", event);
        for (key, value) in fields {
            push_field(&mut self.text, key, value);
        }
        self.text.extend_from_slice(b"}\n");
    }

    /// All that stands in it is a number, or a name of ours, which needs no escape. Put together
    /// without `format!`, which took longer than the rest of a look-up's part in the log.
    fn access(&mut self, at: Timestamp, access: &Access) {
        self.time(at);
        self.push(r#","event":"request","route":""#);
        self.push(access.route);
        self.push(r#"","status":"#);
        self.number(u64::from(access.status));
        self.push(r#","outcome":""#);
        self.push(access.outcome);
        self.push(r#"","us":"#);
        self.number(u64::try_from(access.elapsed.as_micros()).unwrap_or(u64::MAX));
        self.push(r#","network":""#);
        self.network(access.client);
        self.push("\"}\n");
    }

    fn time(&mut self, at: Timestamp) {
        let second = at.as_second();
        if self.second.1.is_empty() || self.second.0 != second {
            let whole = format!("{at:.0}");
            self.second = (second, whole.trim_end_matches('Z').to_owned());
        }
        self.push(r#"{"time":""#);
        self.text.extend_from_slice(self.second.1.as_bytes());
        let milliseconds = u64::from(at.subsec_millisecond().unsigned_abs());
        self.push(match milliseconds {
            0..10 => ".00",
            10..100 => ".0",
            _ => ".",
        });
        self.number(milliseconds);
        self.push("Z\"");
    }

    /// The network of an address: enough to see an attack, not enough to name a household.
    fn network(&mut self, address: IpAddr) {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                for octet in &v4.octets()[..3] {
                    self.number(u64::from(*octet));
                    self.push(".");
                }
                self.push("0/24");
            }
            IpAddr::V6(v6) => {
                let network = Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80));
                let written = write!(self.text, "{network}/48");
                written.expect("writing to a Vec does not fail");
            }
        }
    }

    fn number(&mut self, number: u64) {
        self.push(itoa::Buffer::new().format(number));
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }
}

fn push_field(text: &mut Vec<u8>, key: &str, value: impl Serialize) {
    text.push(b',');
    push_value(text, key);
    text.push(b':');
    push_value(text, value);
}

fn push_value(text: &mut Vec<u8>, value: impl Serialize) {
    serde_json::to_writer(text, &value).expect("text and numbers are JSON, and memory takes them");
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Condvar, Mutex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A sink that keeps what is written, and blocks while its gate is shut.
    #[derive(Clone, Default)]
    struct Sink(Arc<Gate>);

    #[derive(Default)]
    struct Gate {
        state: Mutex<(Vec<u8>, bool)>,
        changed: Condvar,
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.state.lock().unwrap().0.clone()).unwrap()
        }

        fn shut(&self, shut: bool) {
            self.0.state.lock().unwrap().1 = shut;
            self.0.changed.notify_all();
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let state = self.0.state.lock().unwrap();
            let mut state = self.0.changed.wait_while(state, |state| state.1).unwrap();
            state.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn noon() -> Timestamp {
        "2026-11-24T04:00:00.0625Z".parse().unwrap()
    }

    fn access(client: &str) -> Access {
        Access {
            route: "lookup",
            status: 200,
            outcome: "match",
            elapsed: Duration::from_micros(10_041),
            client: client.parse().unwrap(),
        }
    }

    #[test]
    fn lines_are_json_and_addresses_are_networks() {
        let sink = Sink::default();
        let log = Log::start(sink.clone(), Counter::default(), noon);
        log.event(
            Level::Warning,
            "refresh_failed",
            &[("reason", "a \"b\"\n c")],
        );
        log.access(access("192.0.2.77"));
        log.access(access("2001:db8:1:2:3::4"));
        log.access(access("::ffff:192.0.2.77"));
        log.flush(PATIENCE);
        let expected = r#"{"time":"2026-11-24T04:00:00.062Z","level":"warning","event":"refresh_failed","reason":"a \"b\"\n c"}
{"time":"2026-11-24T04:00:00.062Z","event":"request","route":"lookup","status":200,"outcome":"match","us":10041,"network":"192.0.2.0/24"}
{"time":"2026-11-24T04:00:00.062Z","event":"request","route":"lookup","status":200,"outcome":"match","us":10041,"network":"2001:db8:1::/48"}
{"time":"2026-11-24T04:00:00.062Z","event":"request","route":"lookup","status":200,"outcome":"match","us":10041,"network":"192.0.2.0/24"}
"#;
        assert_eq!(sink.text(), expected);
    }

    #[test]
    fn a_blocked_sink_drops_lines_and_blocks_nobody() {
        let sink = Sink::default();
        let dropped = Counter::default();
        let log = Log::start(sink.clone(), dropped.clone(), noon);
        sink.shut(true);
        for _ in 0..3 * QUEUE_LINES {
            log.access(access("192.0.2.1"));
        }
        assert!(dropped.get() > 0);
        log.flush(Duration::from_millis(10));
        sink.shut(false);
        log.flush(PATIENCE);
    }
}
