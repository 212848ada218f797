//! Answers and refusals of the JSON interface, as bytes.
//!
//! The answer to a look-up is written by hand, because it is the hot path; a property test holds
//! its escaping to serde_json. What a miss says is made from the institution's prefix only.

use std::fmt::Write as _;

use certificate::Date;
use certificate::holder::mask;
use snapshot::Status;

use crate::answer::{Answer, Certificate, Prefix};
use crate::live::Current;
use crate::refusal::Refusal;
use crate::reply::{Media, Reply};

/// Room for an answer with one certificate.
const USUAL_BYTES: usize = 1024;

/// The answer to a look-up. Cost: one allocation unless several certificates match.
pub fn answer(current: &Current, answer: &Answer<'_>) -> Reply {
    let mut json = Json(String::with_capacity(USUAL_BYTES));
    match answer {
        Answer::Match(certificates) => json.matches(current, certificates),
        Answer::NoMatch(prefix) => json.no_match(current, prefix.as_ref()),
    }
    let mut reply = Reply::ok(Media::Json, json.0);
    reply.outcome = match answer {
        Answer::Match(_) => "match",
        Answer::NoMatch(_) => "no_match",
    };
    reply
}

/// A refusal as `application/problem+json`, with the headers that belong to it.
pub fn problem(refusal: Refusal) -> Reply {
    problem_because(refusal, &refusal.detail())
}

/// The same with another sentence.
pub fn problem_because(refusal: Refusal, detail: &str) -> Reply {
    let status = refusal.status();
    let mut json = Json(String::with_capacity(USUAL_BYTES));
    json.problem(refusal, detail);
    complete(
        Reply::new(status, refusal.outcome(), Media::Problem, json.0),
        refusal,
    )
}

/// One row of an answered list.
#[derive(Debug)]
pub struct BulkRow<'a> {
    /// Its number in the list, from 1.
    pub row: u64,
    /// What the asker calls it.
    pub reference: Option<&'a str>,
    /// What it came to.
    pub outcome: &'static str,
    /// The code of what kept it from being answered.
    pub code: Option<&'static str>,
    /// What is wrong with it, when it is invalid.
    pub detail: Option<&'a str>,
    /// Those that match.
    pub certificates: &'a [Certificate<'a>],
}

