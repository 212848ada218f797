//! Progress of long work, for a person who watches.
//!
//! Shown on stderr, only when that is a terminal and the work takes over a second, and wiped when
//! done, so that pipes, logs and short commands see nothing of it.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far a piece of work has come.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When it becomes visible; `None` when it is, or never will be.
    hidden_since: Option<Instant>,
}

impl Progress {
    /// Work on so many bytes.
    pub(crate) fn bytes(label: &'static str, total: u64) -> Self {
        Self::new(label, total, "{msg} {bar:32} {bytes}/{total_bytes} {eta}")
    }

    /// Work on so many rows or other things that are counted.
    pub(crate) fn count(label: &'static str, total: u64) -> Self {
        Self::new(label, total, "{msg} {bar:32} {human_pos}/{human_len} {eta}")
    }

    fn new(label: &'static str, total: u64, template: &str) -> Self {
        let style = ProgressStyle::with_template(template).expect("the two templates are valid");
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            .with_style(style)
            .with_message(label);
        let hidden_since = std::io::stderr().is_terminal().then(Instant::now);
        Self { bar, hidden_since }
    }

    /// So much more is done. Cheap, but not free: call it for blocks, not for bytes.
    pub(crate) fn advance(&mut self, amount: u64) {
        self.bar.inc(amount);
        if self
            .hidden_since
            .is_some_and(|since| since.elapsed() >= PATIENCE)
        {
            self.hidden_since = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
