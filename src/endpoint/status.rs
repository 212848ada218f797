//! `GET /v1/status`: which state of the register answers, how much it holds of whom, and whether
//! newer data get through.

use serde::Serialize;
use snapshot::Coverage;

use crate::live::{Current, Health};
use crate::reply::{Media, Reply};

/// What the register holds of one institution.
#[derive(Serialize)]
struct Line<'s> {
    institution: Named<'s>,
    certificates: u64,
    latest_review_on: certificate::Date,
}

#[derive(Serialize)]
struct Named<'s> {
    code: &'s str,
    name: &'s str,
}

/// Counts and state.
pub fn answer(current: &Current, health: Health) -> Reply {
    let counts = current.snapshot.manifest().counts;
    let coverage = current.snapshot.texts().coverage.iter();
    let lines: Vec<Line<'_>> = coverage.map(|it| line(current, it)).collect();
    let coverage = serde_json::to_string(&lines).expect("texts, days and counts are JSON");
    let Health {
        refresh_failed,
        old,
    } = health;
    let json = format!(
        r#"{{"certificates":{},"withdrawn":{},"institutions":{},"service":{{"ready":true,"refresh_failed":{refresh_failed},"old":{old}}},"coverage":{coverage},"as_of":{}}}"#,
        counts.certificates, counts.withdrawn, counts.institutions, current.as_of,
    );
    Reply::ok(Media::Json, json)
}

fn line<'s>(current: &'s Current, coverage: &'s Coverage) -> Line<'s> {
    let institution = current.snapshot.institution(&coverage.institution);
    Line {
        institution: Named {
            code: coverage.institution.as_str(),
            name: institution.map_or("", |institution| &institution.name),
        },
        certificates: coverage.certificates,
        latest_review_on: coverage.latest_review_on,
    }
}
