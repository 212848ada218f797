//! What the process counts, and its exposition as OpenMetrics text.
//!
//! It does not know what the names of routes and outcomes mean; they come in as two fixed lists,
//! so no label can ever hold something that a client typed. The request path touches counters of
//! its own thread only, which are added up when somebody reads them.

mod shards;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use shards::{BOUNDS_US, Shards};

type Labels = [(&'static str, &'static str); 2];

/// Every number of the process. One per process, shared.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    routes: &'static [&'static str],
    outcomes: Vec<&'static str>,
    requests: Family<Labels, Counter>,
    counted: Arc<Shards>,
    /// Held while what was counted is added up, so that nothing is added twice.
    adding_up: Mutex<()>,
    bulk_rows: Family<[(&'static str, &'static str); 1], Counter>,
    /// Rows whose checksum failed when they were asked for.
    pub damaged_answers: Counter,
    /// Panics, wherever they happened.
    pub panics: Counter,
    /// Errors of `accept`.
    pub accept_errors: Counter,
    /// Connections cut because the client did not take its answer in time.
    pub write_timeouts: Counter,
    /// Log lines that found the queue full.
    pub log_lines_dropped: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Generations taken.
    pub refreshes: Counter,
    /// Polls that failed, or that found a generation to refuse.
    pub refresh_failures: Counter,
    /// Looks at the file of API keys that failed; the keys before it went on.
    pub api_key_failures: Counter,
    /// 1 while the live epoch was published too long ago, else 0.
    pub generation_old: Gauge,
    snapshot: SnapshotGauges,
}

/// What is known of the live snapshot; all zero while there is none.
#[derive(Debug, Default)]
struct SnapshotGauges {
    epoch: Gauge,
    generation: Gauge,
    certificates: Gauge,
    published_at: Gauge<f64, AtomicU64>,
    age: Gauge<f64, AtomicU64>,
    published_at_seconds: AtomicI64,
}

