//! One certificate as 43 packed bytes, all that the public register keeps of it.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | CRC-32C of the certificate number (22 bytes) and of bytes 4–42 |
//! | 4 | 8 | tag of the name |
//! | 12 | 8 | tag of the identity number |
//! | 20 | 3 | bits 0–20: first character of the name, a Unicode scalar; 21: withdrawn; 22, 23: zero |
//! | 23 | 2 | occupation, a code of the texts |
//! | 25 | 2 | direction, a code |
//! | 27 | 2 | reason, a code; `0xffff` none |
//! | 29 | 1 | review centre, a code |
//! | 30 | 2 | issued on, days since 1970-01-01 |
//! | 32 | 2 | reviewed on |
//! | 34 | 2 | status since; `0xffff` none |
//! | 36 | 2 | revision |
//! | 38 | 5 | sequence of the newest change |
//!
//! All numbers are little endian. Institution, year, level and serial follow from the number,
//! which is not stored: an ordinal leads back to it. The number is part of the checksum, so a
//! row in the wrong place is a damaged row.

use certificate::date::{self, Date};
use certificate::{CertificateNumber, Tag};

use crate::layout;

/// What stands for "none" where a code or a day may be absent.
const NONE: u16 = u16::MAX;

/// Bits of a Unicode scalar; the status lies above them.
const INITIAL_BITS: u32 = 21;

/// Largest sequence of 40 bits.
const SEQUENCE_MAX: u64 = (1 << 40) - 1;

/// What the register says of one certificate, beside its number.
///
/// Codes are indices into the tables of [`Texts`](crate::Texts) of the same generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// Keyed hash of the holder's name.
    pub name_tag: Tag,
    /// Keyed hash of the identity number.
    pub id_tag: Tag,
    /// First character of the holder's name.
    pub initial: char,
    /// 职业, index into `occupations`.
    pub occupation: u16,
    /// 工种/职业方向, index into `directions`.
    pub direction: u16,
    /// Of the withdrawal when withdrawn, else of the newest change; index into `reasons`.
    pub reason: Option<u16>,
    /// 审核机构 of the certificate, index into `centres`.
    pub review_centre: u8,
    /// 发证日期.
    pub issued_on: Date,
    /// 审核日期.
    pub reviewed_on: Date,
    /// Whether it is in force.
    pub status: Status,
    /// Day of the withdrawal's review.
    pub status_on: Option<Date>,
    /// Applied operations, from 1.
    pub revision: u16,
    /// Position in the ledger of the newest change, from 1.
    pub sequence: u64,
}

/// Whether a certificate is in force.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// 有效.
    Valid,
    /// 已撤销 or 已注销.
    Withdrawn,
}

/// A value that its field cannot hold. None is a fault of a disk: fix the writer or the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// Days fit from 1970-01-01 to 2149-06-06; the last one means "none" where a day may be
    /// absent.
    #[error("{field} does not fit 16 bits of days since 1970-01-01")]
    Day {
        /// Which field.
        field: &'static str,
    },
    /// 65,535 means "none".
    #[error("reason code {code} is reserved")]
    Reason {
        /// The code.
        code: u16,
    },
    /// Sequences have 40 bits and begin at 1.
    #[error("sequence {sequence} is not within 1…{SEQUENCE_MAX}")]
    Sequence {
        /// The sequence.
        sequence: u64,
    },
    /// Revisions begin at 1.
    #[error("revision is 0")]
    Revision,
}

/// The bytes of a row, as they lie in the blob; not yet believed.
#[derive(Clone, Copy)]
pub(crate) struct PackedRow<'a>(pub(crate) &'a [u8; layout::ROW]);

