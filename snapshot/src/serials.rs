//! The numbers of a layer once more, in memory: number to ordinal and back in a few cache lines.
//!
//! The first 16 characters of a number, institution, year and level, are its *group*. Serials of
//! a group are dense, so those that share all but their last two digits are a *block*: which of
//! the hundred there are, as bits, and the ordinal of the first. A group is found by a hash, its
//! block by arithmetic, and the ordinal by counting bits.
//!
//! It is worked out from the `fst` when a layer is opened, and only when every value there is the
//! rank that it should be, so the two cannot disagree. It is never written.

mod survey;

use std::hint;

use certificate::CertificateNumber;

use crate::bytes;
use crate::damage::{BlobKind, Damaged, Fault};
use crate::numbers::NumberIndex;

/// Characters of a group.
const GROUP: usize = 16;

/// Odd, and without a pattern: the golden ratio as a fraction of 2^64.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where every number of a layer is.
pub(crate) struct Serials {
    /// Where in `groups` a group is, by its hash; as many as are a power of two and leave half of
    /// them free.
    slots: Box<[u32]>,
    /// Ascending; the first one is nobody's, for free slots to point at.
    groups: Box<[Group]>,
    /// Ascending; the first one is empty, and belongs to nobody's group.
    blocks: Box<[Block]>,
    checksum: u32,
}

/// Numbers that share their first 16 characters.
#[derive(Clone, Copy)]
struct Group {
    /// The characters, big endian.
    name: u128,
    /// Its first block.
    begin: u32,
    /// The ordinal of its first number.
    first: u32,
    /// Blocks; at most 10,000.
    blocks: u16,
    /// The serials of its first block, without their last two digits.
    hundred: u16,
    /// Whether no block is missing between the first and the last.
    is_dense: bool,
}

/// A hundred serials of a group, at least one of which is in use.
#[derive(Clone, Copy)]
struct Block {
    /// A bit for each, the lower 64 first.
    used: [u64; 2],
    /// The ordinal of the first one.
    first: u32,
    /// The serials without their last two digits.
    hundred: u16,
}

/// The block that a number would be in, with what is left to compare.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'s> {
    block: &'s Block,
    is_in_group: bool,
    hundred: u16,
    last: u32,
}

impl Serials {
    /// Works it out from a blob whose digest was checked.
    ///
    /// Memory: 0.25 bytes a number while serials are dense; a number alone in its group takes some
    /// 70 bytes.
    ///
    /// # Errors
    ///
    /// [`Damaged`] when the numbers are not certificate numbers, or a value is not the rank.
    pub(crate) fn of<D: AsRef<[u8]>>(numbers: &NumberIndex<D>) -> Result<Self, Damaged> {
        let (groups, blocks) = survey::survey(numbers)?;
        let mut slots = vec![0; (groups.len() * 2).next_power_of_two()].into_boxed_slice();
        for (index, group) in (0..).zip(&groups).skip(1) {
            let mut slot = slot_of(group.name, slots.len());
            while slots[slot] != 0 {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = index;
        }
        let mut serials = Self {
            slots,
            groups: groups.into_boxed_slice(),
            blocks: blocks.into_boxed_slice(),
            checksum: 0,
        };
        serials.checksum = serials.sum();
        Ok(serials)
    }

    /// The ordinal of a number.
    ///
    /// Nothing here branches on whether a number is there: what is looked at for one that is not
    /// is nobody's group, or the nearest block. Only whether its group has holes of a hundred
    /// serials, which is no secret, changes the way.
    /// Cost: three cache lines of tables of some hundred kilobytes a million numbers.
    pub(crate) fn ordinal(&self, number: &CertificateNumber) -> Option<u32> {
        self.spot(number).ordinal()
    }

    /// Where a number is if it is there. Cost: all of [`ordinal`](Self::ordinal) but the wait for
    /// its largest table, unless the group has holes.
    pub(crate) fn spot(&self, number: &CertificateNumber) -> Spot<'_> {
        let (name, hundred, last) = parts(number);
        let group = self.group(name);
        Spot {
            block: self.block(group, hundred),
            is_in_group: group.name == name,
            hundred,
            last,
        }
    }

    /// The number of an ordinal. Cost: two binary searches.
    pub(crate) fn number(&self, ordinal: u32) -> Option<CertificateNumber> {
        let group = &self.groups[self.groups.partition_point(|it| it.first <= ordinal) - 1];
        let blocks = self.blocks_of(group);
        let block = &blocks[blocks.partition_point(|it| it.first <= ordinal).max(1) - 1];
        let mut used = block.used();
        let before = ordinal.checked_sub(block.first)?;
        if before >= used.count_ones() {
            return None;
        }
        for _ in 0..before {
            used &= used - 1;
        }
        let serial = u32::from(block.hundred) * 100 + used.trailing_zeros();
        let mut text = [0; CertificateNumber::LENGTH];
        text[..GROUP].copy_from_slice(&group.name.to_be_bytes());
        text[GROUP..].copy_from_slice(&digits(serial));
        CertificateNumber::from_canonical(std::str::from_utf8(&text).ok()?).ok()
    }

