//! What `watch` tells while it runs: for people a line on stderr, for machines the same as one
//! JSON object a line on stdout.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::print;
use crate::failure::{Exit, Failure};
use crate::publishing::Report;
use crate::report::Told;

/// Something that happened.
pub(super) enum Event<'a> {
    /// It has begun.
    Watching { inbox: &'a Path },
    /// A file was judged and filed away.
    Judged {
        file: &'a str,
        /// Where it is now, below the inbox.
        filed: &'a str,
        told: &'a Told,
        took: Duration,
    },
    /// A file changed while it was judged, or is gone; it was left alone.
    Changed { file: &'a str },
    /// `publish` came back; told only when it wrote something.
    Published { report: &'a Report, took: Duration },
    /// Something stands in the way that will pass.
    Waiting { reason: &'a str },
    /// It has ended as it was asked to.
    Stopped { unpublished: bool },
}

impl Event<'_> {
    /// Tells it. A log that nobody reads any more is no reason to stop accepting; events for a
    /// machine that cannot be written are, since it relies on them.
    pub(super) fn tell(&self, as_json: bool) -> Result<(), Failure> {
        match as_json {
            true => match self.json() {
                Some(json) => print(&format!("{json}\n")),
                None => Ok(()),
            },
            false => {
                if let Some(line) = self.line() {
                    let _ = writeln!(io::stderr(), "{line}");
                }
                Ok(())
            }
        }
    }

    fn json(&self) -> Option<Value> {
        Some(match self {
            Self::Watching { inbox } => json!({"event": "watching", "inbox": inbox}),
            Self::Judged {
                file,
                filed,
                told,
                took,
            } => json!({
                "event": "judged",
                "file": file,
                "filed": filed,
                "rows": told.report.rows,
                "admitted": told.report.admitted,
                "rejected": told.report.rows - told.report.admitted,
                "readable": told.exit != Exit::Input,
                "accepted_before": told.accepted_before,
                "seconds": seconds(*took),
            }),
            Self::Changed { file } => json!({"event": "changed", "file": file}),
            Self::Published { report, took } => {
                let mut json = report.json();
                if json["outcome"] == "unchanged" {
                    return None;
                }
                json["event"] = "published".into();
                json["took_seconds"] = seconds(*took).into();
                json
            }
            Self::Waiting { reason } => json!({"event": "waiting", "reason": reason}),
            Self::Stopped { unpublished } => {
                json!({"event": "stopped", "unpublished": unpublished})
            }
        })
    }

    fn line(&self) -> Option<String> {
        Some(match self {
            Self::Watching { inbox } => format!("watching {}", inbox.display()),
            Self::Judged {
                file,
                filed,
                told,
                took,
            } => format!(
                "{file}: {}; {filed}, {:.1} s",
                judgement(told),
                took.as_secs_f64()
            ),
            Self::Changed { file } => {
                format!("{file}: changed while it was judged, or is gone; left where it is")
            }
            Self::Published { report, took } if report.json()["outcome"] != "unchanged" => {
                let text = report.text();
                let first = text.lines().next().unwrap_or_default();
                format!("{first}, {:.1} s", took.as_secs_f64())
            }
            Self::Published { .. } => return None,
            Self::Waiting { reason } => format!("waiting: {reason}"),
            Self::Stopped { unpublished: false } => "stopped".to_owned(),
            Self::Stopped { unpublished: true } => {
                "stopped; what was accepted last is not published, the next watch or publish does it"
                    .to_owned()
            }
        })
    }
}

/// Counts, or why there are none. A refusal is a sentence for the deliverer and quotes nothing.
fn judgement(told: &Told) -> String {
    let report = &told.report;
    let before = match &told.accepted_before {
        Some(when) => format!(" (accepted before, {when})"),
        None => String::new(),
    };
    match report.refusal() {
        Some(refusal) => format!("not readable: {refusal}"),
        None => format!(
            "{} rows, {} admitted, {} rejected{before}",
            report.rows,
            report.admitted,
            report.rows - report.admitted
        ),
    }
}

/// To the millisecond.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}
