//! How far it has come, for a person who watches: on stderr, when that is a terminal.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

const SHAPE: &str = "{msg} {bar:32} {human_pos}/{human_len} {speed} 剩余{eta}";
const LABEL: &str = "核验";

/// Rows that are answered, of all rows.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// None is yet.
    pub(super) fn new(rows: usize) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let speed = |state: &ProgressState, shown: &mut dyn Write| {
            // A terminal that does not take it shows the rest.
            let _ = write!(shown, "每秒{:.0}行", state.per_sec());
        };
        let style = ProgressStyle::with_template(SHAPE).expect("the shape is valid");
        let style = style.with_key("speed", speed);
        let bar = ProgressBar::with_draw_target(Some(rows as u64), target);
        Self(bar.with_style(style).with_message(LABEL))
    }

    /// So many were answered in an earlier run, and do not count as speed.
    pub(super) fn start(&mut self, rows: usize) {
        self.0.set_position(rows as u64);
        self.0.reset_eta();
    }

    /// So many more are answered.
    pub(super) fn advance(&mut self, rows: usize) {
        self.0.inc(rows as u64);
    }

    /// Sleeps, and says why.
    pub(super) fn wait(&self, why: &str, pause: Duration) {
        let seconds = pause.as_secs();
        self.0.set_message(format!("{why}，{seconds}秒后重试"));
        std::thread::sleep(pause);
        self.0.set_message(LABEL);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
