//! Writes one layer: numbers and rows as certificates come in the order of their numbers, holders
//! when all have come.

use certificate::CertificateNumber;
use certificate::key::HolderKey;
use snapshot::{BlobRef, Holders, NumbersAndRows, Row, Store, layout};

use super::CompileError;
use crate::progress::Progress;
use crate::relay::relay;
use crate::sort::{SortError, Sorter};

/// Bytes of a holder's key and an ordinal in the second sort.
const HOLDER_WIDTH: usize = HolderKey::LENGTH + 4;

/// Rows between two steps of the progress.
const PROGRESS_ROWS: u64 = 65_536;

/// Sorts holder keys with their ordinals.
pub(super) type HolderSorter = Sorter<HOLDER_WIDTH>;

/// A holder and one of its certificates.
pub(super) type Held = (HolderKey, u32);

/// A certificate on its way into a layer.
pub(super) struct Entry {
    pub(super) number: CertificateNumber,
    pub(super) row: Row,
    pub(super) holder: HolderKey,
}

/// The blobs of a layer.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) numbers: BlobRef,
    pub(super) holders: BlobRef,
    pub(super) rows: BlobRef,
    pub(super) certificates: u64,
}

/// A layer being written.
pub(super) struct LayerWriter<'s> {
    store: &'s Store,
    rows: NumbersAndRows<'s>,
    by_holder: HolderSorter,
    progress: Progress,
    certificates: u64,
}

impl<'s> LayerWriter<'s> {
    /// Begins a layer; `expected` certificates are for the progress only.
    pub(super) fn new(
        store: &'s Store,
        by_holder: HolderSorter,
        expected: u64,
    ) -> Result<Self, CompileError> {
        Ok(Self {
            store,
            rows: NumbersAndRows::new(store)?,
            by_holder,
            progress: Progress::count("writing rows", expected),
            certificates: 0,
        })
    }

    /// Writes the next certificate.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), CompileError> {
        let ordinal = self.push_row(&entry.number, &entry.row)?;
        let mut held = [0; HOLDER_WIDTH];
        let (key, rank) = held.split_at_mut(HolderKey::LENGTH);
        key.copy_from_slice(entry.holder.as_bytes());
        rank.copy_from_slice(&ordinal.to_be_bytes());
        Ok(self.by_holder.push(held)?)
    }

    /// Writes the next certificate, whose holder comes with those given to
    /// [`finish`](Self::finish). Returns its ordinal.
    pub(super) fn push_row(
        &mut self,
        number: &CertificateNumber,
        row: &Row,
    ) -> Result<u32, CompileError> {
        let ordinal = u32::try_from(self.certificates)
            .ok()
            .filter(|&ordinal| u64::from(ordinal) < layout::LAYER_ROWS_MAX)
            .ok_or(CompileError::LayerFull)?;
        self.rows.push(number, row)?;
        self.certificates += 1;
        if self.certificates.is_multiple_of(PROGRESS_ROWS) {
            self.progress.advance(PROGRESS_ROWS);
        }
        Ok(ordinal)
    }

    /// Writes the holders, those of pushed entries and `others`, which are in order, while numbers
    /// and rows are flushed and read back.
    pub(super) fn finish(
        self,
        others: impl Iterator<Item = Held> + Send,
    ) -> Result<Written, CompileError> {
        let Self {
            store,
            rows,
            by_holder,
            progress,
            certificates,
        } = self;
        drop(progress);
        let (rows, holders) = rayon::join(
            || rows.finish(),
            || {
                let ours = by_holder.finish()?.map(unpack);
                relay(merged(ours, others), |all| {
                    holders(store, certificates, all)
                })
            },
        );
        let (numbers, rows, _) = rows?;
        Ok(Written {
            numbers,
            holders: holders?,
            rows,
            certificates,
        })
    }
}

/// Two lists in order as one.
fn merged(
    ours: impl Iterator<Item = Result<Held, SortError>>,
    others: impl Iterator<Item = Held>,
) -> impl Iterator<Item = Result<Held, SortError>> {
    let mut ours = ours.peekable();
    let mut others = others.peekable();
    std::iter::from_fn(move || {
        let ours_first = match (ours.peek(), others.peek()) {
            (Some(Ok(ours)), Some(others)) => ours < others,
            (ours, _) => ours.is_some(),
        };
        match ours_first {
            true => ours.next(),
            false => others.next().map(Ok),
        }
    })
}

fn holders(
    store: &Store,
    certificates: u64,
    all: &mut dyn Iterator<Item = Result<Held, SortError>>,
) -> Result<BlobRef, CompileError> {
    let mut progress = Progress::count("writing holders", certificates);
    let mut writer = Holders::new(store, certificates)?;
    for (written, held) in (1_u64..).zip(all) {
        let (key, ordinal) = held?;
        writer.push(key, ordinal)?;
        if written.is_multiple_of(PROGRESS_ROWS) {
            progress.advance(PROGRESS_ROWS);
        }
    }
    Ok(writer.finish()?)
}

fn unpack(held: Result<[u8; HOLDER_WIDTH], SortError>) -> Result<Held, SortError> {
    let held = held?;
    let (key, rank) = held
        .split_first_chunk()
        .expect("a holder key is shorter than the record");
    let rank = rank.try_into().expect("the rest of the record is 4 bytes");
    Ok((HolderKey::from_bytes(*key), u32::from_be_bytes(rank)))
}
