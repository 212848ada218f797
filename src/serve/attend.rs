//! One connection from its first byte to its last: hyper, its socket, its alarm and the notice of
//! the end, in one task.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use hyper_util::server::graceful::GracefulConnection;
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::Deadlines;
use super::outbox::{Outbox, Reader};
use super::rare::Rare;
use crate::request::{Verdict, Waiting};

/// Serves a connection until it ends. When `closed` tells the end of the service it finishes what
/// it is about and takes no further request.
pub(super) async fn attend<C, S>(
    connection: C,
    outbox: Outbox<S>,
    waiting: &Waiting,
    deadlines: Deadlines,
    mut closed: watch::Receiver<()>,
) where
    C: GracefulConnection,
    S: AsyncWrite + Unpin,
{
    let mut connection = pin!(connection);
    let end = pin!(closed.changed());
    let (mut end, mut ending, mut served) = (Rare::new(end), false, false);
    // What is awaited begins unheard between two rings, so the alarm must ring at least as often
    // as the shorter of the two can pass.
    let tick = deadlines.head.min(deadlines.body);
    let Some(first) = ring(&outbox, waiting, deadlines.head, tick) else {
        return;
    };
    let alarm = pin!(sleep_until(first.into()));
    let mut alarm = Rare::new(alarm);
    poll_fn(|context| {
        if !ending && end.poll(context).is_ready() {
            ending = true;
            connection.as_mut().graceful_shutdown();
        }
        while !served {
            // Before the alarm is heard, because what it waits for may have come. An error is the
            // client's: it went away, was too slow, or does not speak HTTP.
            served = connection.as_mut().poll(context).is_ready();
            if served || alarm.poll(context).is_pending() {
                break;
            }
            let Some(next) = ring(&outbox, waiting, deadlines.head, tick) else {
                return Poll::Ready(());
            };
            alarm.wound().as_mut().reset(next.into());
        }
        if !served && waiting.takes_again() {
            return Poll::Pending;
        }
        match ready!(outbox.poll_send(context)) {
            // hyper has not always closed what it is done with.
            Ok(()) if served => outbox.poll_close(context),
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        }
    })
    .await;
}

/// When the alarm is to ring again; `None` when the client has had its time.
fn ring<S: AsyncWrite + Unpin>(
    outbox: &Outbox<S>,
    waiting: &Waiting,
    head: Duration,
    tick: Duration,
) -> Option<Instant> {
    let now = Instant::now();
    let taken = match outbox.reader() {
        // It has a deadline of its own.
        Reader::Behind => Some(now),
        Reader::CaughtUp(at) => at,
    };
    match waiting.judge(now, head, tick, taken) {
        Verdict::LookAgain(at) => Some(at),
        Verdict::Poll => Some(now + tick),
        Verdict::Close => None,
    }
}
