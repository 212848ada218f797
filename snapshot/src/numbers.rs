//! The numbers blob: certificate number to ordinal and back, an `fst` in number order.
//!
//! Numbers share long prefixes and the value is the rank, so both compress to almost nothing:
//! 0.05 bytes a key when serials are dense, under 1 with gaps. The crate checks nothing when it
//! opens bytes, and panics on bytes it did not write; digest and door keep those out, and what
//! rots later is caught here, so a walk ends in an answer or in [`Damaged`].
//!
//! The writer is [`NumbersAndRows`](crate::NumbersAndRows), because both blobs come from one pass.

use std::panic::{AssertUnwindSafe, catch_unwind};

use certificate::CertificateNumber;
use fst::Streamer;
use fst::raw::Fst;

use crate::damage::{BlobKind, Damaged, Fault};
use crate::layout;

/// An opened numbers blob.
pub(crate) struct NumberIndex<D> {
    fst: Fst<D>,
    count: u64,
}

impl<D: AsRef<[u8]>> NumberIndex<D> {
    /// Opens a blob of `count` numbers. Checks the frame; the nodes are the digest's affair.
    pub(crate) fn open(bytes: D, count: u64) -> Result<Self, Damaged> {
        check_frame(bytes.as_ref())?;
        let fst = Fst::new(bytes).map_err(|_| damaged(0, Fault::Magic))?;
        let found = fst.len() as u64;
        if found != count {
            let offset = fst.as_bytes().len() as u64 - 20;
            return Err(damaged(
                offset,
                Fault::Count {
                    expected: count,
                    found,
                },
            ));
        }
        Ok(Self { fst, count })
    }

    /// The tree itself.
    pub(crate) fn fst(&self) -> &Fst<D> {
        &self.fst
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The ordinal of a number.
    ///
    /// A number that is not there is walked to the end all the same, along the first branch from
    /// where it leaves the tree, so that the time does not tell how much of it is known.
    /// Cost: 22 nodes, about 0.4 µs; no allocation.
    pub(crate) fn ordinal(&self, number: &CertificateNumber) -> Result<Option<u32>, Damaged> {
        let walked = catch_unwind(AssertUnwindSafe(|| self.walk(number.as_bytes())));
        match walked {
            Ok(None) => Ok(None),
            Ok(Some(value)) if value < self.count => {
                u32::try_from(value).map(Some).map_err(|_| nowhere())
            }
            Ok(Some(_)) | Err(_) => Err(nowhere()),
        }
    }

    /// The number of an ordinal. Cost: as [`ordinal`](Self::ordinal), the other way round.
    pub(crate) fn number(&self, ordinal: u32) -> Result<CertificateNumber, Damaged> {
        catch_unwind(AssertUnwindSafe(|| self.walk_back(u64::from(ordinal))))
            .ok()
            .flatten()
            .and_then(|key| {
                let text = std::str::from_utf8(&key).ok()?;
                CertificateNumber::from_canonical(text).ok()
            })
            .ok_or_else(nowhere)
    }

    /// The blob's own checksum, over every byte.
    pub(crate) fn check_sum(&self) -> Result<(), Damaged> {
        self.fst.verify().map_err(|_| damaged(0, Fault::Checksum))
    }

    /// Every number in order. Only of bytes whose digest was checked: what was not written by us
    /// could make the crate panic. Ends after as many as the blob has, whatever its nodes say.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Result<CertificateNumber, Damaged>> + '_ {
        let mut stream = self.fst.stream();
        (0..self.count).map(move |_| {
            let (key, _) = stream.next().ok_or_else(nowhere)?;
            std::str::from_utf8(key)
                .ok()
                .and_then(|text| CertificateNumber::from_canonical(text).ok())
                .ok_or_else(nowhere)
        })
    }

    /// The number of an ordinal, when it is above the last one and leads back to the ordinal.
    ///
    /// Asked for each ordinal in turn, this checks the whole blob without ever streaming it: a
    /// few bytes of an `fst` can unfold to a billion keys.
    pub(crate) fn there_and_back(
        &self,
        ordinal: u32,
        last: Option<&CertificateNumber>,
    ) -> Result<CertificateNumber, Damaged> {
        let number = self.number(ordinal)?;
        if last.is_some_and(|last| *last >= number) || self.ordinal(&number)? != Some(ordinal) {
            return Err(damaged(0, Fault::Order));
        }
        Ok(number)
    }

    fn walk(&self, key: &[u8]) -> Option<u64> {
        let mut node = self.fst.root();
        let mut known = true;
        let mut value = 0_u64;
        for &byte in key {
            if node.is_empty() {
                return None;
            }
            let branch = node.find_input(byte);
            known &= branch.is_some();
            let transition = node.transition(branch.unwrap_or(0));
            value = value.wrapping_add(transition.out.value());
            node = self.fst.node(transition.addr);
        }
        (known && node.is_final()).then(|| value.wrapping_add(node.final_output().value()))
    }

    /// At each node the last branch that begins at or before the rank; ranks ascend with keys.
    fn walk_back(&self, mut value: u64) -> Option<[u8; CertificateNumber::LENGTH]> {
        let mut node = self.fst.root();
        let mut key = [0; CertificateNumber::LENGTH];
        for byte in &mut key {
            let branch = node
                .transitions()
                .take_while(|branch| branch.out.value() <= value)
                .last()?;
            value -= branch.out.value();
            *byte = branch.inp;
            node = self.fst.node(branch.addr);
        }
        (node.is_final() && node.final_output().value() == value).then_some(key)
    }
}

/// Version, type, and where the root is: it is the last node, so its address follows from the
/// length.
fn check_frame(bytes: &[u8]) -> Result<(), Damaged> {
    let length = bytes.len();
    if length < layout::FST_FRAME {
        return Err(damaged(
            0,
            Fault::Length {
                expected: layout::FST_FRAME as u64,
                found: length as u64,
            },
        ));
    }
    let field = |offset: usize| {
        let mut field = [0; 8];
        field.copy_from_slice(&bytes[offset..offset + 8]);
        u64::from_le_bytes(field)
    };
    if field(0) != layout::FST_VERSION {
        return Err(damaged(
            0,
            Fault::Version {
                expected: layout::FST_VERSION,
                found: field(0),
            },
        ));
    }
    if field(8) != layout::NUMBERS_TYPE {
        return Err(damaged(8, Fault::Magic));
    }
    let (root, found) = (length - layout::FST_ROOT_TO_END, field(length - 12));
    if found != root as u64 {
        return Err(damaged(
            length as u64 - 12,
            Fault::Header {
                expected: root as u64,
                found,
            },
        ));
    }
    Ok(())
}

fn damaged(offset: u64, fault: Fault) -> Damaged {
    Damaged::new(BlobKind::Numbers, offset, fault)
}

/// Where in an `fst` a walk went wrong cannot be told.
fn nowhere() -> Damaged {
    damaged(0, Fault::Ordinal)
}

#[cfg(test)]
mod tests;
