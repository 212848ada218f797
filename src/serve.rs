//! The listeners: accept, hold the clients to their deadlines, and drain when told to stop.
//!
//! The accept loop ends only by shutdown: an error is counted, logged at most once a second, and
//! slept on. It knows nothing of what a request is about.

mod lists;
mod patient;

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::log::Level;
use crate::request::{self, Door, Site};
use patient::Patient;

/// Connections at a time on the public listeners; more wait in the kernel's queue. Idle ones give
/// way after the head deadline.
const PUBLIC_CONNECTIONS_MAX: usize = 10_000;

/// Connections at a time on the admin listener: a few scrapers and people.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Longest head of a request; more is 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Pause after an error of `accept` that the next call would meet again, such as no free file.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long clients may take. Each is a total: progress does not extend it.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For the head of a request, and how long a connection may be idle before the next one.
    pub head: Duration,
    /// For the body, from the end of the head.
    pub body: Duration,
    /// For taking an answer that does not fit the socket at once.
    pub write: Duration,
    /// For finishing what is going on after a stop.
    pub drain: Duration,
}

impl Deadlines {
    /// Those of production.
    pub const USUAL: Self = Self {
        head: Duration::from_secs(10),
        body: Duration::from_secs(10),
        write: Duration::from_secs(20),
        drain: Duration::from_secs(20),
    };
}

/// Bound listeners.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub public: Vec<TcpListener>,
    /// For the operator.
    pub admin: TcpListener,
}

/// What the connections of one kind of listener share.
#[derive(Clone)]
struct Entrance {
    site: Arc<Site>,
    door: Door,
    deadlines: Deadlines,
    slots: Arc<Semaphore>,
    http: http1::Builder,
    graceful: Arc<GracefulShutdown>,
    /// Where connections that begin with a list go; `None` when they stay.
    lists: Option<Handle>,
}

/// One connection.
struct Session {
    site: Arc<Site>,
    door: Door,
    deadlines: Deadlines,
    http: http1::Builder,
    watcher: Watcher,
    peer: IpAddr,
    _slot: OwnedSemaphorePermit,
    _open: Open,
}

/// Serves until told to stop: the first message on `stop`, or its end, drains; the second ends at
/// once. The admin listener answers until the drain is over. Connections that begin with a list go
/// to the runtime `lists`, whose threads give way.
pub async fn run(
    listeners: Listeners,
    site: Arc<Site>,
    deadlines: Deadlines,
    lists: Handle,
    mut stop: mpsc::Receiver<()>,
) {
    let mut public = Entrance::new(&site, Door::Public, deadlines, PUBLIC_CONNECTIONS_MAX);
    public.lists = Some(lists);
    let admin = Entrance::new(&site, Door::Admin, deadlines, ADMIN_CONNECTIONS_MAX);
    let (closing, closed) = watch::channel(());
    let (_open, never) = watch::channel(());
    let mut accepting = JoinSet::new();
    for listener in listeners.public {
        accepting.spawn(accept(listener, public.clone(), closed.clone()));
    }
    let mut administering = JoinSet::new();
    administering.spawn(accept(listeners.admin, admin, never));

    stop.recv().await;
    site.live.drain();
    site.log.event(Level::Info, "draining", &[]);
    drop(closing);
    accepting.join_all().await;
    let graceful = Arc::into_inner(public.graceful).expect("the accept loops have ended");
    tokio::select! {
        drained = timeout(deadlines.drain, graceful.shutdown()) => if drained.is_err() {
            site.log.event(Level::Warning, "drain_cut_short", &[]);
        },
        Some(()) = stop.recv() => site.log.event(Level::Warning, "stopped_at_once", &[]),
    }
}

/// Accepts until the other end of `closed` is dropped.
async fn accept(listener: TcpListener, entrance: Entrance, mut closed: watch::Receiver<()>) {
    let mut last_logged = None;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = closed.changed() => return,
            accepted = entrance.next(&listener) => accepted,
        };
        match accepted {
            Ok((slot, stream, peer)) => entrance.admit(slot, stream, peer, closed.clone()),
            Err(error) => entrance.rest(&error, &mut last_logged).await,
        }
    }
}

