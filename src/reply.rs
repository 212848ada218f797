//! An answer on its way out: status, headers and body, with the headers that every answer has.
//!
//! It knows nothing of what the body says.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

use crate::stamp::{self, Stamp};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// What a page may load: its own style sheet, script and pictures, and nothing else. Nobody may
/// frame it, and its form and its script send nothing anywhere but here.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
     style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What a body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/problem+json`.
    Problem,
    /// A page; brings the policy headers of pages.
    Html,
    /// `application/x-ndjson`.
    Ndjson,
    /// `text/csv`, UTF-8.
    Csv,
    /// `text/csv`, GB18030.
    CsvGb18030,
    /// A workbook.
    Xlsx,
    /// `application/yaml`.
    Yaml,
    /// `text/plain`, UTF-8.
    Text,
    /// OpenMetrics text.
    OpenMetrics,
    /// A static file of this media type; may be cached for ever.
    Asset(&'static str),
}

/// The bytes of an answer.
#[derive(Debug)]
pub enum Body {
    /// All of them.
    Whole(Bytes),
    /// Pieces as they are made. An answer whose maker goes before saying [`Piece::End`] is cut
    /// short: its connection ends, so that nobody takes it for whole.
    Pieces(mpsc::Receiver<Piece>),
}

/// A part of an answer that is sent while it is made.
#[derive(Debug)]
pub enum Piece {
    /// Some bytes.
    Bytes(Bytes),
    /// There are no more.
    End,
}

/// An answer ended before it was whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer could not be completed")]
pub struct CutShort;

/// An answer before it is stamped with the register's state.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The name in logs and metrics.
    pub outcome: &'static str,
    /// What the operator must hear of; never shown to the client.
    pub alarm: Option<String>,
    media: Media,
    body: Body,
    /// Boxed, because most answers have none, and an answer is moved many times.
    extra: Option<Box<HeaderMap>>,
}

impl Reply {
    /// An answer with status 200 and the outcome `ok`.
    pub fn ok(media: Media, body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "ok", media, body)
    }

    /// An answer.
    pub fn new(
        status: StatusCode,
        outcome: &'static str,
        media: Media,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            outcome,
            alarm: None,
            media,
            body: Body::Whole(body.into()),
            extra: None,
        }
    }

    /// An answer that is sent while it is made.
    pub fn pieces(media: Media, pieces: mpsc::Receiver<Piece>) -> Self {
        Self {
            body: Body::Pieces(pieces),
            ..Self::ok(media, Bytes::new())
        }
    }

    /// Sets a further header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.extra.get_or_insert_default().insert(name, value);
        self
    }

    /// To be saved under this name, which is plain ASCII.
    pub fn attachment(self, name: &'static str) -> Self {
        let value = format!("attachment; filename=\"{name}\"");
        match HeaderValue::try_from(value) {
            Ok(value) => self.header(CONTENT_DISPOSITION, value),
            Err(_) => self,
        }
    }

    /// Which methods the path takes.
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.extra
            .get_or_insert_default()
            .insert(ALLOW, HeaderValue::from_static(methods));
        self
    }

    /// When to ask again.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.extra
            .get_or_insert_default()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// Ends the connection after this answer: its next bytes may not be a request.
    pub fn close(mut self) -> Self {
        self.extra
            .get_or_insert_default()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        self
    }

    /// The response, stamped with epoch and generation of the snapshot that was live for it.
    pub fn into_response(self, stamp: Option<&Stamp>) -> Response<Body> {
        let headers = match stamp {
            Some(stamp) if self.media == Media::Json && self.extra.is_none() => stamp.json(),
            _ => complete(
                self.extra.map_or_else(HeaderMap::new, |extra| *extra),
                self.media,
                stamp,
            ),
        };
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Adds to the fields of one answer those that all have.
fn complete(mut headers: HeaderMap, media: Media, stamp: Option<&Stamp>) -> HeaderMap {
    stamp::describe(&mut headers, media.content_type(), media.caching());
    if media == Media::Html {
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        );
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    }
    if let (Some(stamp), true) = (stamp, media.is_dynamic()) {
        stamp.mark(&mut headers);
    }
    headers
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let bytes = match &mut *self {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Pieces(pieces) => match std::task::ready!(pieces.poll_recv(context)) {
                Some(Piece::Bytes(bytes)) => bytes,
                Some(Piece::End) => {
                    *self = Self::Whole(Bytes::new());
                    Bytes::new()
                }
                None => return Poll::Ready(Some(Err(CutShort))),
            },
        };
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

impl Media {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Problem => "application/problem+json",
            Self::Html => "text/html; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::CsvGb18030 => "text/csv; charset=gb18030",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Yaml => "application/yaml",
            Self::Text => "text/plain; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Asset(media_type) => media_type,
        }
    }

    fn is_dynamic(self) -> bool {
        !matches!(self, Self::Asset(_))
    }

    fn caching(self) -> &'static str {
        if self.is_dynamic() {
            "no-store"
        } else {
            "public, max-age=31536000, immutable"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(reply: Reply) -> Vec<String> {
        let stamp = Stamp::new(107, 42);
        let response = reply.into_response(Some(&stamp));
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        response.headers().iter().map(line).collect()
    }

    #[test]
    fn dynamic_answers_are_stamped_and_never_stored() {
        let found = headers(Reply::ok(Media::Json, "{}"));
        for line in [
            "content-type: application/json",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "certq-epoch: 107",
            "certq-generation: 42",
        ] {
            assert!(found.iter().any(|found| found == line), "{line}: {found:?}");
        }
        assert!(
            headers(Reply::ok(Media::Html, ""))
                .iter()
                .any(|line| line.contains("base-uri"))
        );
    }

    #[test]
    fn the_fields_made_beforehand_are_those_of_any_other_answer() {
        let stamp = Stamp::new(107, 42);
        let one_by_one = complete(HeaderMap::new(), Media::Json, Some(&stamp));
        let beforehand = Reply::ok(Media::Json, "{}").into_response(Some(&stamp));
        let fields = |headers: &HeaderMap| format!("{headers:?}");
        assert_eq!(fields(beforehand.headers()), fields(&one_by_one));
    }

    #[test]
    fn assets_may_be_kept_for_ever() {
        let found = headers(Reply::ok(Media::Asset("text/css"), ""));
        assert!(found.contains(&"cache-control: public, max-age=31536000, immutable".to_owned()));
        assert!(!found.iter().any(|line| line.starts_with("certq-")));
    }
}
