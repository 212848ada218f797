//! The guards: yesterday's register compared with what is to be published, before the world sees
//! it. Each can be overridden by its own flag, and the channel entry then says so.

#[cfg(test)]
mod tests;

use snapshot::{Counts, Coverage, LedgerHead, Publication, Texts};

use super::Order;
use crate::compile::Compiled;
use crate::failure::{Exit, Failure, store_exit};
use crate::ledger::{Ledger, LedgerError, Summary};

/// Rows since the last publish from which on their rejections are looked at.
const REJECTIONS_FROM_ROWS: u64 = 1_000;

/// More rejections than one in so many rows stop publishing.
const REJECTED_ONE_IN: u64 = 5;

/// What a guard looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Guard {
    /// The ledger does not contain what was published.
    OtherLedger,
    /// There are fewer certificates.
    Shrink,
    /// An institution has no certificates any more.
    Vanished,
    /// Many of the newest rows were rejected.
    Rejections,
}

/// The guards that the operator has overridden, and those of them that would have stopped it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guards {
    allowed: Vec<Guard>,
    overridden: Vec<Guard>,
}

impl Guard {
    /// The flag that overrides it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::OtherLedger => "--allow-other-ledger",
            Self::Shrink => "--allow-shrink",
            Self::Vanished => "--allow-vanished",
            Self::Rejections => "--allow-rejections",
        }
    }
}

impl Guards {
    /// With these overridden.
    pub(crate) fn allowing(allowed: Vec<Guard>) -> Self {
        Self {
            allowed,
            overridden: Vec::new(),
        }
    }

    /// What the channel entry says: the flags that made a difference.
    pub(super) fn overrides(&self) -> Vec<String> {
        let flags = self.overridden.iter().map(|guard| guard.flag().to_owned());
        flags.collect()
    }

    /// Whether the ledger goes on from the live generation. Another one shows certificates vanish
    /// and sequences change their meaning.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`].
    pub(super) fn ledger(&mut self, live: &LedgerHead, ledger: &Ledger) -> Result<bool, Failure> {
        if is_contained(live, ledger)? {
            return Ok(true);
        }
        let why = format!(
            "the live generation was made from a ledger of {} batches whose last one has digest \
             {}; the ledger given, of {} batches, does not contain it; give the ledger that was \
             published",
            live.batches,
            live.head,
            ledger.head().batches
        );
        self.stop(Guard::OtherLedger, why).map(|()| false)
    }

    /// Whether few enough of the rows since the live generation were rejected. Files of which no
    /// row was admitted are not in the ledger, and so not in this count.
    pub(super) fn rejections(&mut self, since: &[Summary]) -> Result<(), Failure> {
        let rows: u64 = since.iter().map(|batch| batch.rows).sum();
        let admitted: u64 = since.iter().map(|batch| batch.admitted).sum();
        let rejected = rows.saturating_sub(admitted);
        if rows < REJECTIONS_FROM_ROWS || rejected * REJECTED_ONE_IN <= rows {
            return Ok(());
        }
        let why = format!(
            "{rejected} of the {rows} rows since the last publish were rejected; look at their \
             reports first"
        );
        self.stop(Guard::Rejections, why)
    }

    /// Whether the register still holds what it held.
    pub(super) fn register(
        &mut self,
        live: &Publication,
        texts: Option<&Texts>,
        compiled: &Compiled,
    ) -> Result<(), Failure> {
        self.shrink(&live.manifest().counts, &compiled.counts)?;
        match texts {
            Some(texts) => self.vanished(&texts.coverage, &compiled.coverage),
            None => Ok(()),
        }
    }

    fn shrink(&mut self, live: &Counts, new: &Counts) -> Result<(), Failure> {
        if new.certificates >= live.certificates {
            return Ok(());
        }
        let why = format!(
            "the register would shrink from {} to {} certificates; certificates are withdrawn, \
             never removed",
            live.certificates, new.certificates
        );
        self.stop(Guard::Shrink, why)
    }

    fn vanished(&mut self, live: &[Coverage], new: &[Coverage]) -> Result<(), Failure> {
        let is_there = |was: &Coverage| new.iter().any(|is| is.institution == was.institution);
        let Some(gone) = live.iter().find(|was| !is_there(was)) else {
            return Ok(());
        };
        let why = format!(
            "institution {} has {} certificates and would have none",
            gone.institution.as_str(),
            gone.certificates
        );
        self.stop(Guard::Vanished, why)
    }

    /// Stops, unless that was overridden.
    fn stop(&mut self, guard: Guard, why: String) -> Result<(), Failure> {
        if self.allowed.contains(&guard) {
            self.overridden.push(guard);
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "{why}; nothing was published; if this is meant, publish with {}",
            guard.flag()
        )))
    }
}

/// The tables of what is live, to compare with. Unreadable ones cannot be compared with: a guard
/// that cannot look does not say yes.
pub(super) fn live_texts(order: &Order<'_>, live: &Publication) -> Result<Option<Texts>, Failure> {
    match Texts::read(order.store, &live.manifest().texts) {
        Ok(texts) => Ok(Some(texts)),
        Err(_) if order.guards.allowed.contains(&Guard::Vanished) => Ok(None),
        // A disk that does not answer is no reason to do without the guard.
        Err(error) if store_exit(&error) == Exit::Io => Err(error.into()),
        Err(error) => Err(Failure::Input(format!(
            "the texts of what is live cannot be read, so it cannot be compared: {}; restore the \
             file, or publish with --layer base {}",
            Failure::chain(&error),
            Guard::Vanished.flag()
        ))),
    }
}

/// Whether a ledger went through this head. Each digest chains all batches before it, so one
/// comparison is enough.
pub(crate) fn is_contained(live: &LedgerHead, ledger: &Ledger) -> Result<bool, LedgerError> {
    if live.batches == 0 {
        return Ok(live.rows == 0);
    }
    let summary = ledger.summary(live.batches)?;
    Ok(summary.is_some_and(|batch| batch.digest == live.head && batch.last_sequence == live.rows))
}
