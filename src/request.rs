//! One request: route, body, one snapshot, endpoint, reply, and what is noted of it.
//!
//! The body is read before the snapshot is loaded, so nothing waits while it is held. A panic in
//! an endpoint costs this request only. Nothing here remembers what was asked: the note for log
//! and metrics has the route's name and the outcome's.

mod body;
mod list;
mod waiting;

pub use list::Uploads;
pub use waiting::{Verdict, Waiting};

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use jiff::Timestamp;

use crate::accept;
use crate::api_key::ApiKeys;
use crate::bulk::Workshop;
use crate::client::{self, Network};
use crate::endpoint;
use crate::live::{Current, Live};
use crate::log::{Access, Level, Log};
use crate::metrics::Metrics;
use crate::page::{self, Lang};
use crate::refusal::{DAMAGED, Refusal};
use crate::render;
use crate::reply::{Body, Media, Reply};
use crate::route::{self, Route, Unrouted};

/// Longest body of a look-up and of the form (CONTRACT 4.1).
const BODY_BYTES_MAX: usize = 4 * 1024;

/// How far ahead of the live epoch `Certq-Min-Epoch` may ask.
const EPOCHS_AHEAD_MAX: u64 = 1000;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MIN_EPOCH: HeaderName = HeaderName::from_static("certq-min-epoch");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What all requests share.
#[derive(Debug)]
pub struct Site {
    /// The register.
    pub live: Arc<Live>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where it is noted.
    pub log: Log,
    /// Whether name and identity number alone are a question.
    pub holder_search: bool,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Where lists are answered.
    pub workshop: Workshop,
    /// Who may send longer ones.
    pub api_keys: Option<Arc<ApiKeys>>,
    /// How many lists arrive at once.
    pub uploads: Uploads,
    /// Reads the clock.
    pub now: fn() -> Timestamp,
}

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Door {
    /// The one for everybody.
    Public,
    /// The same, for a connection that is served by the threads of lists.
    Lists,
    /// The one for the operator.
    Admin,
}

/// Who sends a request, and over which connection.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// By which listener.
    pub door: Door,
    /// The other end of the connection; a proxy, perhaps.
    pub peer: IpAddr,
    /// How long a body may take from the end of its head.
    pub body_deadline: Duration,
    /// What the connection waits for.
    pub waiting: &'c Waiting,
}

/// Every outcome there can be, for the labels of the metrics.
pub fn outcomes() -> Vec<&'static str> {
    ["match", "no_match", "ok", DAMAGED]
        .into_iter()
        .chain(Refusal::CODES)
        .collect()
}

/// Answers one request.
pub async fn answer(site: &Site, caller: Caller<'_>, request: Request<Incoming>) -> Response<Body> {
    let (head, incoming) = request.into_parts();
    let routed = match caller.door {
        Door::Public | Door::Lists => route::public(&head.method, head.uri.path()),
        Door::Admin => route::admin(&head.method, head.uri.path()),
    };
    if let Ok(route @ (Route::Bulk | Route::BulkPreview | Route::BulkForm)) = routed {
        // Apart, because what waits for a list is large, and would be moved with every request.
        return Box::pin(list(site, caller, route, head, incoming)).await;
    }
    let body = match routed {
        Ok(Route::Lookup | Route::Form) => {
            body::read(
                incoming,
                BODY_BYTES_MAX,
                caller.body_deadline,
                caller.waiting,
            )
            .await
        }
        _ => Ok(Bytes::new()),
    };
    let began = Instant::now();
    let current = site.live.current();
    let current = current.as_deref();
    let reply = unless_it_panics(|| reply(site, routed, &head, body, current));
    if caller.door != Door::Admin {
        note(
            site,
            routed,
            &reply,
            client_of(site, caller.peer, &head),
            began.elapsed(),
        );
    }
    reply.into_response(current.map(Current::stamp))
}

/// Answers a request with a list.
async fn list(
    site: &Site,
    caller: Caller<'_>,
    route: Route,
    head: Parts,
    incoming: Incoming,
) -> Response<Body> {
    let began = Instant::now();
    let (reply, current) = match route {
        Route::BulkForm => list::form(site, caller, &head, incoming).await,
        _ => list::answer(site, caller, route, &head, incoming).await,
    };
    let client = client_of(site, caller.peer, &head);
    note(site, Ok(route), &reply, client, began.elapsed());
    reply.into_response(current.as_deref().map(Current::stamp))
}

/// A panic is a defect of ours: the client learns that much, and the hook has logged where.
fn unless_it_panics(reply: impl FnOnce() -> Reply) -> Reply {
    // Endpoints only read what they share, so there is nothing they could leave half done.
    catch_unwind(AssertUnwindSafe(reply)).unwrap_or_else(|_| render::problem(Refusal::Internal))
}

