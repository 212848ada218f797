//! A change as it is sorted: keyed hashes, codes and days, fixed width, no clear text.
//!
//! The bytes begin with number and sequence, so that sorting them brings together what happened
//! to one certificate, in the order in which it happened. The two together are 128 bits, which a
//! sort compares as one number.

use certificate::key::{HolderKey, Tag};
use certificate::number::{CLASS_LETTERS, CertificateNumber};
use certificate::record::OperationKind;

use super::distinct::Translation;

/// Bytes of a change in a sort run.
pub(crate) const WIDTH: usize = 60;

/// Where [`recode`] finds the kind and the codes.
const KIND_AT: usize = 16;
const CENTRE_AT: usize = 17;
const REASON_AT: usize = 20;
const OCCUPATION_AT: usize = 54;
const DIRECTION_AT: usize = 56;

/// Index (from 0) of the level in a number.
const LEVEL_INDEX: usize = 15;

/// Bits of a sequence, as in a row.
pub(crate) const SEQUENCE_BITS: u32 = 40;

/// Stands for no reason; codes stay below it.
const NO_REASON: u16 = u16::MAX;

/// One change, ready to be sorted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyedChange {
    pub(crate) number: CertificateNumber,
    /// Position in the ledger, from 1.
    pub(crate) sequence: u64,
    pub(crate) kind: OperationKind,
    /// `None` for a withdrawal and a restoration.
    pub(crate) details: Option<KeyedDetails>,
    /// Code of the reason; `None` for an issue.
    pub(crate) reason: Option<u16>,
    /// Code of the review centre.
    pub(crate) review_centre: u8,
    /// Packed day, see [`certificate::date::to_day_number`].
    pub(crate) reviewed_on: u16,
}

/// What an issue or a correction says, as far as it is published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyedDetails {
    pub(crate) shown: Shown,
    /// Under which the holder finds it; no row has it.
    pub(crate) holder: HolderKey,
}

/// The part of the details that a row has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shown {
    pub(crate) name_tag: Tag,
    pub(crate) id_tag: Tag,
    /// First character of the name, all that is shown of it.
    pub(crate) initial: char,
    /// Code of occupation code and name.
    pub(crate) occupation: u16,
    /// Code of the direction.
    pub(crate) direction: u16,
    /// Packed day.
    pub(crate) issued_on: u16,
}

impl KeyedChange {
    /// The bytes to sort. The sequence is one that a row can hold.
    pub(crate) fn pack(&self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        let mut rest = &mut bytes[..];
        let key = pack_number(&self.number) << SEQUENCE_BITS | u128::from(self.sequence);
        put(&mut rest, &key.to_be_bytes());
        put(&mut rest, &[kind_to_byte(self.kind), self.review_centre]);
        put(&mut rest, &self.reviewed_on.to_be_bytes());
        put(&mut rest, &self.reason.unwrap_or(NO_REASON).to_be_bytes());
        if let Some(KeyedDetails { shown, holder }) = &self.details {
            put(&mut rest, holder.as_bytes());
            put(&mut rest, shown.name_tag.as_bytes());
            put(&mut rest, shown.id_tag.as_bytes());
            put(&mut rest, &u32::from(shown.initial).to_be_bytes());
            put(&mut rest, &shown.occupation.to_be_bytes());
            put(&mut rest, &shown.direction.to_be_bytes());
            put(&mut rest, &shown.issued_on.to_be_bytes());
        }
        bytes
    }

    /// The change of these bytes; `None` when they are not what [`pack`](Self::pack) made.
    pub(crate) fn unpack(bytes: &[u8; WIDTH]) -> Option<Self> {
        let mut rest = &bytes[..];
        let key = u128::from_be_bytes(take(&mut rest));
        let number = unpack_number(key >> SEQUENCE_BITS)?;
        let sequence = u64::try_from(key & ((1 << SEQUENCE_BITS) - 1)).ok()?;
        let [kind, review_centre] = take(&mut rest);
        let kind = kind_from_byte(kind)?;
        let reviewed_on = u16::from_be_bytes(take(&mut rest));
        let reason = u16::from_be_bytes(take(&mut rest));
        let details = match kind.is_full_row() {
            true => Some(KeyedDetails::unpack(&mut rest)?),
            false => None,
        };
        Some(Self {
            number,
            sequence,
            kind,
            details,
            reason: (reason != NO_REASON).then_some(reason),
            review_centre,
            reviewed_on,
        })
    }
}

/// Replaces the numbers that a chunk gave its texts by the codes of the register.
pub(super) fn recode(bytes: &mut [u8; WIDTH], translation: &Translation) {
    bytes[CENTRE_AT] = translation.centres[usize::from(bytes[CENTRE_AT])];
    let kind = kind_from_byte(bytes[KIND_AT]);
    let mut replace = |at: usize, codes: &[u16]| {
        let number = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        bytes[at..at + 2].copy_from_slice(&codes[usize::from(number)].to_be_bytes());
    };
    if kind != Some(OperationKind::Issue) {
        replace(REASON_AT, &translation.reasons);
    }
    if kind.is_some_and(OperationKind::is_full_row) {
        replace(OCCUPATION_AT, &translation.occupations);
        replace(DIRECTION_AT, &translation.directions);
    }
}

/// 88 bits in the order of the numbers: two for the class letter, four for a digit, six for the
/// level, which may be a letter.
fn pack_number(number: &CertificateNumber) -> u128 {
    let [class, rest @ ..] = number.as_bytes();
    let class = CLASS_LETTERS.iter().position(|letter| letter == class);
    let mut packed = class.unwrap_or(0) as u128;
    for (index, &byte) in (1..).zip(rest) {
        packed = match index {
            LEVEL_INDEX => packed << 6 | u128::from(byte - b'0'),
            _ => packed << 4 | u128::from(byte & 0x0F),
        };
    }
    packed
}

