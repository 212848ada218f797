//! Where jobs run: how many there may be, and what they share.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::job;
use super::order::Order;
use super::premises::Premises;
use super::turns::Turns;
use super::{Refused, preview};
use crate::log::Log;
use crate::metrics::Metrics;
use crate::process;
use crate::refusal::Refusal;
use crate::reply::Piece;

/// Jobs of accounts under way at once, and of those without a key; more are refused at once. Apart,
/// so that nobody without a key stands in the way of one who has.
const JOBS_MOST: usize = 8;
const ANONYMOUS_JOBS_MOST: usize = 8;

/// Pieces of 64 KiB that wait for a slow reader.
const PIECES_WAITING: usize = 4;

/// Starts jobs.
#[derive(Debug)]
pub struct Workshop {
    slots: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
    premises: Arc<Premises>,
}

impl Workshop {
    /// A workshop in which `at_once` jobs compute at the same time, and workbooks are made in
    /// unlinked files in `spool`, a directory nobody else can read.
    pub fn new(at_once: usize, spool: PathBuf, metrics: Arc<Metrics>, log: Log) -> Self {
        let premises = Premises {
            turns: Arc::new(Turns::new(at_once)),
            spool,
            metrics,
            log,
        };
        Self {
            slots: Arc::new(Semaphore::new(JOBS_MOST)),
            anonymous: Arc::new(Semaphore::new(ANONYMOUS_JOBS_MOST)),
            premises: Arc::new(premises),
        }
    }

    /// Starts to answer a list; gives the pieces of its answer.
    ///
    /// # Errors
    ///
    /// What is wrong with the list as a whole, or that there are too many jobs.
    pub async fn answer(&self, order: Order) -> Result<mpsc::Receiver<Piece>, Refused> {
        let (begun, has_begun) = oneshot::channel();
        let (pieces, receiver) = mpsc::channel(PIECES_WAITING);
        let runtime = Handle::current();
        let (is_anonymous, is_apart) = (order.account.is_none(), order.is_apart);
        let deadline = order.deadline;
        self.start(is_anonymous, is_apart, move |premises, slot| {
            job::run(premises, order, slot, begun, pieces, runtime);
        })?;
        until(deadline, has_begun).await??;
        Ok(receiver)
    }

    /// Looks at a spreadsheet without answering it.
    ///
    /// # Errors
    ///
    /// What is wrong with it as a whole, or that there are too many jobs.
    pub async fn preview(
        &self,
        body: bytes::Bytes,
        is_anonymous: bool,
        deadline: Instant,
    ) -> Result<preview::Preview, Refused> {
        let (done, is_done) = oneshot::channel();
        self.start(is_anonymous, false, move |premises, slot| {
            let seen = preview::look(body, &premises.turns, deadline);
            drop(slot);
            // Nobody hears it when the client has gone.
            let _ = done.send(seen);
        })?;
        until(deadline, is_done).await?
    }

    /// A job that is apart from single look-ups runs only when the core has nothing else to do. Not
    /// so one whose connection is served beside them: it would be put aside while it holds a lock
    /// of their runtime, and they would wait for it.
    fn start(
        &self,
        is_anonymous: bool,
        is_apart: bool,
        work: impl FnOnce(&Premises, OwnedSemaphorePermit) + Send + 'static,
    ) -> Result<(), Refused> {
        let slots = match is_anonymous {
            true => &self.anonymous,
            false => &self.slots,
        };
        let slot = Arc::clone(slots).try_acquire_owned();
        let slot: OwnedSemaphorePermit = slot.map_err(|_| Refusal::Overloaded)?;
        let premises = Arc::clone(&self.premises);
        let job = move || {
            // Refused only where the system knows no such policy; the work is the same.
            if is_apart {
                let _ = process::run_when_idle();
            } else {
                let _ = process::give_way();
            }
            work(&premises, slot);
        };
        let thread = thread::Builder::new().name("bulk".to_owned());
        thread.spawn(job).map_err(|_| Refusal::Overloaded)?;
        Ok(())
    }
}

/// The first word of a job. One that has not said it by the deadline is not waited for; the job
/// finds that out and ends.
async fn until<T>(deadline: Instant, word: oneshot::Receiver<T>) -> Result<T, Refused> {
    let word = timeout_at(deadline, word).await;
    let word = word.map_err(|_| Refusal::Overloaded)?;
    // It goes without a word only when it panics.
    Ok(word.map_err(|_| Refusal::Internal)?)
}
