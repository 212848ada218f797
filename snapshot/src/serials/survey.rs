//! Reads groups and blocks out of the `fst` of a layer.
//!
//! Not number by number: the tree shares what looks alike, so the last two digits of a serial hang
//! below a few thousand different nodes, each of which is read once. Every value on the way is
//! compared with the rank that it must be.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use certificate::CertificateNumber;
use fst::raw::{CompiledAddr, Fst, Node};

use super::{Block, GROUP, Group};
use crate::damage::{BlobKind, Damaged, Fault};
use crate::numbers::NumberIndex;

/// Characters of a number above its block.
const BLOCK: usize = CertificateNumber::LENGTH - 2;

/// What has been read so far.
struct Survey<'f, D> {
    fst: &'f Fst<D>,
    numbers: u64,
    /// As many as the blob says; a small one can unfold to billions.
    most: u64,
    groups: Vec<Group>,
    blocks: Vec<Block>,
    /// The two last digits below a node, as bits.
    seen: HashMap<CompiledAddr, u128>,
}

/// The groups and blocks of a blob, each with nobody's in front.
pub(super) fn survey<D: AsRef<[u8]>>(
    numbers: &NumberIndex<D>,
) -> Result<(Vec<Group>, Vec<Block>), Damaged> {
    let mut survey = Survey {
        fst: numbers.fst(),
        numbers: 0,
        most: numbers.count(),
        groups: vec![Group {
            name: 0,
            begin: 0,
            first: 0,
            blocks: 1,
            hundred: 0,
            is_dense: true,
        }],
        blocks: vec![Block {
            used: [0; 2],
            first: 0,
            hundred: 0,
        }],
        seen: HashMap::new(),
    };
    // The crate panics on bytes that it did not write.
    let read = catch_unwind(AssertUnwindSafe(|| survey.read()));
    let whole = read.ok().flatten().is_some();
    if whole && survey.numbers == numbers.count() {
        Ok((survey.groups, survey.blocks))
    } else {
        Err(Damaged::new(BlobKind::Numbers, 0, Fault::Order))
    }
}

impl<D: AsRef<[u8]>> Survey<'_, D> {
    fn read(&mut self) -> Option<()> {
        let root = self.fst.root();
        if root.is_empty() && !root.is_final() {
            return Some(());
        }
        self.descend(&root, &mut [b'0'; CertificateNumber::LENGTH], 0, 0)
    }

    /// Everything below a node, `depth` characters down, whose values begin at `value`. `None` at
    /// the first thing that is not as it must be; so each step leads to a number, and there are no
    /// more of them than there may be.
    fn descend(
        &mut self,
        node: &Node<'_>,
        text: &mut [u8; CertificateNumber::LENGTH],
        depth: usize,
        value: u64,
    ) -> Option<()> {
        if depth == BLOCK {
            return self.add_block(node, text, value);
        }
        if node.is_empty() || node.is_final() {
            return None;
        }
        for branch in node.transitions() {
            text[depth] = branch.inp;
            if depth + 1 == GROUP {
                self.begin_group(text)?;
            }
            let below = self.fst.node(branch.addr);
            let value = value.checked_add(branch.out.value())?;
            self.descend(&below, text, depth + 1, value)?;
        }
        text[depth] = b'0';
        Some(())
    }

    fn begin_group(&mut self, text: &[u8; CertificateNumber::LENGTH]) -> Option<()> {
        let number = CertificateNumber::from_canonical(std::str::from_utf8(text).ok()?).ok()?;
        let (name, ..) = super::parts(&number);
        self.groups.push(Group {
            name,
            begin: u32::try_from(self.blocks.len()).ok()?,
            first: u32::try_from(self.numbers).ok()?,
            blocks: 0,
            hundred: 0,
            is_dense: true,
        });
        Some(())
    }

    fn add_block(
        &mut self,
        node: &Node<'_>,
        text: &[u8; CertificateNumber::LENGTH],
        value: u64,
    ) -> Option<()> {
        let number = CertificateNumber::from_canonical(std::str::from_utf8(text).ok()?).ok()?;
        let (_, hundred, _) = super::parts(&number);
        let used = match self.seen.get(&node.addr()) {
            Some(used) => *used,
            None => self.two_digits(node)?,
        };
        if value != self.numbers {
            return None;
        }
        let group = self.groups.last_mut()?;
        if group.blocks == 0 {
            group.hundred = hundred;
        }
        group.is_dense &= hundred.checked_sub(group.hundred)? == group.blocks;
        group.blocks += 1;
        self.blocks.push(Block {
            used: super::halves(used),
            first: u32::try_from(self.numbers).ok()?,
            hundred,
        });
        self.numbers += u64::from(used.count_ones());
        (self.numbers <= self.most).then_some(())
    }

    /// The last two digits below a node; each value must be the rank among them.
    fn two_digits(&mut self, node: &Node<'_>) -> Option<u128> {
        let digit = |byte: u8| {
            u32::from(byte)
                .checked_sub(u32::from(b'0'))
                .filter(|it| *it < 10)
        };
        let (mut used, mut rank) = (0_u128, 0);
        for ten in node.transitions() {
            for one in self.fst.node(ten.addr).transitions() {
                let end = self.fst.node(one.addr);
                let value = ten.out.value().checked_add(one.out.value())?;
                let value = value.checked_add(end.final_output().value())?;
                if !end.is_final() || !end.is_empty() || value != rank {
                    return None;
                }
                used |= 1 << (digit(ten.inp)? * 10 + digit(one.inp)?);
                rank += 1;
            }
        }
        let all_different = u64::from(used.count_ones()) == rank;
        (rank > 0 && all_different && !node.is_final()).then(|| {
            self.seen.insert(node.addr(), used);
            used
        })
    }
}
