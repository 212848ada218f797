//! `watch`: what is delivered into the inbox is accepted and published without anybody typing.
//!
//! It does what `accept` and `publish` do, with their locks and no others, so that a person may
//! run these commands meanwhile. Nothing is remembered between two looks that a restart would need:
//! what lies in the inbox is still to be done, and the ledger knows a file that it has taken by its
//! digest. So it may be killed anywhere.

mod event;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use snapshot::Publication;

use self::event::Event;
use super::Context;
use super::accept::operator;
use super::judging::{Rules, write_report};
use super::publish::{LayerName, Publishing, Wish};
use crate::admit::{self, Signature};
use crate::ahead;
use crate::compile::CompileError;
use crate::failure::{Exit, Failure};
use crate::gate::Gate;
use crate::inbox::{Delivery, Inbox, Verdict};
use crate::ledger::{Accepting, Ledger};
use crate::publishing::refuse_pointed;

/// Time between two looks into the inbox.
const POLL: Duration = Duration::from_millis(100);

/// Time after which something that stood in the way is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Time between two calls of `publish` when nothing is delivered: it renews the live epoch once
/// in 24 hours, and takes up an edited registry and what was accepted by hand.
const IDLE: Duration = Duration::from_secs(600);

/// Accept and publish whatever is delivered into an inbox, until SIGTERM.
///
/// A *.csv or *.xlsx in the inbox is taken when its size and time of modification have not changed
/// for 500 ms, or at once when NAME.ok lies beside it (a.csv.ok); the oldest first. It is judged as
/// `accept` does and goes to accepted/ (one row or more admitted) or rejected/ in the inbox, with
/// NAME.report.json beside it; a name that exists gets a number (a.2.csv). Then the ledger is
/// published. The same file again changes nothing and gets its first report. Names that begin with
/// a dot, other endings and folders are passed over; a slow writer uses one, or the marker.
///
/// When somebody else is accepting or publishing, or the registry is being edited and cannot be
/// read, it waits, and files stay where they are. It ends with 2 when a guard of publish refuses,
/// or when the live generation was made by `point` and no publish by hand has moved on yet; with 74
/// when something cannot be read or written; with 75 when somebody else watches this inbox. It can
/// be killed at any time and started again. SIGTERM: the file at hand is finished, exit 0.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory that batches are delivered into.
    #[arg(long, value_name = "DIR")]
    inbox: PathBuf,

    #[command(flatten)]
    rules: Rules,

    /// The ledger; made when it is missing.
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,

    /// Write the report of the file judged last, as JSON, into this file too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    publishing: Publishing,
}

/// A run of `watch`.
struct Watch<'a> {
    args: &'a Args,
    context: &'a Context,
    inbox: Inbox,
    stop: &'a AtomicBool,
    /// Something was accepted that is not published.
    is_news: bool,
    /// The ledger's index has grown since it was put in order.
    is_untidy: bool,
    /// When `publish` is to be called next.
    publish_at: Instant,
    /// What stands in the way, as it was told.
    obstacle: Option<String>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|source| Failure::Io {
            doing: "wait for signals from",
            path: PathBuf::from("the system"),
            source,
        })?;
    }
    let mut watch = Watch::begin(&args, context, &stop, Instant::now())?;
    while !watch.is_stopped() {
        let pause = watch.step(Instant::now())?;
        thread::sleep(pause);
    }
    watch.tell(&Event::Stopped {
        unpublished: watch.is_news,
    })?;
    Ok(Exit::Done)
}

