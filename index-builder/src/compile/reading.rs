//! The first pass: every change of the ledger after some head, once, into the sort.
//!
//! Parsing and hashing, nearly all of the work, is done in parallel a group of chunks at a time;
//! what depends on the order, the codes, is done in the order of the ledger. So the result does
//! not depend on the number of threads, and no more than a group is in memory.

use certificate::date::{self, Date};
use certificate::key::{HolderKey, LookupKey, Tag};
use certificate::record::{Details, Operation, OperationKind};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::CompileError;
use super::codes::Tables;
use super::record::{KeyedChange, KeyedDetails, Shown, WIDTH};
use super::witness::Witnesses;
use crate::ledger::{Chunk, Entry, Head, Ledger, LedgerError};
use crate::progress::Progress;
use crate::sort::Sorter;

/// Chunks that each thread parses before the order matters again.
const CHUNKS_A_THREAD: usize = 2;

/// One chunk in flight for so much of the memory; parsed, it takes about 5 MB.
const MEMORY_A_CHUNK_BYTES: usize = 32 << 20;

/// What the first pass fills.
pub(crate) struct Reading<'a> {
    pub(crate) key: &'a LookupKey,
    pub(crate) tables: Tables,
    pub(crate) witnesses: Witnesses,
    pub(crate) sorter: Sorter<WIDTH>,
}

/// An entry with the hashes of its factors; `None` when it has none.
struct Keyed {
    entry: Entry,
    hashes: Option<Hashes>,
}

struct Hashes {
    name_tag: Tag,
    id_tag: Tag,
    holder: HolderKey,
}

impl Reading<'_> {
    /// Reads the ledger after a head. Returns how many changes that were.
    pub(crate) fn read(
        &mut self,
        ledger: &Ledger,
        after: &Head,
        memory_bytes: usize,
    ) -> Result<u64, CompileError> {
        let mut progress = Progress::bytes("reading the ledger", ledger.bytes_after(after)?);
        let most = (rayon::current_num_threads() * CHUNKS_A_THREAD)
            .min(memory_bytes / MEMORY_A_CHUNK_BYTES)
            .max(1);
        let mut chunks = ledger.chunks_after(after);
        let mut changes = 0;
        loop {
            let group: Vec<Chunk> = chunks.by_ref().take(most).collect::<Result<_, _>>()?;
            if group.is_empty() {
                return Ok(changes);
            }
            changes += self.take(&group)?;
            progress.advance(group.iter().map(|chunk| chunk.len() as u64).sum());
        }
    }

    fn take(&mut self, group: &[Chunk]) -> Result<u64, CompileError> {
        let key = self.key;
        let hashed = |chunk: &Chunk| chunk.entries().map(|entry| Ok(hash(key, entry?))).collect();
        let keyed: Vec<Result<Vec<Keyed>, LedgerError>> = group.par_iter().map(hashed).collect();
        let mut changes = 0;
        for entries in keyed {
            for keyed in entries? {
                self.witnesses.observe(&keyed.entry.change);
                let change = self.code(keyed)?;
                self.sorter.push(change.pack())?;
                changes += 1;
            }
        }
        Ok(changes)
    }

    /// Replaces texts by codes.
    fn code(&mut self, keyed: Keyed) -> Result<KeyedChange, CompileError> {
        let Entry {
            sequence, change, ..
        } = keyed.entry;
        let kind = change.operation.kind();
        let reason = match kind {
            OperationKind::Issue => None,
            _ => Some(self.tables.reasons.code(change.reason)?),
        };
        let details = match (change.operation, keyed.hashes) {
            (Operation::Issue(details) | Operation::Correct(details), Some(hashes)) => {
                Some(self.code_details(*details, &hashes, sequence)?)
            }
            _ => None,
        };
        Ok(KeyedChange {
            number: change.number,
            sequence,
            kind,
            details,
            reason,
            review_centre: self.tables.centre(change.review.centre)?,
            reviewed_on: day(change.review.on, sequence)?,
        })
    }

    fn code_details(
        &mut self,
        details: Details,
        hashes: &Hashes,
        sequence: u64,
    ) -> Result<KeyedDetails, CompileError> {
        let occupation = (details.occupation_code, details.occupation_name);
        let shown = Shown {
            name_tag: hashes.name_tag,
            id_tag: hashes.id_tag,
            initial: details.name.initial(),
            occupation: self.tables.occupations.code(occupation)?,
            direction: self.tables.directions.code(details.direction)?,
            issued_on: day(details.issued_on, sequence)?,
        };
        Ok(KeyedDetails {
            shown,
            holder: hashes.holder,
        })
    }
}

/// Cost: three HMACs, about a microsecond, for an issue or a correction.
fn hash(key: &LookupKey, entry: Entry) -> Keyed {
    let number = &entry.change.number;
    let hashes = entry.change.operation.details().map(|details| Hashes {
        name_tag: key.name_tag(number, &details.name),
        id_tag: key.id_tag(number, &details.id_number),
        holder: key.holder_key(&details.id_number, &details.name),
    });
    Keyed { entry, hashes }
}

fn day(on: Date, sequence: u64) -> Result<u16, CompileError> {
    date::to_day_number(on).ok_or(CompileError::Day { sequence })
}
