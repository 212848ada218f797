//! One window of one target: what it answered, and who used the processors meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use peers::processor;
use peers::questions::Questions;

use crate::arguments::Target;
use crate::pace::{Late, OpenLoop};
use crate::report::FLOOR;
use crate::session::{Load, Session, Source, Trouble};

/// Asked before a window counts, so that a server is in its stride.
const SETTLE: Duration = Duration::from_millis(150);

/// A target with where it is in the questions.
pub(crate) struct Asked {
    pub(crate) target: Target,
    questions: Rc<Questions>,
    connections: usize,
    next: usize,
}

/// What was seen in one window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) answers_per_s: f64,
    /// Processor time of the target for one answer.
    pub(crate) server_us: f64,
    /// Of a core.
    pub(crate) server_cores: f64,
    /// What we used of a core, but for looking in vain.
    pub(crate) own_cores: f64,
    /// Cores that neither of us used.
    pub(crate) foreign_cores: f64,
    /// In an open loop.
    pub(crate) open: Option<Open>,
}

/// What else is seen in an open loop.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// Questions that had no answer when the window ended.
    pub(crate) unanswered: u64,
    pub(crate) slices: Vec<Late>,
    pub(crate) own_late: Late,
}

/// Processor time and the clock.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    server: Duration,
    own: Duration,
    all: Duration,
}

impl Reading {
    fn of(pids: &[u32]) -> Self {
        Self {
            at: Instant::now(),
            server: processor::used_by(pids),
            own: processor::used_by_us(),
            all: processor::used_by_all(),
        }
    }
}

impl Asked {
    pub(crate) fn new(target: Target, questions: Rc<Questions>, connections: usize) -> Self {
        Self {
            target,
            questions,
            connections,
            next: 0,
        }
    }

    /// Asks for one window.
    pub(crate) fn window(&mut self, load: Load, length: Duration) -> Result<Window, Trouble> {
        let name = self.target.name.clone();
        self.measured(load, length)
            .map_err(|trouble| Trouble::Of(name, Box::new(trouble)))
    }

    fn measured(&mut self, load: Load, length: Duration) -> Result<Window, Trouble> {
        let pids = self.target.pids.clone();
        let (begun, ended) = (Cell::new(None), Cell::new(None));
        let begin = || begun.set(Some(Reading::of(&pids)));
        let end = || ended.set(Some(Reading::of(&pids)));
        let mut session = self.session(self.connections)?;
        let (answers, open) = match load {
            Load::Closed { depth } => {
                let answers = session.closed(depth, SETTLE, length, begin, end)?;
                (answers, None)
            }
            Load::Open(rate) => {
                let seen = session.open_loop(rate, SETTLE, length, begin, end)?;
                (seen.answers, Some(Open::from(seen)))
            }
        };
        let idle = session.take_idle();
        let (Some(begun), Some(ended)) = (begun.get(), ended.get()) else {
            return Err(Trouble::Silent);
        };
        let window = Window::between(begun, ended, answers, idle);
        Ok(Window { open, ..window })
    }

    fn session(&mut self, connections: usize) -> Result<Session<'_>, Trouble> {
        let source = Source {
            which: self.questions.matching(),
            questions: &self.questions,
            next: &mut self.next,
            constant: self.target.name == FLOOR,
        };
        Session::open(self.target.address, connections, source)
    }

    /// Asks every question that must miss once.
    pub(crate) fn check_misses(&mut self) -> Result<(), Trouble> {
        let missing = self.questions.missing();
        let source = Source {
            which: missing.clone(),
            questions: &self.questions,
            next: &mut 0,
            constant: false,
        };
        let name = self.target.name.clone();
        let asked = Session::open(self.target.address, 1, source)
            .and_then(|mut session| session.ask_each(missing.len()));
        asked.map_err(|trouble| Trouble::Of(name, Box::new(trouble)))
    }
}

impl Window {
    #[expect(clippy::cast_precision_loss, reason = "answers of a few seconds")]
    fn between(begun: Reading, ended: Reading, answers: u64, idle: Duration) -> Self {
        let seconds = (ended.at - begun.at).as_secs_f64();
        let cores = |of: fn(&Reading) -> Duration| {
            of(&ended).saturating_sub(of(&begun)).as_secs_f64() / seconds
        };
        let (server, own, all) = (
            cores(|it| it.server),
            cores(|it| it.own),
            cores(|it| it.all),
        );
        let answers_per_s = answers as f64 / seconds;
        Self {
            answers_per_s,
            server_us: server / answers_per_s * 1e6,
            server_cores: server,
            own_cores: (own - idle.as_secs_f64() / seconds).max(0.0),
            foreign_cores: (all - server - own).max(0.0),
            open: None,
        }
    }
}

impl From<OpenLoop> for Open {
    fn from(seen: OpenLoop) -> Self {
        Self {
            unanswered: seen.unanswered,
            slices: seen.slices,
            own_late: seen.own,
        }
    }
}
