//! Certificates whose factors are remembered while the ledger is read, to ask the new generation
//! about them before anybody else can.
//!
//! They are the only clear text of a person that outlives its chunk; they stay in memory, a few
//! thousand of them whatever the size of the register, and never touch a file.

use std::collections::BTreeMap;

use certificate::record::Details;
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
    lot: Lot,
    by_number: BTreeMap<CertificateNumber, Witness>,
}

/// Which certificates are remembered.
#[derive(Clone, Copy)]
pub(crate) struct Lot {
    seed: u64,
    /// Numbers that hash below this are remembered.
    threshold: u64,
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
            lot: Lot { seed, threshold },
            by_number: BTreeMap::new(),
        }
    }

    /// Nobody: what is made without the ledger cannot be asked by name.
    pub(super) fn none() -> Self {
        Self::new(0, 0)
    }

    /// Whom it remembers.
    pub(crate) fn lot(&self) -> Lot {
        self.lot
    }

    /// Sees what the ledger says of a certificate: newer things replace older ones.
    pub(crate) fn remember(&mut self, number: &CertificateNumber, witness: Witness) {
        if self.lot.picks(number)
            && (self.by_number.len() < MOST || self.by_number.contains_key(number))
        {
            self.by_number.insert(*number, witness);
        }
    }

    /// Sees the row that is written for a certificate.
    pub(crate) fn expect(&mut self, number: &CertificateNumber, row: &Row) {
        if self.lot.picks(number)
            && let Some(witness) = self.by_number.get_mut(number)
        {
            witness.row = Some(*row);
        }
    }

    /// All of them, in the order of the numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CertificateNumber, &Witness)> {
        self.by_number.iter()
    }
}

impl Lot {
    /// Whether a certificate is to be remembered. Cost: 3 ns, for every row goes by here twice.
    pub(crate) fn picks(self, number: &CertificateNumber) -> bool {
        let bytes = number.as_bytes();
        // The first two cover 16 bytes and the last one the serial.
        let words = [
            bytes.first_chunk(),
            bytes[8..].first_chunk(),
            bytes.last_chunk(),
        ];
        let words = words.into_iter().flatten().copied();
        let fold = |hash, word| mix(hash ^ u64::from_le_bytes(word));
        words.fold(self.seed, fold) <= self.threshold
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
