//! `GET /v1/status`: which state of the register answers, and how much it holds.

use crate::live::Current;
use crate::reply::{Media, Reply};

/// Counts and state.
pub fn answer(current: &Current) -> Reply {
    let counts = current.snapshot.manifest().counts;
    let json = format!(
        r#"{{"certificates":{},"withdrawn":{},"institutions":{},"as_of":{}}}"#,
        counts.certificates, counts.withdrawn, counts.institutions, current.as_of,
    );
    Reply::ok(Media::Json, json)
}