/// Appends a line to an answered list. Cost: no allocation while `line` has room.
pub fn bulk_row(line: &mut String, row: &BulkRow<'_>) {
    let mut json = Json(std::mem::take(line));
    json.display(format_args!(r#"{{"row":{},"ref":"#, row.row));
    json.optional(row.reference, Json::text);
    json.field("outcome", row.outcome);
    json.raw(r#","code":"#);
    json.optional(row.code, Json::text);
    if let Some(detail) = row.detail {
        json.field("detail", detail);
    }
    json.raw(r#","certificates":["#);
    json.certificates(row.certificates);
    json.raw("]}\n");
    *line = json.0;
}

/// The last line of a list that could not be completed.
pub fn bulk_error(refusal: Refusal) -> String {
    let mut json = Json(String::with_capacity(USUAL_BYTES));
    json.raw(r#"{"error":"#);
    json.problem(refusal, &refusal.detail());
    json.raw("}\n");
    json.0
}

/// Adds what a refusal says beside its body: headers, and the alarm for the operator.
pub fn complete(mut reply: Reply, refusal: Refusal) -> Reply {
    reply.alarm = refusal.alarm().map(|damaged| damaged.to_string());
    if let Some(methods) = refusal.allow() {
        reply = reply.allow(methods);
    }
    if let Some(seconds) = refusal.retry_after_s() {
        reply = reply.retry_after(seconds);
    }
    if matches!(refusal, Refusal::BodyTooLarge { .. } | Refusal::BodyTooSlow) {
        reply = reply.close();
    }
    reply
}

/// JSON text under construction.
struct Json(String);

impl Json {
    fn matches(&mut self, current: &Current, certificates: &[Certificate<'_>]) {
        self.raw(r#"{"outcome":"match","certificates":["#);
        self.certificates(certificates);
        self.raw(r#"],"as_of":"#);
        self.raw(&current.as_of);
        self.raw("}");
    }

    fn no_match(&mut self, current: &Current, prefix: Option<&Prefix<'_>>) {
        self.raw(r#"{"outcome":"no_match","certificates":[],"as_of":"#);
        self.raw(&current.as_of);
        self.raw(r#","coverage":"#);
        self.optional(prefix, |json, prefix| {
            json.raw(r#"{"institution":{"code":"#);
            json.text(prefix.institution.code.as_str());
            json.field("name", &prefix.institution.name);
            json.raw(r#"},"latest_review_on":"#);
            json.optional(prefix.latest_review_on, Json::date);
            json.raw("}");
        });
        self.raw("}");
    }

    fn problem(&mut self, refusal: Refusal, detail: &str) {
        let status = refusal.status();
        self.raw(r#"{"type":"about:blank","title":"#);
        self.text(status.canonical_reason().unwrap_or_default());
        self.number(r#","status":"#, status.as_u16());
        self.field("code", refusal.code());
        self.field("detail", detail);
        self.raw(r#","field":"#);
        self.optional(refusal.field(), Self::text);
        self.raw("}");
    }

    fn certificates(&mut self, certificates: &[Certificate<'_>]) {
        for (index, certificate) in certificates.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            self.certificate(certificate);
        }
    }

    fn certificate(&mut self, certificate: &Certificate<'_>) {
        self.raw(r#"{"certificate_number":"#);
        self.text(certificate.number.as_str());
        self.field("holder_name", &mask(certificate.initial));
        self.occupation_and_level(certificate);
        self.raw(r#","institution":{"code":"#);
        self.text(certificate.institution.code.as_str());
        self.field("name", &certificate.institution.name);
        self.raw(r#","in_catalogue":"#);
        self.raw(if certificate.in_catalogue {
            "true"
        } else {
            "false"
        });
        self.raw(r#"},"issued_on":"#);
        self.date(certificate.issued_on);
        self.raw(r#","reviewed_by":{"code":"#);
        self.text(certificate.centre_code);
        self.field("name", certificate.centre_name);
        self.raw(r#"},"reviewed_on":"#);
        self.date(certificate.reviewed_on);
        self.standing(certificate);
        // The exchange is not in this release, so nothing has been reported yet.
        self.raw(r#","national":{"state":"not_reported","on":null}}"#);
    }

    fn occupation_and_level(&mut self, certificate: &Certificate<'_>) {
        self.raw(r#","occupation":{"code":"#);
        self.text(&certificate.occupation.code.to_string());
        self.field("name", &certificate.occupation.name);
        self.raw("}");
        self.field("direction", certificate.direction);
        self.raw(r#","level":{"code":"#);
        self.text(
            certificate
                .number
                .level_character()
                .encode_utf8(&mut [0; 4]),
        );
        self.field("name", &certificate.level_name());
        self.raw("}");
    }

    fn standing(&mut self, certificate: &Certificate<'_>) {
        let status = match certificate.status {
            Status::Valid => "valid",
            Status::Withdrawn => "withdrawn",
        };
        self.field("status", status);
        self.raw(r#","status_on":"#);
        self.optional(certificate.status_on, Json::date);
        self.raw(r#","reason":"#);
        self.optional(certificate.reason, Json::text);
        self.number(r#","revision":"#, certificate.revision);
    }

    fn raw(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// A further field of an object whose value is a text.
    fn field(&mut self, key: &str, value: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":");
        self.text(value);
    }

    /// A string, escaped as serde_json escapes it: quotation marks, backslashes and controls.
    fn text(&mut self, text: &str) {
        self.0.push('"');
        let mut plain = 0;
        for (index, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                0x08 => "\\b",
                b'\t' => "\\t",
                b'\n' => "\\n",
                0x0C => "\\f",
                b'\r' => "\\r",
                0..0x20 => "",
                _ => continue,
            };
            self.raw(&text[plain..index]);
            plain = index + 1;
            if escape.is_empty() {
                self.display(format_args!("\\u{byte:04x}"));
            } else {
                self.raw(escape);
            }
        }
        self.raw(&text[plain..]);
        self.0.push('"');
    }

    fn date(&mut self, date: Date) {
        self.display(format_args!("\"{date}\""));
    }

    fn number(&mut self, before: &str, number: u16) {
        self.raw(before);
        self.display(format_args!("{number}"));
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.raw("null"),
        }
    }

    fn display(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(arguments)
            .expect("writing to a String does not fail");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_are_those_of_serde_json(text in any::<String>()) {
            let mut json = Json(String::new());
            json.text(&text);
            prop_assert_eq!(json.0, serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn every_control_character_is_escaped_as_serde_json_does() {
        let text: String = (0..0x80)
            .map(char::from)
            .chain(['张', '·', '\u{20087}'])
            .collect();
        let mut json = Json(String::new());
        json.text(&text);
        assert_eq!(json.0, serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn a_problem_is_json_with_all_its_fields() {
        let reply = problem(Refusal::CannotAnswer);
        assert_eq!(reply.outcome, "cannot_answer");
        let response = reply.into_response(None);
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(response.status(), 503);
    }
}