fn reply(
    site: &Site,
    routed: Result<Route, Unrouted>,
    head: &Parts,
    body: Result<Bytes, Refusal>,
    current: Option<&Current>,
) -> Reply {
    let route = match routed {
        Ok(route) => route,
        Err(unrouted) => return astray(head, unrouted),
    };
    let path = head.uri.path();
    let fresh = || fresh_enough(head, current);
    match route {
        Route::Home => endpoint::home::answer(language(head), current),
        Route::Form => {
            let body = of_type(head, FORM, body);
            endpoint::form::answer(language(head), body, fresh(), site.holder_search)
        }
        Route::Lookup => or_problem(
            of_type(head, JSON, body)
                .and_then(|body| endpoint::lookup::answer(fresh(), &body, site.holder_search)),
        ),
        // Lists have been answered already.
        Route::Bulk | Route::BulkPreview | Route::BulkForm => render::problem(Refusal::Internal),
        Route::BulkPage => endpoint::bulk_page::answer(language(head), current),
        Route::BulkTemplate => or_problem(endpoint::bulk_template::answer()),
        Route::Institutions => {
            let query = head.uri.query().unwrap_or_default();
            endpoint::institutions::answer(language(head), query, fresh())
        }
        Route::InstitutionsData => or_problem(
            fresh()
                .map(|current| endpoint::institutions_data::answer(current, header(head, &ACCEPT))),
        ),
        Route::Statistics => endpoint::statistics::answer(language(head), fresh()),
        Route::StatisticsData => or_problem(
            fresh()
                .map(|current| endpoint::statistics_data::answer(current, header(head, &ACCEPT))),
        ),
        Route::StatusPage => {
            endpoint::status_page::answer(language(head), fresh(), site.live.health())
        }
        Route::Status => {
            or_problem(fresh().map(|current| endpoint::status::answer(current, site.live.health())))
        }
        Route::About => endpoint::about::answer(language(head), current),
        Route::OpenApi => endpoint::openapi::answer(),
        Route::Asset => or_problem(endpoint::asset::answer(path)),
        Route::Livez => endpoint::livez::answer(),
        Route::Readyz => endpoint::readyz::answer(&site.live),
        Route::Metrics => endpoint::metrics::answer(&site.metrics, (site.now)()),
    }
}

fn or_problem(reply: Result<Reply, Refusal>) -> Reply {
    reply.unwrap_or_else(render::problem)
}

/// A path that leads nowhere: a page for people, a problem for programs.
fn astray(head: &Parts, unrouted: Unrouted) -> Reply {
    let refusal = match unrouted {
        Unrouted::NotFound => Refusal::NotFound,
        Unrouted::Method { allow } => Refusal::MethodNotAllowed { allow },
    };
    if refusal == Refusal::NotFound
        && accept::prefers_type(header(head, &ACCEPT), "text/html", JSON)
    {
        let html = page::not_found(language(head));
        return Reply::new(refusal.status(), refusal.outcome(), Media::Html, html);
    }
    render::problem(refusal)
}

/// The snapshot, if there is one and it is as new as the client asks.
fn fresh_enough<'c>(head: &Parts, current: Option<&'c Current>) -> Result<&'c Current, Refusal> {
    let current = current.ok_or(Refusal::CannotAnswer)?;
    let Some(wanted) = head.headers.get(&MIN_EPOCH) else {
        return Ok(current);
    };
    let wanted = wanted
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    let ahead = wanted.map(|wanted| wanted.saturating_sub(current.snapshot.epoch()));
    match ahead {
        Some(0) => Ok(current),
        Some(1..=EPOCHS_AHEAD_MAX) => Err(Refusal::EpochNotReached),
        _ => Err(Refusal::EpochInFuture),
    }
}

/// The body, if it says that it is what the route takes: this media type, UTF-8, not compressed.
fn of_type(
    head: &Parts,
    needed: &'static str,
    body: Result<Bytes, Refusal>,
) -> Result<Bytes, Refusal> {
    let body = body?;
    let mut parts = header(head, &CONTENT_TYPE).split(';').map(str::trim);
    let right_type = parts
        .next()
        .is_some_and(|found| found.eq_ignore_ascii_case(needed));
    let right_charset = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    let encoding = header(head, &CONTENT_ENCODING);
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    if right_type && right_charset && plain {
        Ok(body)
    } else {
        Err(Refusal::MediaType { needed })
    }
}

/// `?lang=` if it is there, else what the client prefers, else Chinese.
fn language(head: &Parts) -> Lang {
    let query = head.uri.query().unwrap_or_default();
    let asked = query
        .split('&')
        .find_map(|pair| Lang::parse(pair.strip_prefix("lang=")?));
    asked.unwrap_or_else(|| {
        if accept::prefers_language(header(head, &ACCEPT_LANGUAGE), "en", "zh") {
            Lang::En
        } else {
            Lang::Zh
        }
    })
}

/// The value of a header; empty when it is absent or no text.
fn header<'h>(head: &'h Parts, name: &HeaderName) -> &'h str {
    head.headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn client_of(site: &Site, peer: IpAddr, head: &Parts) -> IpAddr {
    if site.trusted_proxies.is_empty() {
        return peer;
    }
    let lines = head.headers.get_all(&FORWARDED_FOR).iter();
    let lines: Vec<&str> = lines
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    client::address(peer, lines.into_iter(), &site.trusted_proxies)
}

fn note(
    site: &Site,
    routed: Result<Route, Unrouted>,
    reply: &Reply,
    client: IpAddr,
    elapsed: Duration,
) {
    let route = routed.map_or("none", Route::name);
    site.metrics.count_request(route, reply.outcome);
    if matches!(routed, Ok(Route::Lookup | Route::Form)) {
        site.metrics.observe_lookup(elapsed);
    }
    if let Some(alarm) = &reply.alarm {
        site.metrics.damaged_answers.inc();
        site.log.event(Level::Error, "damaged", &[("where", alarm)]);
    }
    let status = reply.status.as_u16();
    site.log.access(Access {
        route,
        status,
        outcome: reply.outcome,
        elapsed,
        client,
    });
}

#[cfg(test)]
mod tests;
