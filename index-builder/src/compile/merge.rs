//! Puts newer certificates over older ones, without reading the ledger for the older ones.
//!
//! What comes out is byte for byte what compiling the whole ledger gives: rows are copied, and
//! only their ordinals move.

use std::iter::Peekable;

use certificate::CertificateNumber;
use certificate::key::HolderKey;
use snapshot::{PublishedLayer, Row};

use super::CompileError;
use super::writing::{Entry, Held, LayerWriter, Written};

/// Certificates in the order of their numbers.
type Entries<'a> = Box<dyn Iterator<Item = Result<Entry, CompileError>> + 'a>;

/// Two lists of certificates as one; of equal numbers the newer list's.
pub(super) struct Overlay<'a> {
    older: Peekable<Entries<'a>>,
    newer: Peekable<Entries<'a>>,
}

/// How the ordinals of a layer move when others are put over it.
#[derive(Default)]
struct Moves {
    /// One bit an old ordinal: a newer row stands in its place.
    replaced: Vec<u64>,
    /// For each new certificate, the old ordinal before which it was put; ascending.
    inserted: Vec<u32>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(
        older: impl Iterator<Item = Result<Entry, CompileError>> + 'a,
        newer: impl Iterator<Item = Result<Entry, CompileError>> + 'a,
    ) -> Self {
        Self {
            older: (Box::new(older) as Entries<'a>).peekable(),
            newer: (Box::new(newer) as Entries<'a>).peekable(),
        }
    }
}

impl Iterator for Overlay<'_> {
    type Item = Result<Entry, CompileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = match (self.older.peek(), self.newer.peek()) {
            (Some(Err(_)), _) | (_, None) => return self.older.next(),
            (_, Some(Err(_))) | (None, _) => return self.newer.next(),
            (Some(Ok(older)), Some(Ok(newer))) if older.number < newer.number => {
                return self.older.next();
            }
            (_, Some(Ok(newer))) => newer.number,
        };
        self.older
            .next_if(|older| older.as_ref().is_ok_and(|older| older.number == number));
        self.newer.next()
    }
}

/// The certificates of a small layer with their holders. Memory: 12 bytes a certificate.
pub(super) fn entries(
    layer: Option<&PublishedLayer>,
) -> impl Iterator<Item = Result<Entry, CompileError>> + '_ {
    layer.into_iter().flat_map(|layer| {
        let certificates = usize::try_from(layer.certificates()).unwrap_or(0);
        let mut holders = vec![HolderKey::from_bytes([0; 12]); certificates];
        for (holder, ordinal) in layer.holders() {
            if let Some(place) = holders.get_mut(ordinal as usize) {
                *place = holder;
            }
        }
        layer.rows().zip(holders).map(|(certificate, holder)| {
            let (number, row) = certificate?;
            Ok(Entry {
                number,
                row,
                holder,
            })
        })
    })
}

/// Writes a base with `newer` put over it as one layer, in one pass over the rows and one over
/// the holders. `change` sees each row before it is written.
///
/// Memory: 4 bytes for each certificate that `newer` adds, one bit for each of the base. Cost:
/// about a microsecond for each certificate.
pub(super) fn onto_base(
    base: &PublishedLayer,
    newer: impl Iterator<Item = Result<Entry, CompileError>>,
    mut writer: LayerWriter<'_>,
    mut change: impl FnMut(&CertificateNumber, Row) -> Result<Row, CompileError>,
) -> Result<Written, CompileError> {
    let mut moves = Moves::default();
    let mut newer = newer.peekable();
    for (older, ordinal) in base.rows().zip(0..) {
        let (number, row) = older?;
        while let Some(entry) = newer.next_if(|next| is_before(next, &number)) {
            put(&mut writer, entry?, &mut change)?;
            moves.inserted.push(ordinal);
        }
        match newer.next_if(|next| next.as_ref().is_ok_and(|next| next.number == number)) {
            Some(entry) => {
                put(&mut writer, entry?, &mut change)?;
                moves.replace(ordinal);
            }
            None => {
                let row = change(&number, row)?;
                writer.push_row(&number, &row)?;
            }
        }
    }
    for entry in newer {
        put(&mut writer, entry?, &mut change)?;
    }
    let kept = base.holders();
    writer.finish(kept.filter_map(|held| moves.follow(held)))
}

fn put(
    writer: &mut LayerWriter<'_>,
    mut entry: Entry,
    mut change: impl FnMut(&CertificateNumber, Row) -> Result<Row, CompileError>,
) -> Result<(), CompileError> {
    entry.row = change(&entry.number, entry.row)?;
    writer.push(&entry)
}

/// An error comes first, so that it is not put off.
fn is_before(next: &Result<Entry, CompileError>, number: &CertificateNumber) -> bool {
    next.as_ref().map_or(true, |next| next.number < *number)
}

impl Moves {
    fn replace(&mut self, ordinal: u32) {
        let word = (ordinal / u64::BITS) as usize;
        if self.replaced.len() <= word {
            self.replaced.resize(word + 1, 0);
        }
        self.replaced[word] |= 1 << (ordinal % u64::BITS);
    }

    /// Where a holder's certificate is now; `None` when a newer row brings its own holder. Moving
    /// keeps the order.
    fn follow(&self, (holder, ordinal): Held) -> Option<Held> {
        let word = self.replaced.get((ordinal / u64::BITS) as usize);
        if word.is_some_and(|word| word & (1 << (ordinal % u64::BITS)) != 0) {
            return None;
        }
        let before = self.inserted.partition_point(|&place| place <= ordinal);
        let moved = u32::try_from(before).ok()?.checked_add(ordinal)?;
        Some((holder, moved))
    }
}
