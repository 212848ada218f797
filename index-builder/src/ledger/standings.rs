//! Where the certificates of one batch stand after its rows so far.
//!
//! An institution numbers what it certifies in a year at a level without gaps, so a batch brings
//! runs of rising serials. They are kept run by run: a new serial is compared with the last one of
//! its run, and once the index was asked about one, it is known how far its neighbours are new too.

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

impl Run {
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
    use super::*;
    use certificate::Date;

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
