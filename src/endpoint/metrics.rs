//! `GET /metrics`: everything the process counts, as OpenMetrics text.

use jiff::Timestamp;

use crate::metrics::Metrics;
use crate::reply::{Media, Reply};

/// The exposition at a time.
pub fn answer(metrics: &Metrics, now: Timestamp) -> Reply {
    Reply::ok(Media::OpenMetrics, metrics.render(now.as_second()))
}
