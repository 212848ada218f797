//! Where the certificates of one batch stand after its rows so far.
//!
//! An institution numbers what it certifies in a year at a level without gaps, so a batch brings
//! runs of rising serials. They are kept run by run: a new serial is compared with the last one of
//! its run, and once the index was asked about one, it is known how far its neighbours are new too;
//! what is left of that after the batch, [`Unused`] keeps for the next one.

use std::collections::BTreeMap;
use std::ops::Range;

use certificate::CertificateNumber;

use super::error::LedgerError;
use super::index::{Index, Known};
use super::segment::{self, Numbered, Record};
use super::standing::Standing;

/// Bytes of a number before its serial: institution, year, level.
pub(super) const PREFIX_BYTES: usize = 16;

/// The standings that rows of a batch have changed.
#[derive(Default)]
pub(super) struct Standings {
    /// By institution, year and level. Some hundreds in most batches, and sorted, so that nobody
    /// can deliver numbers that make it slow.
    runs: BTreeMap<u128, Run>,
}

/// Serials that no batch so far has used: what one batch has found out spares the next one from
/// asking every segment of the index again. Memory: some 50 bytes for each institution, year and
/// level.
#[derive(Default)]
pub(super) struct Unused {
    serials: BTreeMap<u128, Range<u32>>,
}

/// The certificates of one institution, year and level.
#[derive(Default)]
struct Run {
    /// Rising; where nearly every row goes.
    rising: Vec<Numbered>,
    /// What was not above the last one of `rising` when it came.
    others: BTreeMap<CertificateNumber, Standing>,
    /// Serials that the index is known not to have.
    new: Range<u32>,
}

impl Standings {
    /// Where a certificate stands, in this batch or else in the index. Cost: most often two
    /// comparisons.
    pub(super) fn find(
        &mut self,
        number: &CertificateNumber,
        index: Option<&Index>,
    ) -> Result<Option<Standing>, LedgerError> {
        let run = self.runs.entry(prefix(number)).or_default();
        if let Some(standing) = run.get(number) {
            return Ok(Some(standing));
        }
        let Some(index) = index else {
            return Ok(None);
        };
        if run.new.contains(&number.serial()) {
            return Ok(None);
        }
        if let Some(unused) = index.unused().around(number) {
            run.new = unused;
            return Ok(None);
        }
        match index.known(number)? {
            Known::Standing(standing) => Ok(Some(standing)),
            Known::Nothing { serials } => {
                run.new = serials;
                Ok(None)
            }
        }
    }

    /// Notes where a certificate stands now.
    pub(super) fn insert(&mut self, number: CertificateNumber, standing: Standing) {
        let run = self.runs.entry(prefix(&number)).or_default();
        if run.rising.last().is_none_or(|last| last.0 < number) {
            run.rising.push((number, standing));
        } else if let Some(place) = run.place(&number) {
            run.rising[place].1 = standing;
        } else {
            run.others.insert(number, standing);
        }
    }

    /// All of them as records of a segment, in the order of the numbers.
    pub(super) fn into_records(self) -> Vec<Record> {
        let runs = self.runs.values();
        let counts = runs.map(|run| run.rising.len() + run.others.len());
        let mut records = Vec::with_capacity(counts.sum());
        for mut run in self.runs.into_values() {
            if !run.others.is_empty() {
                run.rising.extend(std::mem::take(&mut run.others));
                run.rising.sort_unstable_by_key(|standing| standing.0);
            }
            records.extend(run.rising.iter().map(segment::pack));
        }
        records
    }
}

impl Unused {
    /// Serials around that of a number which are all unused; `None` when that is not known.
    fn around(&self, number: &CertificateNumber) -> Option<Range<u32>> {
        let unused = self.serials.get(&prefix(number))?;
        unused.contains(&number.serial()).then(|| unused.clone())
    }

    /// Notes what a batch uses, which is to be called for each that is added to the index.
    pub(super) fn take(&mut self, batch: &Standings) {
        for (prefix, run) in &batch.runs {
            match run.still_new() {
                _ if run.rising.is_empty() && run.others.is_empty() => {}
                unused if unused.is_empty() => drop(self.serials.remove(prefix)),
                unused => drop(self.serials.insert(*prefix, unused)),
            }
        }
    }
}

impl Run {
    /// Of the serials that the index does not have, those above all that the batch does have.
    fn still_new(&self) -> Range<u32> {
        let rising = self.rising.iter().map(|(number, _)| number.serial());
        let others = self.others.keys().map(CertificateNumber::serial);
        let used = rising.chain(others);
        let last = used.filter(|serial| self.new.contains(serial)).max();
        last.map_or(self.new.start, |last| last + 1)..self.new.end
    }

