//! `POST /v1/bulk` and `POST /v1/bulk/preview`: a list, answered or only looked at.
//!
//! What a list is, its media type says; in what form its answers leave, `Accept`.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::accept;
use crate::bulk::{Form, Kind, Order, Refused, Workshop, mapping};
use crate::live::Current;
use crate::quota::{Account, Now, Permit};
use crate::refusal::Refusal;
use crate::render;
use crate::reply::{Media, Reply};

/// Rows that anybody may send at once (CONTRACT 4.2).
pub const ANONYMOUS_ROWS_MOST: usize = 20;

/// Rows that the holder of a key may send at once (CONTRACT 4.2).
pub const ROWS_MOST: usize = 100_000;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

const NDJSON: &str = "application/x-ndjson";
/// The media type of a spreadsheet; which of the two kinds it is, its bytes say.
pub const CSV: &str = "text/csv";
/// The media type of a workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The media types of a list, as a refusal names them.
const NEEDED: &str = "application/x-ndjson、application/json、text/csv或XLSX";

/// What a request for a list says beside the list.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'h> {
    /// `Content-Type`.
    pub content_type: &'h str,
    /// `Accept`.
    pub accept: &'h str,
    /// The query of the address.
    pub query: &'h str,
    /// Whether name and identity number alone are a question.
    pub holder_search: bool,
    /// When the whole request must be over.
    pub deadline: Instant,
}

/// Who asks, and what that allows.
#[derive(Debug)]
pub struct Asker {
    /// The account whose quota is charged, as of when; `None` for somebody without a key.
    pub account: Option<(Arc<Account>, Now)>,
    /// The place of a job of that account.
    pub permit: Option<Permit>,
    /// Whether the connection is served by threads that serve nothing but lists.
    pub is_apart: bool,
}

/// Answers a list.
///
/// # Errors
///
/// What is wrong with the list as a whole, or that there is too much to do.
pub async fn answer(
    workshop: &Workshop,
    current: Arc<Current>,
    body: Bytes,
    asked: Asked<'_>,
    asker: Asker,
) -> Result<Reply, Refused> {
    let kind = kind(asked.content_type)?;
    let places = mapping::parse(asked.query)?;
    let form = form(asked.accept);
    let order = Order {
        body,
        kind,
        places,
        form,
        rows_most: asker.rows_most(),
        holder_search: asked.holder_search,
        account: asker.account.clone(),
        permit: asker.permit,
        is_apart: asker.is_apart,
        current,
        deadline: asked.deadline,
    };
    let pieces = workshop.answer(order).await?;
    let reply = Reply::pieces(form.media(), pieces).attachment(form.file_name());
    Ok(with_standing(reply, asker.account.as_ref()))
}

/// Adds where an account stands.
pub fn with_standing(reply: Reply, account: Option<&(Arc<Account>, Now)>) -> Reply {
    let Some(standing) = account.and_then(|(account, now)| account.headers(*now)) else {
        return reply;
    };
    let headers = [
        (RATE_LIMIT, standing.limit),
        (RATE_LIMIT_POLICY, standing.policy),
    ];
    headers.into_iter().fold(reply, |reply, (name, value)| {
        match HeaderValue::try_from(value) {
            Ok(value) => reply.header(name, value),
            Err(_) => reply,
        }
    })
}

impl Asker {
    fn rows_most(&self) -> usize {
        match self.account {
            Some(_) => ROWS_MOST,
            None => ANONYMOUS_ROWS_MOST,
        }
    }
}

/// Shows what a spreadsheet looks like.
///
/// # Errors
///
/// What is wrong with it as a whole, or that there is too much to do.
pub async fn preview(
    workshop: &Workshop,
    body: Bytes,
    asked: Asked<'_>,
    is_anonymous: bool,
) -> Result<Reply, Refused> {
    if kind(asked.content_type)? != Kind::Spreadsheet {
        return Err(Refusal::MediaType {
            needed: "text/csv或XLSX",
        }
        .into());
    }
    let preview = workshop.preview(body, is_anonymous, asked.deadline);
    let preview = preview.await?;
    let json = serde_json::to_vec(&preview).map_err(|_| Refusal::Internal)?;
    Ok(Reply::ok(Media::Json, json))
}

/// A refusal of a list.
pub fn refused(refused: &Refused) -> Reply {
    match &refused.detail {
        Some(detail) => render::problem_because(refused.refusal, detail),
        None => render::problem(refused.refusal),
    }
}

fn kind(content_type: &str) -> Result<Kind, Refusal> {
    let named = content_type.split(';').next().unwrap_or_default().trim();
    let is = |media_type: &str| named.eq_ignore_ascii_case(media_type);
    if is(NDJSON) {
        Ok(Kind::Ndjson)
    } else if is("application/json") {
        Ok(Kind::Json)
    } else if is(CSV) || is(XLSX) {
        Ok(Kind::Spreadsheet)
    } else {
        Err(Refusal::MediaType { needed: NEEDED })
    }
}

fn form(header: &str) -> Form {
    let best = [NDJSON, CSV, XLSX].into_iter().reduce(|best, next| {
        match accept::prefers_type(header, next, best) {
            true => next,
            false => best,
        }
    });
    match best {
        Some(XLSX) => Form::Xlsx,
        Some(CSV) if accept::has_parameter(header, CSV, "charset", "gb18030") => Form::CsvGb18030,
        Some(CSV) if accept::has_parameter(header, CSV, "formulas", "as-is") => Form::CsvAsIs,
        Some(CSV) => Form::CsvUtf8,
        _ => Form::Ndjson,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_says_the_form() {
        for (header, expected) in [
            ("", Form::Ndjson),
            ("*/*", Form::Ndjson),
            ("application/json", Form::Ndjson),
            ("application/x-ndjson", Form::Ndjson),
            ("text/csv", Form::CsvUtf8),
            ("text/csv; charset=utf-8", Form::CsvUtf8),
            ("text/csv; charset=gb18030", Form::CsvGb18030),
            ("Text/CSV;charset=\"GB18030\"", Form::CsvGb18030),
            ("text/csv; formulas=as-is", Form::CsvAsIs),
            (
                "text/csv; charset=gb18030; formulas=as-is",
                Form::CsvGb18030,
            ),
            (XLSX, Form::Xlsx),
            ("text/csv;q=0.5, application/x-ndjson;q=0.8", Form::Ndjson),
            ("application/x-ndjson;q=0, text/csv", Form::CsvUtf8),
        ] {
            assert_eq!(form(header), expected, "{header}");
        }
    }

    #[test]
    fn the_media_type_says_what_a_list_is() {
        assert_eq!(kind("Text/CSV; charset=gb18030"), Ok(Kind::Spreadsheet));
        assert_eq!(kind(XLSX), Ok(Kind::Spreadsheet));
        assert_eq!(kind("application/json"), Ok(Kind::Json));
        assert_eq!(kind("application/x-ndjson"), Ok(Kind::Ndjson));
        for other in ["", "application/vnd.ms-excel", "text/plain", "text/csvx"] {
            assert_eq!(kind(other), Err(Refusal::MediaType { needed: NEEDED }));
        }
    }
}
