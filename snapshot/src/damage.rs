//! What can be wrong with the bytes of a blob, and where. The same words serve the door, a
//! look-up that meets damage, and the program that reads every byte.

use std::fmt;

/// A blob's bytes are not what any writer writes. Never a miss: the answer is "cannot answer".
///
/// The offset is that of the field, row or bucket; it names no certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("damaged {blob} blob at byte {offset}: {fault}")]
pub struct Damaged {
    /// Which blob of its layer.
    pub blob: BlobKind,
    /// Where in the blob, in bytes.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// The kinds of blobs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BlobKind {
    /// Certificate number to ordinal.
    Numbers,
    /// Holder key to ordinals.
    Holders,
    /// Ordinal to row.
    Rows,
    /// The tables behind the codes.
    Texts,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not begin as this kind of blob does.
    #[error("not a blob of this kind")]
    Magic,
    /// Written by another release.
    #[error("version {found}, this program reads {expected}; publish anew with --layer base")]
    Version {
        /// This program's.
        expected: u64,
        /// The blob's.
        found: u64,
    },
    /// Rows or entries of another width, or other bytes in the header than this version has.
    #[error("header field is {found}, expected {expected}")]
    Header {
        /// This program's.
        expected: u64,
        /// The blob's.
        found: u64,
    },
    /// It holds another number of rows than the manifest says.
    #[error("{found} rows, expected {expected}")]
    Count {
        /// Of the manifest.
        expected: u64,
        /// Of the blob.
        found: u64,
    },
    /// Its length does not fit its count.
    #[error("{found} bytes, expected {expected}")]
    Length {
        /// What follows from the count.
        expected: u64,
        /// The blob's.
        found: u64,
    },
    /// The bucket directory does not ascend within the entries.
    #[error("bucket {bucket} lies outside the entries")]
    Directory {
        /// Which bucket.
        bucket: u64,
    },
    /// A row, a bucket or a whole blob does not fit its checksum.
    #[error("checksum does not fit")]
    Checksum,
    /// A field holds a value that no writer writes, or a code without a text.
    #[error("a field holds an impossible value")]
    Field,
    /// Numbers or holder keys are not ascending, or lie in the wrong bucket.
    #[error("out of order")]
    Order,
    /// An ordinal beyond the last row, or one that leads to no certificate number.
    #[error("an ordinal leads nowhere")]
    Ordinal,
    /// A row that no holder leads to, or more than one.
    #[error("a row is not reached by exactly one holder")]
    Unreached,
    /// A holder leads to a row that is not theirs.
    #[error("a holder leads to somebody else's row")]
    Holder,
}

impl Damaged {
    pub(crate) fn new(blob: BlobKind, offset: u64, fault: Fault) -> Self {
        Self {
            blob,
            offset,
            fault,
        }
    }
}

impl BlobKind {
    /// The word in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Holders => "holders",
            Self::Rows => "rows",
            Self::Texts => "texts",
        }
    }
}

impl fmt::Display for BlobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where and how the first bytes of a blob differ from the header that it should have: eight bytes of
/// magic, two of version, the rest.
pub(crate) fn unlike(begin: &[u8], header: &[u8]) -> Option<(u64, Fault)> {
    if begin.len() < header.len() {
        let (expected, found) = (header.len() as u64, begin.len() as u64);
        return Some((0, Fault::Length { expected, found }));
    }
    let at = begin.iter().zip(header).position(|(a, b)| a != b)?;
    let version = |bytes: &[u8]| u64::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let fault = match at {
        0..8 => Fault::Magic,
        8..10 => Fault::Version {
            expected: version(header),
            found: version(begin),
        },
        _ => Fault::Header {
            expected: u64::from(header[at]),
            found: u64::from(begin[at]),
        },
    };
    Some((at as u64, fault))
}
