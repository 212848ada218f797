//! A request with a list: who may send how much, then body, one snapshot, endpoint.
//!
//! Unlike a single look-up it is read while others wait and answered on another thread, so how
//! many lists are held at once is bounded, apart for those who name themselves and those who do
//! not.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::http::request::Parts;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{Caller, Door, Site, body, fresh_enough, header, language};
use crate::bulk::Refused;
use crate::endpoint::bulk::{self, Asked, Asker};
use crate::endpoint::bulk_page::{self, Filled};
use crate::live::Current;
use crate::quota::{self, Account, Limit, Now, Permit};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::route::Route;

/// How long a whole request may take, from its head to its last byte (CONTRACT 4.2).
const DEADLINE: Duration = Duration::from_secs(120);

/// The same for somebody without a key, who may send 20 rows.
const ANONYMOUS_DEADLINE: Duration = Duration::from_secs(30);

/// How long the list of a key's holder may take to arrive: 32 MiB at 4.5 Mbit/s.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(60);

/// Longest list (CONTRACT 4.2), and longest list of somebody without a key: 20 rows, however they
/// are packed.
const LIST_BYTES_MAX: usize = 32 * 1024 * 1024;
const ANONYMOUS_BYTES_MAX: usize = 1024 * 1024;

/// What a form has beside its list: a key, a choice, and what browsers put between them.
const FORM_EXTRA_BYTES_MAX: usize = 8 * 1024;

/// How much of a list that is too long is read and thrown away, so that its sender is shown why:
/// browsers show the refusal when they are done sending, and nothing of it before.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Lists that may be arriving at once.
const UPLOADS_MOST: usize = 8;
const ANONYMOUS_UPLOADS_MOST: usize = 64;

/// Bounds how many lists arrive at once.
#[derive(Debug)]
pub struct Uploads {
    anonymous: Semaphore,
    with_key: Semaphore,
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
    caller: Caller<'_>,
    route: Route,
    head: &Parts,
    incoming: Incoming,
) -> (Reply, Option<Arc<Current>>) {
    let mut account = match account(site, head) {
        Ok(account) => account,
        Err(refusal) => {
            body::discard(incoming, LIST_BYTES_MAX, caller.body_deadline).await;
            return (bulk::refused(&refusal.into()), site.live.hold());
        }
    };
    let whole = account.as_ref().map_or(ANONYMOUS_DEADLINE, |_| DEADLINE);
    let asked = Asked {
        content_type: header(head, &CONTENT_TYPE),
        accept: header(head, &ACCEPT),
        query: head.uri.query().unwrap_or_default(),
        holder_search: site.holder_search,
        deadline: Instant::now() + whole,
    };
    let read = read(site, caller, head, account.as_ref(), incoming).await;
    if let Some((_, as_of)) = &mut account {
        // Rows are charged to the day on which they are answered.
        *as_of = now(site);
    }
    // After the body, so that nothing waits while it is held.
    let current = site.live.hold();
    let reply = match read {
        Ok((body, permit)) => {
            let asker = Asker {
                account: account.clone(),
                permit,
                is_apart: caller.door == Door::Lists,
            };
            endpoint(site, route, head, current.clone(), body, asked, asker).await
        }
        Err(refused) => Err(refused),
    };
    let reply = reply
        .unwrap_or_else(|refused| bulk::with_standing(bulk::refused(&refused), account.as_ref()));
    (reply, current)
}

/// Answers the form of the page, filled in by a browser without script: the list with its answers,
/// or the page with what is wrong.
pub(super) async fn form(
    site: &Site,
    caller: Caller<'_>,
    head: &Parts,
    incoming: Incoming,
) -> (Reply, Option<Arc<Current>>) {
    let began = Instant::now();
    let arrived = read_form(site, head, incoming, began, caller.body_deadline).await;
    // After the body, so that nothing waits while it is held.
    let current = site.live.hold();
    let reply = match arrived {
        Ok(arrived) => answer_form(site, caller.door, head, current.clone(), arrived, began).await,
        Err(refused) => Err(refused),
    };
    let reply = reply
        .unwrap_or_else(|refused| bulk_page::refused(language(head), current.as_deref(), &refused));
    (reply, current)
}

