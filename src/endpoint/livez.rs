//! `GET /livez`: the process answers, so it lives; whether it should get requests is `/readyz`.

use crate::reply::{Media, Reply};

/// Says so.
pub fn answer() -> Reply {
    Reply::ok(Media::Text, "live\n")
}