    fn get(&self, number: &CertificateNumber) -> Option<Standing> {
        if self.rising.last().is_none_or(|last| last.0 < *number) {
            return None;
        }
        let standing = self.place(number).map(|place| self.rising[place].1);
        standing.or_else(|| self.others.get(number).copied())
    }

    fn place(&self, number: &CertificateNumber) -> Option<usize> {
        self.rising
            .binary_search_by_key(number, |standing| standing.0)
            .ok()
    }
}

/// A number before its serial, in the order of its bytes.
fn prefix(number: &CertificateNumber) -> u128 {
    let mut prefix = [0; PREFIX_BYTES];
    prefix.copy_from_slice(&number.as_bytes()[..PREFIX_BYTES]);
    u128::from_be_bytes(prefix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::chunk::Place;
    use super::super::index::Addition;
    use super::*;
    use certificate::Date;
    use snapshot::Digest;

    /// A number of one of three institutions' runs.
    fn number(level: usize, serial: u32) -> CertificateNumber {
        let level = ["3", "4", "5"][level];
        CertificateNumber::parse(&format!("J00004400000120{level}{serial:06}")).unwrap()
    }

    fn issued(batch: u32, offset_bytes: u64) -> Standing {
        Standing {
            revision: 1,
            withdrawn: false,
            issued_on: Date::constant(2020, 3, 9),
            details_at: Place {
                batch,
                offset_bytes,
            },
        }
    }

    fn addition(batch: u32, standings: Standings) -> Addition {
        let digest = Digest::of(&batch.to_le_bytes());
        Addition {
            batch,
            digest,
            source: digest,
            standings,
        }
    }

    #[test]
    fn no_serial_passes_for_new_after_a_batch_that_used_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = Index::open(dir.path(), 0, |_| unreachable!("no batch yet")).unwrap();
        let mut used = BTreeMap::new();
        let mut draw = 1_u64;
        let mut random = |below: u64| {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from((draw >> 33) % below).unwrap()
        };
        let (mut new, mut known) = (0, 0);
        for batch in 1..=60 {
            let mut standings = Standings::default();
            let mut serials = [random(700), random(700), random(700)];
            for _ in 0..40 {
                let level = random(3);
                // Mostly the next serial, sometimes one far above or below, used or not.
                serials[level] = match random(6) {
                    0 => random(700),
                    _ => (serials[level] + 1) % 700,
                };
                let number = number(level, u32::try_from(serials[level]).unwrap());
                let standing = issued(batch, new);
                let found = standings.find(&number, Some(&index)).unwrap();
                assert_eq!(found, used.get(&number).copied(), "batch {batch}");
                if found.is_none() {
                    used.insert(number, standing);
                    standings.insert(number, standing);
                    new += 1;
                } else {
                    known += 1;
                }
            }
            index.add(dir.path(), addition(batch, standings)).unwrap();
        }
        assert!(new > 500 && known > 300, "{new} {known}");
    }

    #[test]
    fn what_a_batch_found_out_the_next_one_knows() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = Index::open(dir.path(), 0, |_| unreachable!("no batch yet")).unwrap();
        let mut standings = Standings::default();
        let (first, next) = (number(0, 7), number(0, 8));
        assert_eq!(standings.find(&first, Some(&index)).unwrap(), None);
        standings.insert(first, issued(1, 1));
        index.add(dir.path(), addition(1, standings)).unwrap();
        assert_eq!(index.unused().around(&first), None);
        assert_eq!(index.unused().around(&next), Some(8..1_000_000));
        assert_eq!(index.unused().around(&number(1, 8)), None);
    }

    #[test]
    fn in_whatever_order_they_come() {
        // A permutation of the serials with runs, gaps and repetitions, over three prefixes.
        let mut standings = Standings::default();
        let mut expected = BTreeMap::new();
        for step in 0..4_000_u32 {
            let serial = if step % 5 < 3 {
                step
            } else {
                step * 7919 % 4_001
            } + 1;
            let text = format!("J000044000001203{serial:06}");
            let level = ["3", "4", "5"][(step * 31 % 7 % 3) as usize];
            let number = CertificateNumber::parse(&(text[..15].to_owned() + level + &text[16..]));
            let number = number.unwrap();
            let standing = Standing {
                revision: 1,
                withdrawn: false,
                issued_on: Date::constant(2020, 3, 9),
                details_at: Place {
                    batch: 1,
                    offset_bytes: u64::from(step),
                },
            };
            let before = standings.find(&number, None).unwrap();
            assert_eq!(before, expected.insert(number, standing));
            standings.insert(number, standing);
        }
        assert!(standings.runs.values().all(|run| !run.others.is_empty()));
        let records = standings.into_records();
        let unpacked: Vec<Numbered> = records.iter().map(segment::unpack).collect();
        assert_eq!(unpacked, expected.into_iter().collect::<Vec<_>>());
    }
}