/// Reads a form, or reads it to its end and throws it away, so that a browser shows why. How many
/// do that at once is bounded; more are not read.
async fn read_form(
    site: &Site,
    head: &Parts,
    mut incoming: Incoming,
    began: Instant,
    body_deadline: Duration,
) -> Result<(Filled, Sender), Refused> {
    let _arriving = site.uploads.enter(true)?;
    let arrived = read_fields(site, head, &mut incoming, began, body_deadline).await;
    if arrived.is_err() {
        body::discard(incoming, DISCARDED_BYTES_MAX, body_deadline).await;
    }
    arrived
}

/// Reads as much as anybody may send, and what is more only when it begins with a key whose holder
/// may send a list now.
async fn read_fields(
    site: &Site,
    head: &Parts,
    incoming: &mut Incoming,
    began: Instant,
    body_deadline: Duration,
) -> Result<(Filled, Sender), Refused> {
    let content_type = header(head, &CONTENT_TYPE);
    let mut whole = BytesMut::new();
    let (most, deadline) = (
        ANONYMOUS_BYTES_MAX + FORM_EXTRA_BYTES_MAX,
        began + body_deadline,
    );
    if body::read_on(incoming, &mut whole, most, deadline).await? {
        let filled = bulk_page::read(content_type, whole.freeze()).await?;
        let sender = Sender::begin(site, &filled.key)?;
        sender.may_send(&filled.list)?;
        return Ok((filled, sender));
    }
    let key = bulk_page::key_before_list(content_type, &whole).await;
    let sender = Sender::begin(site, &key)?;
    sender.may_send(&whole)?;
    let _with_key = site.uploads.enter(false)?;
    let (most, deadline) = (
        LIST_BYTES_MAX + FORM_EXTRA_BYTES_MAX,
        began + UPLOAD_DEADLINE,
    );
    if !body::read_on(incoming, &mut whole, most, deadline).await? {
        // What is said is what a list may have, not what the form around it may.
        let limit_bytes = LIST_BYTES_MAX;
        return Err(Refusal::BodyTooLarge { limit_bytes }.into());
    }
    let filled = bulk_page::read(content_type, whole.freeze()).await?;
    sender.may_send(&filled.list)?;
    Ok((filled, sender))
}

/// Who sends a form.
#[derive(Default)]
struct Sender {
    account: Option<(Arc<Account>, Now)>,
    permit: Option<Permit>,
}

impl Sender {
    /// Whose key it is, when its holder may send a list now; anybody without one.
    fn begin(site: &Site, key: &str) -> Result<Self, Refused> {
        let key = key.trim();
        if key.is_empty() {
            return Ok(Self::default());
        }
        let (account, as_of) = account_of(site, key)?;
        let permit = account.begin(as_of).map_err(refused)?;
        Ok(Self {
            account: Some((account, as_of)),
            permit: Some(permit),
        })
    }

    fn may_send(&self, list: &[u8]) -> Result<(), Refusal> {
        let limit_bytes = match self.account {
            Some(_) => LIST_BYTES_MAX,
            None => ANONYMOUS_BYTES_MAX,
        };
        match list.len() > limit_bytes {
            true => Err(Refusal::BodyTooLarge { limit_bytes }),
            false => Ok(()),
        }
    }
}

async fn answer_form(
    site: &Site,
    door: Door,
    head: &Parts,
    current: Option<Arc<Current>>,
    (filled, mut sender): (Filled, Sender),
    began: Instant,
) -> Result<Reply, Refused> {
    if let Some((_, as_of)) = &mut sender.account {
        // Rows are charged to the day on which they are answered.
        *as_of = now(site);
    }
    fresh_enough(head, current.as_deref())?;
    let current = current.ok_or(Refusal::CannotAnswer)?;
    let whole = match sender.account {
        Some(_) => DEADLINE,
        None => ANONYMOUS_DEADLINE,
    };
    let asked = Asked {
        content_type: bulk::CSV,
        accept: filled.accept,
        query: "",
        holder_search: site.holder_search,
        deadline: began + whole,
    };
    let asker = Asker {
        account: sender.account,
        permit: sender.permit,
        is_apart: door == Door::Lists,
    };
    bulk::answer(&site.workshop, current, filled.list, asked, asker).await
}

