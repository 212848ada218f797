//! Medians and quartiles over windows, and ratios to the floor's window of the same round.

use peers::processor::Memory;
use serde::Serialize;

use crate::pace::Late;
use crate::session::Load;
use crate::window::{Open, Window};

/// The target that the others are put in relation to.
pub(crate) const FLOOR: &str = "floor";

/// Cores used by neither of us above which a window is flagged.
const FOREIGN_MOST: f64 = 0.15;

/// Of its own core, above which the generator may be what limits the throughput.
const OWN_MOST: f64 = 0.9;

/// A target with its windows; those at the same place are of the same round.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) windows: Vec<Window>,
    pub(crate) memory: Memory,
}

/// One load, all targets.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Offered a second; absent in a closed loop.
    pub(crate) offered_per_s: Option<f64>,
    /// Requests at a time on a connection.
    pub(crate) pipelined: usize,
    /// Windows of each target.
    pub(crate) windows: usize,
    /// Rounds left out because somebody else used the processors; none when most had to be.
    pub(crate) left_out: usize,
    /// Rounds in which somebody did.
    pub(crate) flagged: usize,
    /// Throughput ratios are bounds: the generator was too busy in the floor's windows.
    pub(crate) generator_bound: bool,
    pub(crate) targets: Vec<Row>,
}

/// One target.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) answers_per_s: Spread,
    pub(crate) server_us: Spread,
    pub(crate) server_cores: Spread,
    pub(crate) own_cores: Spread,
    pub(crate) foreign_cores: Spread,
    /// Throughput of this target to that of the floor.
    pub(crate) throughput_ratio: Option<Spread>,
    /// Processor time of the floor for an answer to that of this target.
    pub(crate) processor_ratio: Option<Spread>,
    /// Of its processes at the end, its database's among them: what is resident, mapped files
    /// included, and what no file backs. What several share is divided among them.
    pub(crate) resident_bytes: u64,
    pub(crate) anonymous_bytes: u64,
    /// Questions of a window of an open loop that had no answer when it ended; they count as late.
    pub(crate) unanswered: Option<Spread>,
    /// Medians over slices of 100 ms.
    pub(crate) late_us: Option<Lateness>,
    /// How late the generator asked: medians over windows.
    pub(crate) own_late_us: Option<Lateness>,
}

/// Median and quartiles.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Lateness {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        Self {
            median: at(2),
            lower: at(1),
            upper: at(3),
        }
    }
}

impl Lateness {
    fn of<'l>(slices: impl Iterator<Item = &'l Late> + Clone) -> Option<Self> {
        slices.clone().next()?;
        let median = |of: fn(&Late) -> f64| Spread::of(slices.clone().map(of)).median;
        Some(Self {
            p50: median(|it| it.p50),
            p99: median(|it| it.p99),
            p999: median(|it| it.p999),
        })
    }
}

impl Report {
    /// Of the windows of each target.
    pub(crate) fn new(load: Load, mut targets: Vec<Measured>) -> Self {
        let windows = targets.iter().map(|it| it.windows.len()).min().unwrap_or(0);
        let is_quiet = |round: &usize| {
            let mut of_round = targets.iter().map(|it| &it.windows[*round]);
            of_round.all(|window| window.foreign_cores <= FOREIGN_MOST)
        };
        let quiet: Vec<usize> = (0..windows).filter(is_quiet).collect();
        let flagged = windows - quiet.len();
        // On a machine that is never quiet all windows count: ratios of one round still hold.
        let left_out = if flagged * 2 > windows { 0 } else { flagged };
        if left_out > 0 {
            for target in &mut targets {
                let windows = quiet.iter().map(|&round| target.windows[round].clone());
                target.windows = windows.collect();
            }
        }
        let floor = targets.iter().find(|it| it.name == FLOOR);
        let floor = floor.map(|it| it.windows.as_slice());
        let rows = targets.iter().map(|target| Row::new(target, floor));
        Self {
            offered_per_s: match load {
                Load::Open(rate) => Some(rate),
                Load::Closed { .. } => None,
            },
            pipelined: match load {
                Load::Open(_) => 1,
                Load::Closed { depth } => depth,
            },
            windows,
            left_out,
            flagged,
            generator_bound: matches!(load, Load::Closed { .. })
                && floor.is_some_and(|windows| {
                    Spread::of(windows.iter().map(|it| it.own_cores)).median > OWN_MOST
                }),
            targets: rows.collect(),
        }
    }
}

impl Row {
    fn new(measured: &Measured, floor: Option<&[Window]>) -> Self {
        let windows = &measured.windows;
        let spread = |of: fn(&Window) -> f64| Spread::of(windows.iter().map(of));
        let ratio = |of: fn(&Window, &Window) -> f64| {
            let pairs = windows.iter().zip(floor?);
            Some(Spread::of(pairs.map(|(own, floor)| of(own, floor))))
        };
        Self {
            name: measured.name.clone(),
            answers_per_s: spread(|it| it.answers_per_s),
            server_us: spread(|it| it.server_us),
            server_cores: spread(|it| it.server_cores),
            own_cores: spread(|it| it.own_cores),
            foreign_cores: spread(|it| it.foreign_cores),
            throughput_ratio: ratio(|own, floor| own.answers_per_s / floor.answers_per_s),
            processor_ratio: ratio(|own, floor| floor.server_us / own.server_us),
            resident_bytes: measured.memory.resident,
            anonymous_bytes: measured.memory.anonymous,
            unanswered: unanswered(windows),
            late_us: Lateness::of(open(windows).flat_map(|it| &it.slices)),
            own_late_us: Lateness::of(open(windows).map(|it| &it.own_late)),
        }
    }
}

/// What the windows of an open loop saw.
fn open(windows: &[Window]) -> impl Iterator<Item = &Open> + Clone {
    windows.iter().filter_map(|window| window.open.as_ref())
}

#[expect(clippy::cast_precision_loss, reason = "questions of a few seconds")]
fn unanswered(windows: &[Window]) -> Option<Spread> {
    let counts = open(windows).map(|it| it.unanswered as f64);
    counts.clone().next()?;
    Some(Spread::of(counts))
}
