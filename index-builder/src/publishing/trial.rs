//! Asks the new generation about certificates that the ledger holds, by every pair of factors,
//! before anybody else can: with the reader that the server uses.
//!
//! About those that changed, withdrawn ones among them; and about others, drawn by lot, whose name
//! and identity number are looked up in the ledger: what was there before must still answer.

use certificate::{CertificateNumber, HolderName};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use snapshot::{BlobRef, CacheError, Found, OpenError, Publication, Question, Snapshot, look_up};

use super::Run;
use super::plan::Plan;
use crate::compile::{Growth, Onto, Witness, Witnesses};
use crate::failure::Failure;
use crate::ledger::Ledger;

/// Others asked about beside a fresh layer, whose base has been served before.
const OTHERS_OF_FRESH: u64 = 1_000;

/// Others asked about in a new base.
const OTHERS_OF_BASE: u64 = 10_000;

/// Certificates asked about before the pages that answered are given back: they take some 64 MB.
const ASKED_AT_ONCE: usize = 512;

impl Run<'_> {
    /// Opens the publication and asks. Returns how many certificates it was asked about.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] when it does not open or gives a wrong answer; nothing is published
    /// then.
    pub(super) fn ask(
        &self,
        publication: Publication,
        plan: &Plan<'_>,
        witnesses: &Witnesses,
    ) -> Result<u64, Failure> {
        let order = self.order;
        let served: Vec<BlobRef> = match plan {
            Plan::Ledger => Vec::new(),
            Plan::Grow(growth) => growth.previous.manifest.blobs().collect(),
        };
        let keys = [order.keys.lookup.clone()];
        let snapshot = Snapshot::rehearse(order.store, order.lock, publication, &keys, &served)?;
        let mut examiner = Examiner {
            snapshot,
            asked: 0,
            previous_name: None,
        };
        let pool = order.means.pool()?;
        pool.install(|| examiner.examine_all(witnesses))?;
        if let Plan::Grow(growth) = plan {
            examiner.examine_others(growth, order.ledger)?;
        }
        Ok(examiner.asked)
    }
}

/// Who asks.
struct Examiner {
    snapshot: Snapshot,
    asked: u64,
    /// The name of the certificate asked about before: a stranger's to the next.
    previous_name: Option<HolderName>,
}

impl Examiner {
    /// Asks about all witnesses, on all threads of the current pool.
    fn examine_all(&mut self, witnesses: &Witnesses) -> Result<(), Failure> {
        let all: Vec<_> = witnesses.iter().collect();
        let is_wrong = |&place: &usize| {
            let (number, witness) = all[place];
            let before = place.checked_sub(1).map(|before| &all[before].1.name);
            !self.answers(number, witness, before)
        };
        for first in (0..all.len()).step_by(ASKED_AT_ONCE) {
            let few = first..all.len().min(first + ASKED_AT_ONCE);
            if let Some(place) = few.into_par_iter().find_first(is_wrong) {
                return Err(wrong(all[place].1, place as u64));
            }
            self.snapshot.release();
        }
        self.asked += all.len() as u64;
        self.previous_name = all.last().map(|(_, witness)| witness.name.clone());
        Ok(())
    }

    fn examine(&mut self, number: &CertificateNumber, witness: &Witness) -> Result<(), Failure> {
        if !self.answers(number, witness, self.previous_name.as_ref()) {
            return Err(wrong(witness, self.asked));
        }
        self.asked += 1;
        self.previous_name = Some(witness.name.clone());
        Ok(())
    }

    /// Asks about certificates that have not changed.
    fn examine_others(&mut self, growth: &Growth<'_>, ledger: &Ledger) -> Result<(), Failure> {
        let most = match growth.onto {
            Onto::Fresh => OTHERS_OF_FRESH,
            Onto::Base => OTHERS_OF_BASE,
        };
        let known = (ledger, growth.index);
        for place in growth.previous.lots(most) {
            let unchanged = growth.previous.unchanged(known, place)?;
            let Some((number, witness)) = unchanged else {
                continue;
            };
            self.examine(&number, &witness)?;
            if self.asked.is_multiple_of(ASKED_AT_ONCE as u64) {
                self.snapshot.release();
            }
        }
        Ok(())
    }

    /// Whether every pair of factors finds the row that was written, and a stranger's name does
    /// not.
    fn answers(
        &self,
        number: &CertificateNumber,
        witness: &Witness,
        stranger: Option<&HolderName>,
    ) -> bool {
        let Some(row) = witness.row else {
            return false;
        };
        let expected = Found {
            number: *number,
            row,
        };
        let name = Some(witness.name.clone());
        let id_number = Some(witness.id_number.clone());
        let found = |number, name, id_number| {
            let question = Question::new(number, name, id_number)?;
            look_up(&self.snapshot, &question).ok()
        };
        let only = Some(vec![expected]);
        let by_holder = found(None, name.clone(), id_number.clone());
        let stranger = stranger.filter(|stranger| **stranger != witness.name);
        found(Some(*number), name, None) == only
            && found(Some(*number), None, id_number) == only
            && by_holder.is_some_and(|all| all.contains(&expected))
            && stranger.is_none_or(|name| {
                found(Some(*number), Some(name.clone()), None).is_some_and(|all| all.is_empty())
            })
    }
}

/// Names the change by its place in the ledger, never the certificate.
fn wrong(witness: &Witness, asked: u64) -> Failure {
    let sequence = witness.row.map_or(0, |row| row.sequence);
    Failure::Refused(format!(
        "the new generation gives a wrong answer about the certificate of ledger row {sequence}, \
         the {}. asked; nothing was published; run verify on the ledger, and report a bug if it \
         is whole",
        asked + 1
    ))
}

/// A full disk says nothing about the generation; everything else refuses it.
impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Cache(CacheError::File(error)) => Self::Store(error.into()),
            error => Self::Refused(format!(
                "the new generation does not open, nothing was published: {}",
                Self::chain(&error)
            )),
        }
    }
}
