//! `GET /bulk` and `POST /bulk`: the page for lists, and its form for browsers without script.
//!
//! With script the page asks `/v1/bulk` itself and this form is never sent.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyDataStream, Full};
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::{as_of, bulk};
use crate::bulk::Refused;
use crate::live::Current;
use crate::page::{self, BulkView, Lang};
use crate::refusal::Refusal;
use crate::render;
use crate::reply::{Media, Reply};

/// The fields of the form.
const FIELDS: [&str; 3] = ["list", "key", "as"];

/// Longest text of a field that is no file; an API key is far shorter.
const TEXT_BYTES_MAX: u64 = 1024;

/// What is said of a list that is too long: without a key, a key is what would help.
const TOO_LARGE: &str = "文件过大：不用API密钥最多1 MiB，使用密钥最多32 MiB";

/// The form, filled in.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The file.
    pub list: Bytes,
    /// The API key; empty without one. Never logged.
    pub key: String,
    /// The wanted form of the answers, as `Accept` would say it.
    pub accept: &'static str,
}

/// The page, with nothing sent yet. It needs no snapshot.
pub fn answer(lang: Lang, current: Option<&Current>) -> Reply {
    let view = BulkView {
        refusal: None,
        as_of: current.map(as_of),
    };
    Reply::ok(Media::Html, page::bulk(lang, &view))
}

/// The page, with what is wrong with the list that was sent.
pub fn refused(lang: Lang, current: Option<&Current>, refused: &Refused) -> Reply {
    let refusal = refused.refusal;
    let detail = match refusal {
        Refusal::BodyTooLarge { .. } => TOO_LARGE.into(),
        other => other.detail(),
    };
    let view = BulkView {
        refusal: Some(page::Refusal {
            code: refusal.code(),
            field: None,
            detail: refused.detail.as_deref().unwrap_or(&detail),
        }),
        as_of: current.map(as_of),
    };
    let html = page::bulk(lang, &view);
    let reply = Reply::new(refusal.status(), refusal.outcome(), Media::Html, html);
    render::complete(reply, refusal)
}

/// Takes the form apart. It is copied once; an answer holds one copy.
///
/// # Errors
///
/// [`Refusal::MediaType`] when it is no form, or one with other fields or with one of them twice.
pub async fn read(content_type: &str, body: Bytes) -> Result<Filled, Refusal> {
    let needed = "multipart/form-data";
    let filled = parse(content_type, body).await.ok().flatten();
    filled.ok_or(Refusal::MediaType { needed })
}

/// The key, when it stands before the list, from the beginning of a form that has not arrived
/// whole; empty without one. The page has the field there, so that a list can be as long as its
/// sender may make it.
pub async fn key_before_list(content_type: &str, beginning: &[u8]) -> String {
    let found = async {
        let mut form = open(content_type, Bytes::copy_from_slice(beginning))?;
        while let Some(field) = form.next_field().await? {
            match field.name() {
                Some("key") => return field.text().await,
                Some("list") => break,
                _ => {}
            }
        }
        Ok(String::new())
    };
    // What is no form will be refused as one.
    found.await.unwrap_or_default()
}

fn open(content_type: &str, body: Bytes) -> multer::Result<Multipart<'static>> {
    let boundary = multer::parse_boundary(content_type)?;
    let sizes = SizeLimit::new()
        .for_field("key", TEXT_BYTES_MAX)
        .for_field("as", TEXT_BYTES_MAX);
    let constraints = Constraints::new()
        .allowed_fields(FIELDS.to_vec())
        .size_limit(sizes);
    // In one piece: of a reader it would take 8 KiB at a time, and a list's worth before it lets
    // anybody else have the thread.
    let body = BodyDataStream::new(Full::new(body));
    Ok(Multipart::with_constraints(body, boundary, constraints))
}

/// The form; `None` when a field stands twice.
async fn parse(content_type: &str, body: Bytes) -> multer::Result<Option<Filled>> {
    let mut form = open(content_type, body)?;
    let (mut list, mut key, mut accepted) = (None, None, None);
    while let Some(field) = form.next_field().await? {
        let is_second = match field.name() {
            Some("list") => list.replace(bytes_of(field).await?).is_some(),
            Some("key") => key.replace(field.text().await?).is_some(),
            Some("as") => accepted.replace(accept(&field.text().await?)).is_some(),
            _ => false,
        };
        if is_second {
            return Ok(None);
        }
    }
    Ok(Some(Filled {
        list: list.unwrap_or_default(),
        key: key.unwrap_or_default(),
        accept: accepted.unwrap_or(bulk::XLSX),
    }))
}

/// The bytes of a field, not copied when they are there in one piece.
async fn bytes_of(mut field: Field<'_>) -> multer::Result<Bytes> {
    let first = field.chunk().await?.unwrap_or_default();
    let Some(second) = field.chunk().await? else {
        return Ok(first);
    };
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    while let Some(next) = field.chunk().await? {
        all.extend_from_slice(&next);
    }
    Ok(all.freeze())
}

/// A choice of the form; what it does not offer is the first of them.
fn accept(choice: &str) -> &'static str {
    match choice {
        "csv" => bulk::CSV,
        "csv-gb18030" => "text/csv; charset=gb18030",
        _ => bulk::XLSX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[(&str, &str)]) -> Bytes {
        let mut body = String::new();
        for (disposition, text) in parts {
            body +=
                &format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{text}\r\n");
        }
        (body + "--B--\r\n").into()
    }

    async fn parsed(body: Bytes) -> Result<Filled, Refusal> {
        read("multipart/form-data; boundary=B", body).await
    }

    #[tokio::test]
    async fn a_form_is_taken_apart() {
        let list = "name=\"list\"; filename=\"名单.csv\"";
        let body = form(&[
            (list, "姓名\r\n张三\r\n"),
            ("name=\"key\"", "k"),
            ("name=\"as\"", "csv-gb18030"),
        ]);
        let filled = parsed(body).await.unwrap();
        assert_eq!(filled.list, "姓名\r\n张三\r\n");
        assert_eq!(filled.key, "k");
        assert_eq!(filled.accept, "text/csv; charset=gb18030");
        let filled = parsed(form(&[(list, "")])).await.unwrap();
        assert_eq!((filled.list.len(), filled.accept), (0, bulk::XLSX));
    }

    #[tokio::test]
    async fn a_key_is_found_before_the_list_only() {
        let list = ("name=\"list\"; filename=\"a.csv\"", "姓名\r\n张三\r\n");
        let key = ("name=\"key\"", "k");
        let of = "multipart/form-data; boundary=B";
        let before = form(&[key, list]);
        // As much of it as has the head of the list.
        let beginning = &before[..before.len() - 20];
        assert_eq!(key_before_list(of, beginning).await, "k");
        assert_eq!(key_before_list(of, &form(&[list, key])).await, "");
        assert_eq!(key_before_list("text/csv", beginning).await, "");
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let long = "x".repeat(2000);
        for body in [
            form(&[("name=\"other\"", "")]),
            form(&[("name=\"key\"", &long)]),
            form(&[("name=\"key\"", "k"), ("name=\"key\"", "")]),
            Bytes::from_static(b"--B\r\nContent-Disposition: form-data; name=\"list\"\r\n\r\ncut"),
        ] {
            assert!(parsed(body).await.is_err());
        }
        let urlencoded = read("application/x-www-form-urlencoded", Bytes::new()).await;
        assert!(urlencoded.is_err());
    }
}