/// The number of these bits; `None` when no number has them.
fn unpack_number(mut packed: u128) -> Option<CertificateNumber> {
    let mut bytes = [0; CertificateNumber::LENGTH];
    let (class, rest) = bytes.split_first_mut()?;
    for (index, byte) in rest.iter_mut().enumerate().rev() {
        let bits = if index == LEVEL_INDEX - 1 { 6 } else { 4 };
        let [low, ..] = (packed & ((1 << bits) - 1)).to_le_bytes();
        packed >>= bits;
        *byte = low + b'0';
    }
    *class = *CLASS_LETTERS.get(usize::try_from(packed).ok()?)?;
    CertificateNumber::from_canonical(std::str::from_utf8(&bytes).ok()?).ok()
}

impl KeyedDetails {
    fn unpack(rest: &mut &[u8]) -> Option<Self> {
        let holder = HolderKey::from_bytes(take(rest));
        let shown = Shown {
            name_tag: Tag::from_bytes(take(rest)),
            id_tag: Tag::from_bytes(take(rest)),
            initial: char::from_u32(u32::from_be_bytes(take(rest)))?,
            occupation: u16::from_be_bytes(take(rest)),
            direction: u16::from_be_bytes(take(rest)),
            issued_on: u16::from_be_bytes(take(rest)),
        };
        Some(Self { shown, holder })
    }
}

fn put(rest: &mut &mut [u8], field: &[u8]) {
    let (into, after) = std::mem::take(rest).split_at_mut(field.len());
    into.copy_from_slice(field);
    *rest = after;
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (field, after) = rest
        .split_first_chunk()
        .expect("the fields together are WIDTH bytes long");
    *rest = after;
    *field
}

fn kind_to_byte(kind: OperationKind) -> u8 {
    match kind {
        OperationKind::Issue => 1,
        OperationKind::Correct => 2,
        OperationKind::Withdraw => 3,
        OperationKind::Restore => 4,
    }
}

fn kind_from_byte(byte: u8) -> Option<OperationKind> {
    Some(match byte {
        1 => OperationKind::Issue,
        2 => OperationKind::Correct,
        3 => OperationKind::Withdraw,
        4 => OperationKind::Restore,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: &str, sequence: u64, kind: OperationKind) -> KeyedChange {
        let shown = Shown {
            name_tag: Tag::from_bytes([1; 8]),
            id_tag: Tag::from_bytes([2; 8]),
            initial: '𠮷',
            occupation: 4,
            direction: 0x0506,
            issued_on: u16::MAX,
        };
        let details = KeyedDetails {
            shown,
            holder: HolderKey::from_bytes([3; 12]),
        };
        KeyedChange {
            number: CertificateNumber::parse(number).unwrap(),
            sequence,
            kind,
            details: kind.is_full_row().then_some(details),
            reason: (kind != OperationKind::Issue).then_some(7),
            review_centre: 255,
            reviewed_on: 18_330,
        }
    }

    #[test]
    fn every_kind_comes_back_from_its_bytes() {
        for kind in [
            OperationKind::Issue,
            OperationKind::Correct,
            OperationKind::Withdraw,
            OperationKind::Restore,
        ] {
            let change = change("J000044000001203000123", (1 << SEQUENCE_BITS) - 1, kind);
            assert_eq!(KeyedChange::unpack(&change.pack()), Some(change));
        }
    }

    #[test]
    fn bytes_sort_by_number_then_sequence() {
        let issue = OperationKind::Issue;
        let in_order = [
            change("J000044000001203000122", 900, issue),
            change("J000044000001203000123", 2, OperationKind::Restore),
            change("J000044000001203000123", 255, issue),
            change("J000044000001203000123", 256, issue),
            change("J00004400000120A000001", 1, issue),
            change("J00004400000120Z000001", 1, issue),
            change("J000044000001210000001", 1, issue),
            change("S000044000001203000001", 1, issue),
            change("Y000044000001203000001", 1, issue),
        ];
        let packed = in_order.map(|change| change.pack());
        assert!(packed.is_sorted());
    }

    #[test]
    fn codes_take_the_place_of_numbers_and_nothing_else_changes() {
        let translation = Translation {
            occupations: vec![0, 0, 0, 0, 400],
            directions: vec![500; 0x0507],
            reasons: vec![600; 8],
            centres: vec![70; 256],
        };
        for kind in [
            OperationKind::Issue,
            OperationKind::Correct,
            OperationKind::Withdraw,
        ] {
            let mut expected = change("J000044000001203000123", 1, kind);
            let mut bytes = expected.pack();
            recode(&mut bytes, &translation);
            expected.review_centre = 70;
            expected.reason = expected.reason.map(|_| 600);
            if let Some(KeyedDetails { shown, .. }) = &mut expected.details {
                (shown.occupation, shown.direction) = (400, 500);
            }
            assert_eq!(KeyedChange::unpack(&bytes), Some(expected), "{kind:?}");
        }
    }

    #[test]
    fn other_bytes_are_not_a_change() {
        let good = change("J000044000001203000123", 1, OperationKind::Issue).pack();
        for (index, byte) in [(0, 0xFF), (5, 0xFF), (16, 0), (16, 9), (50, 0xFF)] {
            let mut bad = good;
            bad[index] = byte;
            assert_eq!(KeyedChange::unpack(&bad), None, "byte {index}");
        }
    }
}
