//! Asks the new generation about certificates that the ledger was seen to hold, by every pair of
//! factors, before anybody else can: with the reader that the server uses, from a private copy,
//! as the server would.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use certificate::{CertificateNumber, HolderName};
use snapshot::{
    Cache, CacheError, Found, OpenError, Publication, Question, Snapshot, layout, look_up,
};

use super::Order;
use crate::compile::{Witness, Witnesses};
use crate::failure::Failure;

/// Opens the publication and asks. Returns how many certificates it was asked about.
///
/// # Errors
///
/// [`Failure::Refused`] when it does not open or gives a wrong answer; nothing is published then.
pub(super) fn ask(
    order: &Order<'_>,
    publication: Publication,
    witnesses: &Witnesses,
) -> Result<u64, Failure> {
    let staging = order.store.root().join(layout::staging());
    let folder = tempfile::Builder::new()
        .prefix("trial-")
        .permissions(Permissions::from_mode(layout::CACHE_MODE))
        .tempdir_in(&staging)
        .map_err(|source| Failure::Io {
            doing: "create a directory in",
            path: staging,
            source,
        })?;
    let cache = Cache::open(folder.path()).map_err(OpenError::Cache)?;
    let keys = [order.keys.lookup.clone()];
    let snapshot = Snapshot::open(&cache, order.store, publication, &keys)?;
    let mut asked = 0;
    let mut previous: Option<&Witness> = None;
    for (number, witness) in witnesses.iter() {
        if !answers(
            &snapshot,
            number,
            witness,
            previous.map(|other| &other.name),
        ) {
            return Err(wrong(witness, asked));
        }
        asked += 1;
        previous = Some(witness);
    }
    Ok(asked)
}

/// Whether every pair of factors finds the row that was written, and a stranger's name does not.
fn answers(
    snapshot: &Snapshot,
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
        look_up(snapshot, &question).ok()
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
