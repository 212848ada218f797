//! A thread that looks whether the file of API keys has changed.
//!
//! Polling, as for generations: the file may lie on a mount that tells nobody of its changes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::{ApiKeyError, ApiKeys, Look};
use crate::log::{Level, Log, in_one_line};
use crate::metrics::Metrics;

/// Time between two looks; a revoked key works no longer than this.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// What the thread knows.
#[derive(Debug)]
pub struct Watching {
    keys: Arc<ApiKeys>,
    metrics: Arc<Metrics>,
    log: Log,
    /// The last reason logged; empty when all is well.
    trouble: String,
}

impl Watching {
    /// Ready to look.
    pub fn new(keys: Arc<ApiKeys>, metrics: Arc<Metrics>, log: Log) -> Self {
        Self {
            keys,
            metrics,
            log,
            trouble: String::new(),
        }
    }

    /// Starts the thread: a look every `interval`, until the other end of `stop` is dropped.
    ///
    /// # Panics
    ///
    /// When the system gives no thread, which at start-up means that nothing would work.
    pub fn start(mut self, interval: Duration, stop: Receiver<()>) {
        let look = move || {
            while stop.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                self.look();
            }
        };
        std::thread::Builder::new()
            .name("api-keys".to_owned())
            .spawn(look)
            .expect("the system gives a thread at start-up");
    }

    /// One look. A reason is logged once until it changes, and counted each time.
    pub fn look(&mut self) {
        let trouble = match self.keys.look() {
            Ok(Look::Taken(live)) => {
                let live = live.to_string();
                let fields = [("live", live.as_str())];
                self.log.event(Level::Info, "api_keys_taken", &fields);
                String::new()
            }
            Ok(Look::Unchanged) => String::new(),
            // There was none at the start, which was said then.
            Err(error) if error.is_not_found() && !self.keys.has_file() => String::new(),
            Err(error) => self.fail(&error),
        };
        self.trouble = trouble;
    }

    fn fail(&self, error: &ApiKeyError) -> String {
        self.metrics.api_key_failures.inc();
        let reason = in_one_line(error);
        if reason != self.trouble {
            let fields = [("reason", reason.as_str())];
            self.log.event(Level::Error, "api_keys_kept", &fields);
        }
        reason
    }
}