impl<'a> Watch<'a> {
    /// Locks the inbox and looks whether anything stands in the way for good; a name that leads
    /// nowhere would be waited for for ever.
    fn begin(
        args: &'a Args,
        context: &'a Context,
        stop: &'a AtomicBool,
        now: Instant,
    ) -> Result<Self, Failure> {
        let watch = Self {
            args,
            context,
            inbox: Inbox::open(&args.inbox)?,
            stop,
            is_news: false,
            is_untidy: false,
            publish_at: now,
            obstacle: None,
        };
        watch.args.rules.expect_names()?;
        watch.live()?;
        watch.tell(&Event::Watching { inbox: &args.inbox })?;
        Ok(watch)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// One round. Returns how long to rest: what will pass by itself is told once and tried again.
    fn step(&mut self, now: Instant) -> Result<Duration, Failure> {
        match self.round(now) {
            Ok(()) => {
                self.obstacle = None;
                Ok(POLL)
            }
            Err(failure) if will_pass(&failure) => {
                let line = failure.line();
                if self.obstacle.as_ref() != Some(&line) {
                    self.tell(&Event::Waiting { reason: &line })?;
                    self.obstacle = Some(line);
                }
                Ok(RETRY)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Accepts every file that is whole, then publishes once.
    fn round(&mut self, now: Instant) -> Result<(), Failure> {
        let ready = self.inbox.ready(now)?;
        if !ready.is_empty() {
            self.accept(&ready)?;
        }
        if (self.is_news || now >= self.publish_at) && !self.is_stopped() {
            self.publish()?;
            self.is_news = false;
            self.publish_at = now + IDLE;
        }
        if self.is_untidy && ready.is_empty() {
            self.tidy()?;
        }
        Ok(())
    }

    /// Puts the ledger's index in order while nothing is delivered.
    fn tidy(&mut self) -> Result<(), Failure> {
        let mut accepting = Accepting::begin(&self.args.ledger)?;
        let stop = || self.is_stopped() || !self.inbox.is_empty();
        self.is_untidy = !accepting.tidy(&stop)?;
        Ok(())
    }

    /// The registry is read, and the ledger locked, for this round only.
    fn accept(&mut self, ready: &[Delivery]) -> Result<(), Failure> {
        let gate = self.args.rules.open_gate()?;
        let mut accepting = Accepting::begin(&self.args.ledger)?;
        let operator = operator();
        for delivery in ready {
            if self.is_stopped() {
                break;
            }
            self.accept_one(delivery, &gate, &mut accepting, &operator)?;
        }
        Ok(())
    }

    fn accept_one(
        &mut self,
        delivery: &Delivery,
        gate: &Gate,
        accepting: &mut Accepting,
        operator: &str,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let now = (self.context.clock)();
        let signature = Signature { now, operator };
        let path = self.inbox.path(delivery);
        let told = ahead::judge(&[&path], gate, |ahead| {
            admit::accept(&path, ahead, accepting, &signature)
        })?;
        let verdict = match told.report.admitted {
            0 => Verdict::Rejected,
            _ => Verdict::Accepted,
        };
        self.is_news |= verdict == Verdict::Accepted;
        self.is_untidy |= verdict == Verdict::Accepted;
        let file = delivery.name.to_string_lossy();
        // What was judged is not what lies there now; the file is looked at anew.
        if !self.inbox.is_unchanged(delivery)? {
            return self.tell(&Event::Changed { file: &file });
        }
        if let Some(path) = &self.args.report {
            write_report(path, &format!("{}\n", told.json))?;
        }
        let filed = self.inbox.file_away(delivery, verdict, &told.json)?;
        self.tell(&Event::Judged {
            file: &file,
            filed: &filed,
            told: &told,
            took: began.elapsed(),
        })
    }

    fn publish(&self) -> Result<(), Failure> {
        let began = Instant::now();
        let Args {
            rules,
            ledger,
            publishing,
            ..
        } = self.args;
        let live = self.live()?;
        if live.is_none() && Ledger::open(ledger)?.head().batches == 0 {
            return Ok(());
        }
        // A layer that was asked for is for what is new, not for every look at the clock; and a
        // channel begins once.
        let layer = match self.is_news {
            true => publishing.layer,
            false => LayerName::Auto,
        };
        let epoch = live.map_or(0, |live| live.entry().epoch);
        let wish = Wish {
            layer,
            first_epoch: publishing.first_epoch.filter(|first| *first > epoch),
            may_leave_pointed: false,
        };
        let clock = self.context.clock;
        let report = publishing.publish((&rules.registry, ledger), &wish, clock)?;
        self.tell(&Event::Published {
            report: &report,
            took: began.elapsed(),
        })
    }

    /// What is live.
    ///
    /// # Errors
    ///
    /// A generation that `point` made was chosen by a person, and only a person may leave it.
    fn live(&self) -> Result<Option<Publication>, Failure> {
        let live = self.args.publishing.live()?;
        live.as_ref().map_or(Ok(()), refuse_pointed)?;
        Ok(live)
    }

    fn tell(&self, event: &Event<'_>) -> Result<(), Failure> {
        event.tell(self.context.json)
    }
}

/// Whether somebody is at work on what stands in the way: on the ledger or the store, or on the
/// registry, which is edited file by file.
fn will_pass(failure: &Failure) -> bool {
    use CompileError::{CentreMissing, InstitutionMissing};
    match failure {
        Failure::Registry(_) | Failure::Roll(_) => true,
        Failure::Compile(InstitutionMissing { .. } | CentreMissing { .. }) => true,
        failure => failure.exit() == Exit::Busy,
    }
}
