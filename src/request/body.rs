//! Reading a body: bounded in bytes and in time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout, timeout_at};

use super::waiting::Waiting;
use crate::refusal::{JsonFault, Refusal};

/// How much of a body that is too long is read and thrown away, so that the client is done
/// sending and reads the refusal; beyond that the connection just ends.
const DISCARDED_BYTES_MAX: u64 = 256 * 1024;

/// Reads a whole body of at most `limit_bytes`, within `deadline` in total: a client that sends a
/// byte a second does not get a second for each. The alarm of the connection keeps the time.
///
/// # Errors
///
/// [`Refusal::BodyTooLarge`], [`Refusal::BodyTooSlow`], or a broken body.
pub(super) async fn read<B>(
    body: B,
    limit_bytes: usize,
    deadline: Duration,
    waiting: &Waiting,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit_bytes as u64 + DISCARDED_BYTES_MAX {
        return Err(Refusal::BodyTooLarge { limit_bytes });
    }
    let mut reading = pin!(collect(body, limit_bytes));
    let mut polled = false;
    poll_fn(|context| {
        if waiting.is_too_slow() {
            return Poll::Ready(Err(Refusal::BodyTooSlow));
        }
        let read = reading.as_mut().poll(context);
        if read.is_ready() {
            waiting.for_nothing();
        } else {
            // hyper hands a body over only after it was asked for, though nearly all have come
            // together with their heads: the first look is in vain, and the clock is not read.
            if std::mem::replace(&mut polled, true) {
                waiting.for_body(|| std::time::Instant::now() + deadline);
            } else {
                waiting.again();
                context.waker().wake_by_ref();
            }
        }
        read
    })
    .await
}

/// Reads on until a body ends or `whole` has more than `limit_bytes`, until `deadline`; gives
/// whether it has ended. What is too long stays in `whole` as far as it was read, so that somebody
/// can look whether its sender may send more.
///
/// # Errors
///
/// [`Refusal::BodyTooSlow`], or a broken body.
pub(super) async fn read_on<B>(
    body: &mut B,
    whole: &mut BytesMut,
    limit_bytes: usize,
    deadline: Instant,
) -> Result<bool, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit_bytes);
    whole.reserve(announced.min(limit_bytes.saturating_sub(whole.len())));
    let read = async {
        while whole.len() <= limit_bytes {
            let Some(frame) = body.frame().await else {
                return Ok(true);
            };
            let frame = frame.map_err(|_| Refusal::MalformedJson(JsonFault::Syntax))?;
            if let Some(data) = frame.data_ref() {
                whole.extend_from_slice(data);
            }
            tokio::task::yield_now().await;
        }
        Ok(false)
    };
    timeout_at(deadline, read)
        .await
        .unwrap_or(Err(Refusal::BodyTooSlow))
}

/// Reads a body and throws it away, at most so much of it and not longer than this: a client that is
/// refused reads why only when it is done sending. Nothing is read of a body that says it is longer.
pub(super) async fn discard<B>(mut body: B, most_bytes: usize, deadline: Duration)
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > most_bytes as u64 {
        return;
    }
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > most_bytes {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    // Whoever is still sending then finds its connection closed.
    let _ = timeout(deadline, read).await;
}

async fn collect<B>(mut body: B, limit_bytes: usize) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    // All at once: growing to 32 MiB would take twice that in between.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit_bytes);
    let mut whole = BytesMut::new();
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        // The client went away or sent broken chunks: hyper ends the connection.
        let frame = frame.map_err(|_| Refusal::MalformedJson(JsonFault::Syntax))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if whole.len() + data.len() > limit_bytes || discarded > 0 {
            discarded += data.len() as u64;
            if discarded > DISCARDED_BYTES_MAX {
                break;
            }
        } else if whole.is_empty() && body.is_end_stream() {
            // The usual case: one frame, nothing copied.
            return Ok(data.clone());
        } else {
            if whole.is_empty() {
                whole.reserve(announced.min(limit_bytes));
            }
            whole.extend_from_slice(data);
            // A list that is there all at once must not keep a thread for 32 MiB.
            tokio::task::yield_now().await;
        }
    }
    if discarded > 0 {
        Err(Refusal::BodyTooLarge { limit_bytes })
    } else {
        Ok(whole.freeze())
    }
}
