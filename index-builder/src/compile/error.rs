//! Why a ledger cannot be compiled.

use certificate::InstitutionCode;
use snapshot::{FileError, PublishedError, StoreError, WriteError};

use super::history::Misfit;
use crate::failure::{Exit, store_exit};
use crate::ledger::LedgerError;
use crate::sort::SortError;

/// None of these changes what is published. Changes are named by their position in the ledger.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// The system gives no threads.
    #[error("cannot start threads; give fewer with --threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger has not the rows that its head says.
    #[error("the ledger has {found} rows, its head says {expected}; verify it")]
    Rows { expected: u64, found: u64 },
    /// A day that a row cannot hold.
    #[error("change {sequence} of the ledger has a day outside 1970-01-01 to 2149-06-06")]
    Day { sequence: u64 },
    /// The ledger was not written by the gate.
    #[error("change {} of the ledger does not fit its certificate's state; verify it", .0.sequence)]
    Misfit(Misfit),
    /// More different texts than codes.
    #[error("the ledger has more than {most} different {table}; a row cannot tell them apart")]
    TableFull { table: &'static str, most: usize },
    /// More certificates than ordinals.
    #[error("a layer holds no more certificates")]
    LayerFull,
    /// Certificates would have no institution to show.
    #[error(
        "institutions.csv lacks {}, which has {certificates} certificates; a removed institution \
         keeps its row and gets removed_on", code.as_str()
    )]
    InstitutionMissing {
        code: InstitutionCode,
        certificates: u64,
    },
    /// Certificates would name a review centre that nobody can call.
    #[error(
        "centres.csv lacks {code}, which has reviewed certificates; a closed centre keeps its row"
    )]
    CentreMissing { code: String },
    /// A sort could not use its temporary files.
    #[error("cannot sort; is the store's disk full?")]
    Sort(#[from] SortError),
    /// A temporary file gave other bytes than were written.
    #[error("a temporary file of the sort came back damaged; check the disk")]
    Spool,
    /// A layer of the generation to go on from cannot be used.
    #[error("cannot go on from the live generation; publish with --layer base")]
    Previous(#[from] PublishedError),
    /// The counts of a generation are not those of its rows.
    #[error("the counts of the live generation do not fit its rows; publish with --layer base")]
    Counts,
    /// A generation of another ledger, or of the first release.
    #[error(
        "its tables are not the beginning of those of the newest generation, so it was made from \
         another ledger or by the first release; publish a correction instead"
    )]
    Lineage,
    /// A blob cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A writer was given what it cannot hold.
    #[error("cannot write the layer")]
    Write(#[from] WriteError),
}

impl CompileError {
    /// The exit code it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Ledger(error) => error.exit(),
            Self::Store(error) => store_exit(error),
            Self::Sort(_) | Self::Spool | Self::Threads(_) => Exit::Io,
            Self::Previous(PublishedError::File(FileError::Io { .. })) => Exit::Io,
            Self::Write(WriteError::Store(error)) => store_exit(error),
            Self::Write(_) => Exit::Bug,
            _ => Exit::Input,
        }
    }
}

impl From<Misfit> for CompileError {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit)
    }
}
