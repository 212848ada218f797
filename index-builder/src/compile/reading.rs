//! The first pass: every change of the ledger after some head, once, into the sort.
//!
//! Three things happen at the same time, each to another group of chunks: the next one is read
//! and its digest gone on with, the one before is parsed and hashed (nearly all of the work, on
//! all threads), and what depends on the order, the codes, is done to the one before that. So the
//! result does not depend on the number of threads, and no more than three groups are in memory.

use certificate::CertificateNumber;
use certificate::date::{self, Date};
use certificate::key::LookupKey;
use certificate::record::OperationKind;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::CompileError;
use super::codes::Tables;
use super::distinct::{ChunkTexts, Numbered};
use super::record::{KeyedChange, KeyedDetails, Shown, WIDTH, recode};
use super::witness::{Lot, Witness, Witnesses};
use crate::ledger::{Chunk, Chunks, Head, Ledger, LedgerError, Line, LineDetails};
use crate::progress::Progress;
use crate::sort::Sorter;

/// Chunks that each thread parses before the order matters again.
const CHUNKS_A_THREAD: usize = 8;

/// One chunk in a group for so much of the memory; over three groups it takes about 1.2 MB.
const MEMORY_A_CHUNK_BYTES: usize = 16 << 20;

/// What a line is long, at least, nearly always: so much room is made for changes.
const LINE_BYTES: usize = 160;

/// What the first pass fills.
pub(crate) struct Reading<'a> {
    pub(crate) key: &'a LookupKey,
    pub(crate) tables: Tables,
    pub(crate) witnesses: Witnesses,
    pub(crate) sorter: Sorter<WIDTH>,
}

/// A chunk whose changes are hashed; their codes are still the chunk's own numbers.
struct Keyed {
    changes: Vec<[u8; WIDTH]>,
    texts: Numbered,
    witnesses: Vec<(CertificateNumber, Witness)>,
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
        let (key, lot) = (self.key, self.witnesses.lot());
        let mut chunks = ledger.chunks_after(after);
        let mut group = next_group(&mut chunks, most)?;
        let mut keyed = Vec::new();
        let mut changes = 0;
        while !group.is_empty() || !keyed.is_empty() {
            let ((next, taken), hashed): (_, Result<Vec<Keyed>, CompileError>) = rayon::join(
                || rayon::join(|| next_group(&mut chunks, most), || self.take(keyed)),
                || {
                    group
                        .par_iter()
                        .map(|chunk| hash(chunk, key, lot))
                        .collect()
                },
            );
            changes += taken?;
            progress.advance(group.iter().map(|chunk| chunk.len() as u64).sum());
            keyed = hashed?;
            let done = std::mem::replace(&mut group, next?);
            done.into_iter().for_each(|chunk| chunks.reuse(chunk));
        }
        Ok(changes)
    }

    /// What depends on the order. Cost: some 20 ns a change, and the sort's.
    fn take(&mut self, group: Vec<Keyed>) -> Result<u64, CompileError> {
        let mut changes = 0;
        for keyed in group {
            let translation = keyed.texts.translation(&mut self.tables)?;
            for (number, witness) in keyed.witnesses {
                self.witnesses.remember(&number, witness);
            }
            changes += keyed.changes.len() as u64;
            for mut change in keyed.changes {
                recode(&mut change, &translation);
                self.sorter.push(change)?;
            }
        }
        Ok(changes)
    }
}

fn next_group(chunks: &mut Chunks<'_>, most: usize) -> Result<Vec<Chunk>, CompileError> {
    Ok(chunks.take(most).collect::<Result<_, LedgerError>>()?)
}

/// Parses a chunk and hashes its factors. Cost: about a microsecond for an issue or a correction.
fn hash(chunk: &Chunk, key: &LookupKey, lot: Lot) -> Result<Keyed, CompileError> {
    let mut texts = ChunkTexts::new();
    let mut changes = Vec::with_capacity(chunk.len() / LINE_BYTES);
    let mut witnesses = Vec::new();
    for line in chunk.lines() {
        let line = line?;
        changes.push(hash_line(&line, key, &mut texts)?.pack());
        if let Some(details) = line.details
            && lot.picks(&line.number)
        {
            let witness = Witness {
                name: details.name,
                id_number: details.id_number,
                row: None,
            };
            witnesses.push((line.number, witness));
        }
    }
    Ok(Keyed {
        changes,
        texts: texts.finish(),
        witnesses,
    })
}

fn hash_line<'a>(
    line: &Line<'a>,
    key: &LookupKey,
    texts: &mut ChunkTexts<'a>,
) -> Result<KeyedChange, CompileError> {
    let details = line.details.as_ref();
    let details = details.map(|details| hash_details(line, details, key, texts));
    Ok(KeyedChange {
        number: line.number,
        sequence: line.sequence,
        kind: line.kind,
        details: details.transpose()?,
        reason: match line.kind {
            OperationKind::Issue => None,
            _ => Some(texts.reason(line.reason)),
        },
        review_centre: texts.centre(line.centre),
        reviewed_on: day(line.reviewed_on, line.sequence)?,
    })
}

/// Cost: three HMACs, nearly half a microsecond.
fn hash_details<'a>(
    line: &Line<'a>,
    details: &LineDetails<'a>,
    key: &LookupKey,
    texts: &mut ChunkTexts<'a>,
) -> Result<KeyedDetails, CompileError> {
    let shown = Shown {
        name_tag: key.name_tag(&line.number, &details.name),
        id_tag: key.id_tag(&line.number, &details.id_number),
        initial: details.name.initial(),
        occupation: texts.occupation(details),
        direction: texts.direction(details.direction),
        issued_on: day(details.issued_on, line.sequence)?,
    };
    Ok(KeyedDetails {
        shown,
        holder: key.holder_key(&details.id_number, &details.name),
    })
}

fn day(on: Date, sequence: u64) -> Result<u16, CompileError> {
    date::to_day_number(on).ok_or(CompileError::Day { sequence })
}