impl Metrics {
    /// All counters at zero. `routes` and `outcomes` are all label values there will ever be.
    pub fn new(routes: &'static [&'static str], outcomes: Vec<&'static str>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("certq"),
            counted: Arc::new(Shards::new(routes.len() * outcomes.len())),
            adding_up: Mutex::default(),
            routes,
            outcomes,
            requests: Family::default(),
            bulk_rows: Family::default(),
            damaged_answers: Counter::default(),
            panics: Counter::default(),
            accept_errors: Counter::default(),
            write_timeouts: Counter::default(),
            log_lines_dropped: Counter::default(),
            connections: Gauge::default(),
            refreshes: Counter::default(),
            refresh_failures: Counter::default(),
            api_key_failures: Counter::default(),
            generation_old: Gauge::default(),
            snapshot: SnapshotGauges::default(),
        };
        metrics.register();
        metrics.register_snapshot();
        metrics
    }

    /// Counts an answered request. An outcome that is in no list is not counted; the tests see
    /// to it that there is none. Cost: some nanoseconds, and nothing that another thread writes.
    pub fn count_request(&self, route: &'static str, outcome: &'static str) {
        let position = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
        let (Some(row), Some(column)) = (
            position(self.routes, route),
            position(&self.outcomes, outcome),
        ) else {
            return;
        };
        self.counted.count(row * self.outcomes.len() + column);
    }

    /// Records how long one look-up took, from the whole request being here to its answer.
    pub fn observe_lookup(&self, elapsed: Duration) {
        self.counted.observe(elapsed);
    }

    /// Counts rows of an answered list; the outcome is one of a fixed few.
    pub fn count_rows(&self, outcome: &'static str, rows: u64) {
        self.bulk_rows
            .get_or_create_owned(&[("outcome", outcome)])
            .inc_by(rows);
    }

    /// Says which snapshot is live. `published_at` is in seconds since 1970.
    pub fn set_snapshot(&self, epoch: u64, generation: u64, certificates: u64, published_at: i64) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.snapshot.epoch.set(gauge(epoch));
        self.snapshot.generation.set(gauge(generation));
        self.snapshot.certificates.set(gauge(certificates));
        self.snapshot.published_at.set(seconds(published_at));
        self.snapshot
            .published_at_seconds
            .store(published_at, Ordering::Relaxed);
    }

    /// Everything as OpenMetrics text. `now` is in seconds since 1970; the age of the live epoch
    /// follows from it, and is zero while there is no snapshot.
    pub fn render(&self, now: i64) -> String {
        let published_at = self.snapshot.published_at_seconds.load(Ordering::Relaxed);
        if published_at != 0 {
            self.snapshot
                .age
                .set(seconds(now.saturating_sub(published_at)));
        }
        self.add_up();
        let mut exposition = String::new();
        text::encode(&mut exposition, &self.registry).expect("writing to a String does not fail");
        exposition
    }

    /// Brings the counters of requests up to what the threads have counted.
    fn add_up(&self) {
        let _alone = self
            .adding_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kinds = self
            .routes
            .iter()
            .flat_map(|route| self.outcomes.iter().map(move |outcome| (*route, *outcome)));
        for (kind, (route, outcome)) in kinds.enumerate() {
            let counted = self.counted.requests(kind);
            if counted > 0 {
                let labels = [("route", route), ("outcome", outcome)];
                let counter = self.requests.get_or_create_owned(&labels);
                counter.inc_by(counted.saturating_sub(counter.get()));
            }
        }
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Answered requests by route and outcome",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "lookup_duration",
            "Time from a whole look-up request to its answer",
            Unit::Seconds,
            Durations(Arc::clone(&self.counted)),
        );
        registry.register(
            "bulk_rows",
            "Rows of answered lists by outcome",
            self.bulk_rows.clone(),
        );
        for (name, help, counter) in [
            (
                "damaged_answers",
                "Look-ups that met a damaged row",
                &self.damaged_answers,
            ),
            (
                "panics",
                "Panics; each cost one request at most",
                &self.panics,
            ),
            ("accept_errors", "Errors of accept", &self.accept_errors),
            (
                "write_timeouts",
                "Connections cut while the client took no bytes",
                &self.write_timeouts,
            ),
            (
                "log_lines_dropped",
                "Log lines dropped because the queue was full",
                &self.log_lines_dropped,
            ),
            ("refreshes", "Generations taken", &self.refreshes),
            (
                "refresh_failures",
                "Polls that failed or met a generation to refuse",
                &self.refresh_failures,
            ),
            (
                "api_key_failures",
                "Looks at the file of API keys that failed",
                &self.api_key_failures,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("connections", "Open connections", self.connections.clone());
    }

    fn register_snapshot(&mut self) {
        let (registry, snapshot) = (&mut self.registry, &self.snapshot);
        registry.register(
            "snapshot_epoch",
            "Epoch of the live snapshot",
            snapshot.epoch.clone(),
        );
        registry.register(
            "snapshot_generation",
            "Generation of the live snapshot",
            snapshot.generation.clone(),
        );
        registry.register(
            "snapshot_certificates",
            "Certificates in the live snapshot",
            snapshot.certificates.clone(),
        );
        registry.register_with_unit(
            "snapshot_published_timestamp",
            "When the live epoch was published, since 1970",
            Unit::Seconds,
            snapshot.published_at.clone(),
        );
        registry.register_with_unit(
            "snapshot_age",
            "Time since the live epoch was published",
            Unit::Seconds,
            snapshot.age.clone(),
        );
        registry.register(
            "generation_old",
            "Whether the live epoch was published too long ago",
            self.generation_old.clone(),
        );
    }
}

/// Seconds as a gauge takes them. Exact up to the year 285 million.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit 52 bits")]
fn seconds(whole: i64) -> f64 {
    whole as f64
}

/// The durations as a histogram: the library's takes a lock for each observation.
#[derive(Debug)]
struct Durations(Arc<Shards>);

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (counts, sum_us) = self.0.durations();
        let bounds = BOUNDS_US
            .iter()
            .map(|&us| Duration::from_micros(us).as_secs_f64());
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let sum = Duration::from_micros(sum_us).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposition_holds_what_was_counted() {
        let metrics = Metrics::new(&["lookup", "home"], vec!["match", "no_match"]);
        metrics.count_request("lookup", "match");
        metrics.count_request("lookup", "match");
        metrics.count_request("lookup", "张三");
        metrics.observe_lookup(Duration::from_micros(10));
        metrics.observe_lookup(Duration::from_micros(11));
        metrics.observe_lookup(Duration::from_secs(5));
        metrics.panics.inc();
        metrics.set_snapshot(107, 42, 100_000, 1_000);
        let text = metrics.render(1_060);
        for line in [
            r#"certq_requests_total{route="lookup",outcome="match"} 2"#,
            r#"certq_lookup_duration_seconds_bucket{le="0.00001"} 1"#,
            r#"certq_lookup_duration_seconds_bucket{le="0.000025"} 2"#,
            r#"certq_lookup_duration_seconds_bucket{le="+Inf"} 3"#,
            "certq_lookup_duration_seconds_sum 5.000021",
            "certq_panics_total 1",
            "certq_snapshot_epoch 107",
            "certq_snapshot_age_seconds 60.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("张三"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn without_a_snapshot_there_is_no_age() {
        let metrics = Metrics::new(&[], Vec::new());
        assert!(
            metrics
                .render(1_764_000_000)
                .contains("certq_snapshot_age_seconds 0.0\n")
        );
    }
}
