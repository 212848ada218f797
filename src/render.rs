//! Answers and refusals of the JSON interface, as bytes.
//!
//! The answer to a look-up is put together from phrases that were made with the snapshot, because it
//! is the hot path. What a miss says is made from the institution's prefix only.

use certificate::holder::MASK;
use snapshot::Status;

use crate::answer::{Answer, Certificate, Prefix};
use crate::json::Json;
use crate::live::Current;
use crate::phrases::Phrases;
use crate::refusal::Refusal;
use crate::reply::{Media, Reply};

/// Room for an answer with one certificate.
const USUAL_BYTES: usize = 1024;

/// The answer to a look-up. Cost: one allocation unless several certificates match.
pub fn answer(current: &Current, answer: &Answer<'_>) -> Reply {
    let mut json = Json::with_capacity(USUAL_BYTES);
    match answer {
        Answer::Match(certificates) => json.matches(current, certificates),
        Answer::NoMatch(prefix) => json.no_match(current, prefix.as_ref()),
    }
    let mut reply = Reply::ok(Media::Json, json.into_text());
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
    let mut json = Json::with_capacity(USUAL_BYTES);
    json.problem(refusal, detail);
    complete(
        Reply::new(status, refusal.outcome(), Media::Problem, json.into_text()),
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
    /// The words of the snapshot that they are from.
    pub phrases: &'a Phrases,
}

/// Appends a line to an answered list. Cost: no allocation while `line` has room.
pub fn bulk_row(line: &mut String, row: &BulkRow<'_>) {
    let mut json = Json::after(std::mem::take(line));
    json.raw(r#"{"row":"#);
    json.number(row.row);
    json.raw(r#","ref":"#);
    json.optional(row.reference, Json::text);
    json.field("outcome", row.outcome);
    json.raw(r#","code":"#);
    json.optional(row.code, Json::text);
    if let Some(detail) = row.detail {
        json.field("detail", detail);
    }
    json.raw(r#","certificates":["#);
    json.certificates(row.phrases, row.certificates);
    json.raw("]}\n");
    *line = json.into_text();
}

/// The last line of a list that could not be completed.
pub fn bulk_error(refusal: Refusal) -> String {
    let mut json = Json::with_capacity(USUAL_BYTES);
    json.raw(r#"{"error":"#);
    json.problem(refusal, &refusal.detail());
    json.raw("}\n");
    json.into_text()
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

impl Json {
    fn matches(&mut self, current: &Current, certificates: &[Certificate<'_>]) {
        self.raw(r#"{"outcome":"match","certificates":["#);
        self.certificates(&current.phrases, certificates);
        self.raw(r#"],"as_of":"#);
        self.raw(&current.as_of);
        self.raw("}");
    }

    fn no_match(&mut self, current: &Current, prefix: Option<&Prefix<'_>>) {
        self.raw(r#"{"outcome":"no_match","certificates":[],"as_of":"#);
        self.raw(&current.as_of);
        self.raw(r#","coverage":"#);
        self.optional(prefix, |json, prefix| {
            json.raw(r#"{"institution":"#);
            json.raw(current.phrases.institution(prefix.place));
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
        self.raw(r#","status":"#);
        self.number(status.as_u16());
        self.field("code", refusal.code());
        self.field("detail", detail);
        self.raw(r#","field":"#);
        self.optional(refusal.field(), Self::text);
        self.raw("}");
    }

    fn certificates(&mut self, phrases: &Phrases, certificates: &[Certificate<'_>]) {
        for (index, certificate) in certificates.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            self.certificate(phrases, certificate);
        }
    }

    fn certificate(&mut self, phrases: &Phrases, certificate: &Certificate<'_>) {
        let places = certificate.places;
        self.raw(r#"{"certificate_number":"#);
        self.text(certificate.number.as_str());
        self.raw(r#","holder_name":"#);
        self.characters([certificate.initial, MASK]);
        self.raw(r#","occupation":"#);
        self.raw(phrases.occupation(places.occupation));
        self.field("direction", certificate.direction);
        self.raw(r#","level":"#);
        self.raw(phrases.level(&certificate.number));
        self.raw(r#","institution":"#);
        self.raw(phrases.institution(places.institution));
        self.raw(match certificate.in_catalogue {
            true => r#","in_catalogue":true},"issued_on":"#,
            false => r#","in_catalogue":false},"issued_on":"#,
        });
        self.date(certificate.issued_on);
        self.raw(r#","reviewed_by":"#);
        self.raw(phrases.centre(places.centre));
        self.raw(r#","reviewed_on":"#);
        self.date(certificate.reviewed_on);
        self.standing(certificate);
        // The exchange is not in this release, so nothing has been reported yet.
        self.raw(r#","national":{"state":"not_reported","on":null}}"#);
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
        self.raw(r#","revision":"#);
        self.number(certificate.revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
