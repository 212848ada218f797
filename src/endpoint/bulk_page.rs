//! `GET /bulk` and `POST /bulk`: the page for lists, and its form for browsers without script.
//!
//! With script the page asks `/v1/bulk` itself and this form is never sent.

use bytes::Bytes;
use multer::{Constraints, Multipart, SizeLimit};

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
    let detail = refusal.detail();
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

/// Takes the form apart; of a field that stands twice the last counts.
///
/// # Errors
///
/// [`Refusal::MediaType`] when it is no form, or one with other fields.
pub async fn read(content_type: &str, body: Bytes) -> Result<Filled, Refusal> {
    let needed = "multipart/form-data";
    parse(content_type, &body)
        .await
        .map_err(|_| Refusal::MediaType { needed })
}

/// The key, when it stands before the list, from the beginning of a form that has not arrived
/// whole; empty without one. The page has the field there, so that a list can be as long as its
/// sender may make it.
pub async fn key_before_list(content_type: &str, beginning: &[u8]) -> String {
    let found = async {
        let mut form = open(content_type, beginning)?;
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

fn open<'b>(content_type: &str, body: &'b [u8]) -> multer::Result<Multipart<'b>> {
    let boundary = multer::parse_boundary(content_type)?;
    let sizes = SizeLimit::new()
        .for_field("key", TEXT_BYTES_MAX)
        .for_field("as", TEXT_BYTES_MAX);
    let constraints = Constraints::new()
        .allowed_fields(FIELDS.to_vec())
        .size_limit(sizes);
    Ok(Multipart::with_reader_with_constraints(
        body,
        boundary,
        constraints,
    ))
}

async fn parse(content_type: &str, body: &[u8]) -> multer::Result<Filled> {
    let mut form = open(content_type, body)?;
    let mut filled = Filled {
        list: Bytes::new(),
        key: String::new(),
        accept: bulk::XLSX,
    };
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("list") => filled.list = field.bytes().await?,
            Some("key") => filled.key = field.text().await?,
            Some("as") => filled.accept = accept(&field.text().await?),
            _ => {}
        }
    }
    Ok(filled)
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
            Bytes::from_static(b"--B\r\nContent-Disposition: form-data; name=\"list\"\r\n\r\ncut"),
        ] {
            assert!(parsed(body).await.is_err());
        }
        let urlencoded = read("application/x-www-form-urlencoded", Bytes::new()).await;
        assert!(urlencoded.is_err());
    }
}
