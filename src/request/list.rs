//! A request with a list: who may send how much, then body, one snapshot, endpoint.
//!
//! Unlike a single look-up it is read while others wait and answered on another thread, so how
//! many lists are held at once is bounded, apart for those who name themselves and those who do
//! not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::http::request::Parts;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{Site, body, fresh_enough, header};
use crate::bulk::Refused;
use crate::endpoint::bulk::{self, ANONYMOUS_ROWS_MOST, Asked, ROWS_MOST};
use crate::live::Current;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::route::Route;

/// How long a whole request may take, from its head to its last byte (CONTRACT 4.2).
const DEADLINE: Duration = Duration::from_secs(120);

/// How long the list of a key's holder may take to arrive: 32 MiB at 4.5 Mbit/s.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(60);

/// Longest list (CONTRACT 4.2), and longest list of somebody without a key: 20 rows, however they
/// are packed.
const LIST_BYTES_MAX: usize = 32 * 1024 * 1024;
const ANONYMOUS_BYTES_MAX: usize = 1024 * 1024;

/// Lists that may be arriving at once.
const UPLOADS_MOST: usize = 8;
const ANONYMOUS_UPLOADS_MOST: usize = 64;

/// Bounds how many lists arrive at once.
#[derive(Debug)]
pub struct Uploads {
    anonymous: Semaphore,
    with_key: Semaphore,
}

/// What somebody may send.
struct Allowance {
    rows_most: usize,
    bytes_most: usize,
    deadline: Duration,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            anonymous: Semaphore::new(ANONYMOUS_UPLOADS_MOST),
            with_key: Semaphore::new(UPLOADS_MOST),
        }
    }
}

/// Answers a request with a list; gives the snapshot that answered, to be stamped.
pub(super) async fn answer(
    site: &Site,
    route: Route,
    head: &Parts,
    incoming: Incoming,
    body_deadline: Duration,
) -> (Reply, Option<Arc<Current>>) {
    let deadline = Instant::now() + DEADLINE;
    let read = read(site, head, incoming, body_deadline).await;
    // After the body, so that nothing waits while it is held.
    let current = site.live.hold();
    let reply = match read {
        Ok((body, allowance)) => {
            let asked = Asked {
                content_type: header(head, &CONTENT_TYPE),
                accept: header(head, &ACCEPT),
                query: head.uri.query().unwrap_or_default(),
                holder_search: site.holder_search,
                rows_most: allowance.rows_most,
                deadline,
            };
            endpoint(site, route, head, current.clone(), body, asked).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    let reply = reply.unwrap_or_else(|refused| bulk::refused(&refused));
    (reply, current)
}

async fn endpoint(
    site: &Site,
    route: Route,
    head: &Parts,
    current: Option<Arc<Current>>,
    body: Bytes,
    asked: Asked<'_>,
) -> Result<Reply, Refused> {
    if route == Route::BulkPreview {
        return bulk::preview(&site.workshop, body, asked.content_type).await;
    }
    fresh_enough(head, current.as_deref())?;
    let current = current.ok_or(Refusal::CannotAnswer)?;
    bulk::answer(&site.workshop, current, body, asked).await
}

/// Reads the list, when its sender may send one now.
async fn read(
    site: &Site,
    head: &Parts,
    incoming: Incoming,
    body_deadline: Duration,
) -> Result<(Bytes, Allowance), Refusal> {
    let is_anonymous = !head.headers.contains_key(AUTHORIZATION);
    let allowance = match is_anonymous {
        true => Allowance {
            rows_most: ANONYMOUS_ROWS_MOST,
            bytes_most: ANONYMOUS_BYTES_MAX,
            deadline: body_deadline,
        },
        false => Allowance {
            rows_most: ROWS_MOST,
            bytes_most: LIST_BYTES_MAX,
            deadline: UPLOAD_DEADLINE,
        },
    };
    let encoding = header(head, &CONTENT_ENCODING);
    if !(encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")) {
        return Err(Refusal::MediaType {
            needed: "未压缩的内容",
        });
    }
    let _arriving = site.uploads.enter(is_anonymous)?;
    let body = body::read(incoming, allowance.bytes_most, allowance.deadline).await?;
    Ok((body, allowance))
}

impl Uploads {
    fn enter(&self, is_anonymous: bool) -> Result<SemaphorePermit<'_>, Refusal> {
        let places = match is_anonymous {
            true => &self.anonymous,
            false => &self.with_key,
        };
        places.try_acquire().map_err(|_| Refusal::Overloaded)
    }
}
