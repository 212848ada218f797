//! Certificates whose factors are remembered while the ledger is read, to ask the new generation
//! about them before anybody else can.
//!
//! They are the only clear text of a person that outlives its chunk; they stay in memory, a few
//! thousand of them whatever the size of the register, and never touch a file.

use std::collections::BTreeMap;

use certificate::record::{Change, Details};
use certificate::{CertificateNumber, HolderName, IdentityNumber};
use snapshot::{Digest, Row};

/// How many certificates are asked about, at most.
const MOST: usize = 10_000;

/// What the newest issue or correction says of a person, and what the register should answer.
pub(crate) struct Witness {
    pub(crate) name: HolderName,
    pub(crate) id_number: IdentityNumber,
    /// Set when its row is written.
    pub(crate) row: Option<Row>,
}

/// The remembered certificates: those whose number a seeded hash picks.
pub(crate) struct Witnesses {
    seed: u64,
    /// Numbers that hash below this are remembered.
    threshold: u64,
    by_number: BTreeMap<CertificateNumber, Witness>,
}

impl Witnesses {
    /// Picks about 10,000 of `certificates`, never more, other ones with another seed; all when
    /// there are fewer.
    pub(crate) fn new(seed: u64, certificates: u64) -> Self {
        let most = MOST as u64;
        let threshold = match certificates <= most {
            true => u64::MAX,
            false => u64::MAX / certificates * most,
        };
        Self {
            seed,
            threshold,
            by_number: BTreeMap::new(),
        }
    }

    /// Nobody: what is made without the ledger cannot be asked by name.
    pub(super) fn none() -> Self {
        Self::new(0, 0)
    }

    /// Sees a change of the ledger go by.
    pub(crate) fn observe(&mut self, change: &Change) {
        if let Some(details) = change.operation.details() {
            self.remember(&change.number, details);
        }
    }

    /// Sees whose certificate was changed by changes that do not say so.
    pub(super) fn remember(&mut self, number: &CertificateNumber, details: &Details) {
        if self.picks(number)
            && (self.by_number.len() < MOST || self.by_number.contains_key(number))
        {
            self.by_number.insert(*number, Witness::of(details, None));
        }
    }

    /// Sees the row that is written for a certificate.
    pub(crate) fn expect(&mut self, number: &CertificateNumber, row: &Row) {
        if self.picks(number)
            && let Some(witness) = self.by_number.get_mut(number)
        {
            witness.row = Some(*row);
        }
    }

    /// All of them, in the order of the numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CertificateNumber, &Witness)> {
        self.by_number.iter()
    }

    /// FNV-1a over the number, then mixed, because its high bits alone are not even enough.
    fn picks(&self, number: &CertificateNumber) -> bool {
        let fold = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        mix(number.as_bytes().iter().fold(self.seed, fold)) <= self.threshold
    }
}

/// Other certificates are asked about after each change of the ledger.
pub(super) fn seed(digest: &Digest) -> u64 {
    let (first, _) = digest
        .as_bytes()
        .split_first_chunk()
        .expect("a digest has 32 bytes, a seed 8");
    u64::from_le_bytes(*first)
}

/// Spreads what differs in a few bits over all of them.
pub(super) fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

impl Witness {
    /// Who must find the certificate, and what then.
    pub(super) fn of(details: &Details, row: Option<Row>) -> Self {
        Self {
            name: details.name.clone(),
            id_number: details.id_number.clone(),
            row,
        }
    }
}