    /// Checks that nothing has rotted since it was worked out. Cost: 1 ns a block of a hundred.
    pub(crate) fn check_sum(&self) -> Result<(), Damaged> {
        if self.sum() == self.checksum {
            Ok(())
        } else {
            Err(Damaged::new(BlobKind::Numbers, 0, Fault::Checksum))
        }
    }

    /// The group of this name, else nobody's.
    fn group(&self, name: u128) -> &Group {
        let mut slot = slot_of(name, self.slots.len());
        loop {
            let index = self.slots[slot];
            let group = &self.groups[index as usize];
            if (index == 0) | (group.name == name) {
                return group;
            }
            slot = (slot + 1) % self.slots.len();
        }
    }

    /// The block that these serials of a group would be in, else some other one of it.
    fn block(&self, group: &Group, hundred: u16) -> &Block {
        let blocks = self.blocks_of(group);
        let at = if group.is_dense {
            usize::from(hundred.saturating_sub(group.hundred)).min(blocks.len() - 1)
        } else {
            blocks.partition_point(|it| it.hundred <= hundred).max(1) - 1
        };
        &blocks[at]
    }

    fn blocks_of(&self, group: &Group) -> &[Block] {
        let begin = group.begin as usize;
        &self.blocks[begin..begin + usize::from(group.blocks)]
    }

    fn sum(&self) -> u32 {
        let add = |sum, bytes: &[u8]| crc32c::crc32c_append(sum, bytes);
        let mut sum = 0;
        for slot in &self.slots {
            sum = add(sum, &slot.to_le_bytes());
        }
        for group in &self.groups {
            sum = add(sum, &group.name.to_le_bytes());
            let counts = u64::from(group.begin) | u64::from(group.first) << 32;
            sum = add(sum, &counts.to_le_bytes());
            let shape = u32::from(group.blocks) | u32::from(group.hundred) << 16;
            sum = add(sum, &shape.to_le_bytes());
            sum = add(sum, &[u8::from(group.is_dense)]);
        }
        for block in &self.blocks {
            let place = u64::from(block.first) | u64::from(block.hundred) << 32;
            for word in [block.used[0], block.used[1], place] {
                sum = add(sum, &word.to_le_bytes());
            }
        }
        sum
    }
}

impl Spot<'_> {
    /// Asks memory for what [`ordinal`](Self::ordinal) reads.
    pub(crate) fn prefetch(&self) {
        bytes::prefetch(self.block);
    }

    /// The ordinal of the number.
    pub(crate) fn ordinal(&self) -> Option<u32> {
        let used = self.block.used();
        let is_used = (used >> self.last) & 1 == 1;
        let known = self.is_in_group & (self.block.hundred == self.hundred) & is_used;
        let below = used & ((1 << self.last) - 1);
        let ordinal = self.block.first + below.count_ones();
        // Counted in either case, so that nothing tells by its time which it is.
        hint::select_unpredictable(known, Some(ordinal), None)
    }
}

impl Block {
    fn used(&self) -> u128 {
        u128::from(self.used[0]) | u128::from(self.used[1]) << u64::BITS
    }
}

/// Group, serial without its last two digits, and those two.
fn parts(number: &CertificateNumber) -> (u128, u16, u32) {
    let mut name = [0; GROUP];
    name.copy_from_slice(&number.as_bytes()[..GROUP]);
    let serial = number.serial();
    let hundred = u16::try_from(serial / 100).expect("a serial has six digits");
    (u128::from_be_bytes(name), hundred, serial % 100)
}

/// The six digits of a serial.
fn digits(serial: u32) -> [u8; CertificateNumber::LENGTH - GROUP] {
    let mut rest = serial;
    let mut digits = [b'0'; CertificateNumber::LENGTH - GROUP];
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// The lower and the upper 64 bits.
fn halves(bits: u128) -> [u64; 2] {
    let bytes = bits.to_le_bytes();
    let (halves, _) = bytes.as_chunks();
    [u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])]
}

/// Where to begin to look for a group, of a power of two of slots.
fn slot_of(name: u128, slots: usize) -> usize {
    let [low, high] = halves(name);
    let mixed = (low.wrapping_mul(MIX) ^ high).wrapping_mul(MIX);
    (mixed >> 32) as usize & (slots - 1)
}

#[cfg(test)]
mod tests;
