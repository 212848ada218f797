//! What `publish` tells: for people a few lines, for machines the same as JSON.

use std::time::Duration;

use serde_json::{Value, json};
use snapshot::{Manifest, Publication};

use crate::sizes::{Sizes, grouped};

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A new generation is live.
    Published,
    /// Nothing is new; a new epoch says that the live generation is still looked after.
    Renewed,
    /// Nothing is new and the live epoch is young enough.
    Unchanged,
}

/// The whole report.
pub(crate) struct Report {
    outcome: Outcome,
    channel: String,
    epoch: u64,
    manifest: Manifest,
    /// Certificates that the trial asked about.
    asked: Option<u64>,
    seconds: Seconds,
}

/// How long each phase took, in order.
#[derive(Default)]
pub(crate) struct Seconds(Vec<(&'static str, Duration)>);

impl Report {
    pub(super) fn new(outcome: Outcome, publication: &Publication) -> Self {
        Self {
            outcome,
            channel: publication.entry().channel.to_string(),
            epoch: publication.entry().epoch,
            manifest: Manifest::clone(publication.manifest()),
            asked: None,
            seconds: Seconds::default(),
        }
    }

    /// The report on a new generation.
    pub(super) fn of_build(
        publication: &Publication,
        asked: Option<u64>,
        seconds: Seconds,
    ) -> Self {
        Self {
            asked,
            seconds,
            ..Self::new(Outcome::Published, publication)
        }
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let manifest = &self.manifest;
        let sizes = Sizes::of(manifest);
        json!({
            "outcome": self.outcome.word(),
            "channel": self.channel,
            "epoch": self.epoch,
            "generation": manifest.generation,
            "certificates": manifest.counts.certificates,
            "withdrawn": manifest.counts.withdrawn,
            "institutions": manifest.counts.institutions,
            "ledger": manifest.ledger,
            "bytes": sizes,
            "bytes_per_certificate": sizes.per_certificate(manifest.counts.certificates),
            "asked": self.asked,
            "seconds": self.seconds.json(),
        })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let Self { channel, epoch, .. } = self;
        let counts = &self.manifest.counts;
        let generation = self.manifest.generation;
        let mut text = match self.outcome {
            Outcome::Published => {
                format!("published generation {generation} as epoch {epoch} of {channel}")
            }
            Outcome::Renewed => format!(
                "nothing new; generation {generation} goes on as epoch {epoch} of {channel}"
            ),
            Outcome::Unchanged => format!(
                "nothing new; generation {generation} stays live as epoch {epoch} of {channel}"
            ),
        };
        text += &format!(
            ": {} certificates of {} institutions, {} of them withdrawn\n",
            grouped(counts.certificates),
            grouped(counts.institutions),
            grouped(counts.withdrawn)
        );
        if self.outcome == Outcome::Published {
            text += &Sizes::of(&self.manifest).text(counts.certificates);
        }
        if let Some(asked) = self.asked {
            text += &format!(
                "  asked about {} certificates, every answer right\n",
                grouped(asked)
            );
        }
        if self.outcome == Outcome::Published {
            text += &format!("  seconds: {}\n", self.seconds.text());
        }
        text
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Renewed => "renewed",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Seconds {
    pub(super) fn extend(&mut self, phases: &[(&'static str, Duration)]) {
        self.0.extend_from_slice(phases);
    }

    pub(super) fn push(&mut self, phase: &'static str, took: Duration) {
        self.0.push((phase, took));
    }

    fn total(&self) -> Duration {
        self.0.iter().map(|(_, took)| *took).sum()
    }

    fn json(&self) -> Value {
        let phases = self.0.iter().copied().chain([("total", self.total())]);
        let phase = |(phase, took): (&str, Duration)| (phase.to_owned(), rounded(took));
        Value::Object(phases.map(phase).collect())
    }

    fn text(&self) -> String {
        let phases = self.0.iter().copied().chain([("total", self.total())]);
        let phase = |(phase, took): (&str, Duration)| format!("{phase} {:.1}", took.as_secs_f64());
        phases.map(phase).collect::<Vec<_>>().join(", ")
    }
}

/// Seconds to the millisecond.
fn rounded(took: Duration) -> Value {
    json!((took.as_secs_f64() * 1000.0).round() / 1000.0)
}
