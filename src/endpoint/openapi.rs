//! `GET /openapi.yaml`: the description of the interface, kept by hand and served as it is.

use crate::reply::{Media, Reply};

/// The description. A test compares its paths with the route table.
pub const DESCRIPTION: &str = include_str!("../../docs/openapi.yaml");

/// Answers with it.
pub fn answer() -> Reply {
    Reply::ok(Media::Yaml, DESCRIPTION)
}