impl Entrance {
    fn new(site: &Arc<Site>, door: Door, deadlines: Deadlines, connections: usize) -> Self {
        let mut http = http1::Builder::new();
        // Without a timer the head deadline would be off without a word.
        //
        // No `pipeline_flush`, though it makes pipelining six times faster: in hyper 1.12 it holds
        // an answer back while anything is left to read, so a client that ends its body with an
        // extra line break gets no answer, and one that is refused with 400 or 431 gets none
        // either (`tests/it/connections.rs`).
        http.timer(TokioTimer::new())
            .header_read_timeout(deadlines.head)
            .max_header_size(HEAD_BYTES_MAX);
        Self {
            site: Arc::clone(site),
            door,
            deadlines,
            slots: Arc::new(Semaphore::new(connections)),
            http,
            graceful: Arc::default(),
            lists: None,
        }
    }

    /// The next connection, taken only when there is a slot for it.
    async fn next(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.expect("the semaphore is never closed");
        let (stream, peer) = listener.accept().await?;
        Ok((slot, stream, peer))
    }

    /// Serves a connection on a task of its own, on the runtime for what it begins with.
    fn admit(
        &self,
        slot: OwnedSemaphorePermit,
        stream: TcpStream,
        peer: SocketAddr,
        mut closed: watch::Receiver<()>,
    ) {
        // Answers are written in one piece; waiting to fill a packet only delays them. A socket
        // that refuses is about to fail anyway.
        let _ = stream.set_nodelay(true);
        let session = Session {
            site: Arc::clone(&self.site),
            door: self.door,
            deadlines: self.deadlines,
            http: self.http.clone(),
            watcher: self.graceful.watcher(),
            peer: peer.ip(),
            _slot: slot,
            _open: Open::new(self.site.metrics.connections.clone()),
        };
        let lists = self.lists.clone();
        tokio::spawn(async move {
            let Some(lists) = lists else {
                return session.serve(stream).await;
            };
            let begins_with_list = tokio::select! {
                begins = lists::begins_with_one(&stream, session.deadlines.head) => begins,
                // Nothing has been asked, so nothing is cut off.
                _ = closed.changed() => None,
            };
            match begins_with_list {
                Some(false) => session.serve(stream).await,
                Some(true) => session.hand_over(&lists, stream),
                // It said nothing in time, or went away.
                None => {}
            }
        });
    }

    /// What to do about an error of accept: count it, say so at most once a second, and unless it
    /// is that of one client who hung up, sleep on it.
    async fn rest(&self, error: &io::Error, last_logged: &mut Option<Instant>) {
        self.site.metrics.accept_errors.inc();
        if last_logged.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            *last_logged = Some(Instant::now());
            let reason = error.to_string();
            self.site
                .log
                .event(Level::Error, "accept_failed", &[("reason", &reason)]);
        }
        let of_one_client = matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
        );
        if !of_one_client {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

impl Session {
    /// Moves to the runtime of lists.
    fn hand_over(mut self, lists: &Handle, stream: TcpStream) {
        // An error of the system here is one of this connection: it ends.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        self.door = Door::Lists;
        lists.spawn(async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                self.serve(stream).await;
            }
        });
    }

    async fn serve(self, stream: TcpStream) {
        let (door, peer, body_deadline) = (self.door, self.peer, self.deadlines.body);
        let timeouts = self.site.metrics.write_timeouts.clone();
        let service = service_fn(move |request| {
            let site = Arc::clone(&self.site);
            async move {
                let answer = request::answer(&site, door, peer, body_deadline, request);
                Ok::<_, Infallible>(answer.await)
            }
        });
        let stream = Patient::new(stream, self.deadlines.write, timeouts);
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        // An error is the client's: it went away, was too slow, or does not speak HTTP.
        let _ = self.watcher.watch(connection).await;
    }
}

/// Counts a connection while it is open, however it ends.
struct Open(Gauge);

impl Open {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