async fn endpoint(
    site: &Site,
    route: Route,
    head: &Parts,
    current: Option<Arc<Current>>,
    body: Bytes,
    asked: Asked<'_>,
    asker: Asker,
) -> Result<Reply, Refused> {
    if route == Route::BulkPreview {
        let is_anonymous = asker.account.is_none();
        return bulk::preview(&site.workshop, body, asked, is_anonymous).await;
    }
    fresh_enough(head, current.as_deref())?;
    let current = current.ok_or(Refusal::CannotAnswer)?;
    bulk::answer(&site.workshop, current, body, asked, asker).await
}

/// The account of the key in `Authorization`, as of now; `None` without one.
fn account(site: &Site, head: &Parts) -> Result<Option<(Arc<Account>, Now)>, Refusal> {
    if !head.headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let mut words = header(head, &AUTHORIZATION).split_ascii_whitespace();
    let (scheme, key, end) = (words.next(), words.next(), words.next());
    let is_bearer = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    let key = key.filter(|_| is_bearer && end.is_none());
    account_of(site, key.ok_or(Refusal::KeyUnknown)?).map(Some)
}

fn account_of(site: &Site, key: &str) -> Result<(Arc<Account>, Now), Refusal> {
    let keys = site.api_keys.as_ref().ok_or(Refusal::KeyUnknown)?;
    let account = keys.find(key).ok_or(Refusal::KeyUnknown)?;
    Ok((account, now(site)))
}

fn now(site: &Site) -> Now {
    Now {
        wall: (site.now)(),
        tick: std::time::Instant::now(),
    }
}

/// Reads the list, when its sender may send one now.
async fn read(
    site: &Site,
    caller: Caller<'_>,
    head: &Parts,
    account: Option<&(Arc<Account>, Now)>,
    incoming: Incoming,
) -> Result<(Bytes, Option<Permit>), Refused> {
    let (bytes_most, deadline) = match account {
        Some(_) => (LIST_BYTES_MAX, UPLOAD_DEADLINE),
        None => (ANONYMOUS_BYTES_MAX, caller.body_deadline),
    };
    match admit(site, head, account) {
        Ok((permit, _arriving)) => {
            let body = body::read(incoming, bytes_most, deadline, caller.waiting).await?;
            Ok((body, permit))
        }
        Err(refused) => {
            body::discard(incoming, bytes_most, caller.body_deadline).await;
            Err(refused)
        }
    }
}

/// The place of a job, for who has an account, and the place of an upload.
fn admit<'s>(
    site: &'s Site,
    head: &Parts,
    account: Option<&(Arc<Account>, Now)>,
) -> Result<(Option<Permit>, SemaphorePermit<'s>), Refused> {
    let permit = account
        .map(|(account, now)| account.begin(*now))
        .transpose();
    let permit = permit.map_err(refused)?;
    let encoding = header(head, &CONTENT_ENCODING);
    if !(encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")) {
        let needed = "未压缩的内容";
        return Err(Refusal::MediaType { needed }.into());
    }
    Ok((permit, site.uploads.enter(account.is_none())?))
}

/// A limit of an account as a refusal that says which.
fn refused(refused: quota::Refused) -> Refused {
    let retry_after_s = u32::try_from(refused.retry_after_s).unwrap_or(u32::MAX);
    let refusal = match refused.limit {
        Limit::Rate | Limit::Jobs => Refusal::RateLimited { retry_after_s },
        Limit::Quota | Limit::Paused => Refusal::QuotaExceeded { retry_after_s },
    };
    Refused::because(refusal, refused.limit.to_string())
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
