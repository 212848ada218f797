//! The listeners: accept, hold the clients to their deadlines, and drain when told to stop.
//!
//! The accept loop ends only by shutdown: an error is counted, logged at most once a second, and
//! slept on. It knows nothing of what a request is about.

mod answering;
mod attend;
mod lists;
mod outbox;
mod rare;

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::log::Level;
use crate::request::{self, Caller, Door, Site, Waiting};
use answering::Answering;
use outbox::Outbox;

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
    /// For everybody, each with the runtime that serves its connections: one of one thread for each
    /// core, so that a connection stays where it was accepted.
    pub public: Vec<(Handle, TcpListener)>,
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
    /// Where connections that begin with a list go; `None` when they stay.
    lists: Option<Handle>,
}

/// One connection.
struct Session {
    site: Arc<Site>,
    door: Door,
    deadlines: Deadlines,
    waiting: Waiting,
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
    for (worker, listener) in listeners.public {
        accepting.spawn_on(accept(listener, public.clone(), closed.clone()), &worker);
    }
    drop((public, closed));
    let mut administering = JoinSet::new();
    administering.spawn(accept(listeners.admin, admin, never));

    stop.recv().await;
    site.live.drain();
    site.log.event(Level::Info, "draining", &[]);
    // Whoever has heard it is gone when the other ends are.
    let _ = closing.send(());
    tokio::select! {
        drained = timeout(deadlines.drain, closing.closed()) => if drained.is_err() {
            site.log.event(Level::Warning, "drain_cut_short", &[]);
        },
        Some(()) = stop.recv() => site.log.event(Level::Warning, "stopped_at_once", &[]),
    }
}

/// Accepts until `closed` changes.
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
        // No timer of hyper's: its head deadline would cost each request a tenth of what hyper does
        // for it (`attend` keeps the time). No `pipeline_flush` either (`outbox` does that).
        http.header_read_timeout(None)
            .max_header_size(HEAD_BYTES_MAX);
        Self {
            site: Arc::clone(site),
            door,
            deadlines,
            slots: Arc::new(Semaphore::new(connections)),
            http,
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
            waiting: Waiting::new(Instant::now()),
            peer: peer.ip(),
            _slot: slot,
            _open: Open::new(self.site.metrics.connections.clone()),
        };
        let (lists, http) = (self.lists.clone(), self.http.clone());
        tokio::spawn(async move {
            let Some(lists) = lists else {
                return session.serve(&http, stream, closed).await;
            };
            let begins_with_list = tokio::select! {
                begins = lists::begins_with_one(&stream, session.deadlines.head) => begins,
                // Nothing has been asked, so nothing is cut off.
                _ = closed.changed() => None,
            };
            match begins_with_list {
                Some(false) => session.serve(&http, stream, closed).await,
                Some(true) => session.hand_over(&lists, http, stream, closed),
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
    fn hand_over(
        mut self,
        lists: &Handle,
        http: http1::Builder,
        stream: TcpStream,
        closed: watch::Receiver<()>,
    ) {
        // An error of the system here is one of this connection: it ends.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        self.door = Door::Lists;
        lists.spawn(async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                self.serve(&http, stream, closed).await;
            }
        });
    }

    async fn serve(self, http: &http1::Builder, stream: TcpStream, closed: watch::Receiver<()>) {
        let timeouts = self.site.metrics.write_timeouts.clone();
        let outbox = Outbox::new(stream, self.deadlines.write, timeouts);
        let session = Arc::new(self);
        let served = Arc::clone(&session);
        let service = service_fn(move |request| Arc::clone(&served).answer(request));
        let connection = http.serve_connection(TokioIo::new(outbox.other_end()), service);
        let deadlines = session.deadlines;
        attend::attend(connection, outbox, &session.waiting, deadlines, closed).await;
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answering>, Infallible> {
        self.waiting.for_nothing();
        let caller = Caller {
            door: self.door,
            peer: self.peer,
            body_deadline: self.deadlines.body,
            waiting: &self.waiting,
        };
        let response = request::answer(&self.site, caller, request).await;
        Ok(response.map(|body| Answering::new(body, self)))
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