impl Row {
    /// Packs the row of a certificate.
    ///
    /// # Errors
    ///
    /// [`RowError`] when a value does not fit its field.
    pub fn pack(&self, number: &CertificateNumber) -> Result<[u8; layout::ROW], RowError> {
        self.check()?;
        let mut bytes = [0; layout::ROW];
        bytes[4..12].copy_from_slice(self.name_tag.as_bytes());
        bytes[12..20].copy_from_slice(self.id_tag.as_bytes());
        let initial_and_status = u32::from(self.initial) | self.status.code() << INITIAL_BITS;
        bytes[20..23].copy_from_slice(&initial_and_status.to_le_bytes()[..3]);
        bytes[23..25].copy_from_slice(&self.occupation.to_le_bytes());
        bytes[25..27].copy_from_slice(&self.direction.to_le_bytes());
        bytes[27..29].copy_from_slice(&self.reason.unwrap_or(NONE).to_le_bytes());
        bytes[29] = self.review_centre;
        let issued_on = day("issued_on", self.issued_on)?;
        bytes[30..32].copy_from_slice(&issued_on.to_le_bytes());
        let reviewed_on = day("reviewed_on", self.reviewed_on)?;
        bytes[32..34].copy_from_slice(&reviewed_on.to_le_bytes());
        let status_on = self.status_on.map(|on| day("status_on", on)).transpose()?;
        bytes[34..36].copy_from_slice(&status_on.unwrap_or(NONE).to_le_bytes());
        bytes[36..38].copy_from_slice(&self.revision.to_le_bytes());
        bytes[38..43].copy_from_slice(&self.sequence.to_le_bytes()[..5]);
        let checksum = checksum(number, &bytes);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Reads the row of a certificate back; `None` when the bytes are not a row of this number.
    pub fn unpack(number: &CertificateNumber, bytes: &[u8; layout::ROW]) -> Option<Self> {
        let packed = PackedRow(bytes);
        packed.is_intact(number).then(|| packed.row()).flatten()
    }

    fn check(&self) -> Result<(), RowError> {
        match (self.reason, self.status_on.and_then(date::to_day_number)) {
            (Some(NONE), _) => return Err(RowError::Reason { code: NONE }),
            (_, Some(NONE)) => return Err(RowError::Day { field: "status_on" }),
            _ => {}
        }
        if !(1..=SEQUENCE_MAX).contains(&self.sequence) {
            return Err(RowError::Sequence {
                sequence: self.sequence,
            });
        }
        if self.revision == 0 {
            return Err(RowError::Revision);
        }
        Ok(())
    }
}

impl Status {
    /// The bits in a row.
    const fn code(self) -> u32 {
        match self {
            Self::Valid => 0,
            Self::Withdrawn => 1,
        }
    }

    fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::Valid),
            1 => Some(Self::Withdrawn),
            _ => None,
        }
    }
}

impl PackedRow<'_> {
    /// Whether the checksum is that of this number's row.
    pub(crate) fn is_intact(self, number: &CertificateNumber) -> bool {
        u32::from_le_bytes(self.field(0)) == checksum(number, self.0)
    }

    pub(crate) fn name_tag(self) -> Tag {
        Tag::from_bytes(self.field(4))
    }

    pub(crate) fn id_tag(self) -> Tag {
        Tag::from_bytes(self.field(12))
    }

    /// The fields; `None` when one holds what no writer writes.
    pub(crate) fn row(self) -> Option<Row> {
        let code = |offset| u16::from_le_bytes(self.field(offset));
        let [a, b, c] = self.field(20);
        let initial_and_status = u32::from_le_bytes([a, b, c, 0]);
        let [s, t, u, v, w] = self.field(38);
        let row = Row {
            name_tag: self.name_tag(),
            id_tag: self.id_tag(),
            initial: char::from_u32(initial_and_status & ((1 << INITIAL_BITS) - 1))?,
            occupation: code(23),
            direction: code(25),
            reason: Some(code(27)).filter(|&reason| reason != NONE),
            review_centre: self.0[29],
            issued_on: date::from_day_number(code(30)),
            reviewed_on: date::from_day_number(code(32)),
            status: Status::from_code(initial_and_status >> INITIAL_BITS)?,
            status_on: Some(code(34))
                .filter(|&day| day != NONE)
                .map(date::from_day_number),
            revision: code(36),
            sequence: u64::from_le_bytes([s, t, u, v, w, 0, 0, 0]),
        };
        row.check().is_ok().then_some(row)
    }

    fn field<const N: usize>(self, offset: usize) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.0[offset..offset + N]);
        field
    }
}

fn day(field: &'static str, on: Date) -> Result<u16, RowError> {
    date::to_day_number(on).ok_or(RowError::Day { field })
}

/// CRC-32C: enough against accidents, and one instruction a word; attackers meet the signature.
fn checksum(number: &CertificateNumber, bytes: &[u8; layout::ROW]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(number.as_bytes()), &bytes[4..])
}

#[cfg(test)]
mod tests;
