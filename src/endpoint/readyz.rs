//! `GET /readyz`: whether to send requests here, and if not, why.

use hyper::StatusCode;

use crate::live::Live;
use crate::reply::{Media, Reply};

/// 200 with epoch and generation, or 503 with the reason.
pub fn answer(live: &Live) -> Reply {
    match live.readiness() {
        Ok(line) => Reply::ok(Media::Text, line),
        Err(line) => Reply::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "cannot_answer",
            Media::Text,
            line,
        ),
    }
}
