//! The different texts of one chunk of the ledger, numbered by their first appearance in it.
//!
//! So that chunks can be read at the same time: a chunk numbers its texts for itself, and when
//! those before it are done, its few numbers are translated to the codes of the [`Tables`].

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;

use certificate::OccupationCode;

use super::CompileError;
use super::codes::{Codes, Tables};
use crate::known::Known;
use crate::ledger::LineDetails;

/// The texts of a chunk while it is read.
pub(super) struct ChunkTexts<'a> {
    occupations: Distinct<'a, (OccupationCode, String)>,
    directions: Distinct<'a, String>,
    reasons: Distinct<'a, String>,
    centres: Distinct<'a, String>,
}

/// The texts of a chunk that was read, in the order of their numbers.
pub(super) struct Numbered {
    occupations: Vec<(OccupationCode, String)>,
    directions: Vec<String>,
    reasons: Vec<String>,
    centres: Vec<String>,
}

/// For each number of a chunk the code that stands for the same text in the register.
pub(super) struct Translation {
    pub(super) occupations: Vec<u16>,
    pub(super) directions: Vec<u16>,
    pub(super) reasons: Vec<u16>,
    pub(super) centres: Vec<u8>,
}

/// Texts of one kind, and what the register's table has of each.
struct Distinct<'a, K> {
    known: Known<'a, u16>,
    numbers: HashMap<&'a str, u16>,
    entries: Vec<K>,
}

impl<'a> ChunkTexts<'a> {
    pub(super) fn new() -> Self {
        Self {
            occupations: Distinct::new(),
            directions: Distinct::new(),
            reasons: Distinct::new(),
            centres: Distinct::new(),
        }
    }

    pub(super) fn occupation(&mut self, details: &LineDetails<'a>) -> u16 {
        let entry = || (details.occupation_code, details.occupation_name.to_owned());
        self.occupations.number(details.occupation, entry)
    }

    pub(super) fn direction(&mut self, text: &'a str) -> u16 {
        self.directions.number(text, || text.to_owned())
    }

    pub(super) fn reason(&mut self, text: &'a str) -> u16 {
        self.reasons.number(text, || text.to_owned())
    }

    /// A row gives a review centre one byte. A chunk with more of them than that does not come to
    /// be used, since [`Numbered::translation`] refuses it.
    pub(super) fn centre(&mut self, text: &'a str) -> u8 {
        let number = self.centres.number(text, || text.to_owned());
        u8::try_from(number).unwrap_or(u8::MAX)
    }

    pub(super) fn finish(self) -> Numbered {
        Numbered {
            occupations: self.occupations.entries,
            directions: self.directions.entries,
            reasons: self.reasons.entries,
            centres: self.centres.entries,
        }
    }
}

impl Numbered {
    /// What the numbers stand for. To be asked for in the order of the ledger, since what no chunk
    /// before had gets the next codes.
    ///
    /// # Errors
    ///
    /// [`CompileError::TableFull`].
    pub(super) fn translation(self, tables: &mut Tables) -> Result<Translation, CompileError> {
        let centres = self.centres.into_iter();
        Ok(Translation {
            occupations: codes(&mut tables.occupations, self.occupations)?,
            directions: codes(&mut tables.directions, self.directions)?,
            reasons: codes(&mut tables.reasons, self.reasons)?,
            centres: centres
                .map(|centre| tables.centre(centre))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl<'a, K> Distinct<'a, K> {
    fn new() -> Self {
        Self {
            known: Known::new(),
            numbers: HashMap::new(),
            entries: Vec::new(),
        }
    }

    fn number(&mut self, text: &'a str, entry: impl FnOnce() -> K) -> u16 {
        let numbered = self.known.get(text, |text| {
            let next = self.entries.len();
            Ok::<_, Infallible>(*self.numbers.entry(text).or_insert_with(|| {
                self.entries.push(entry());
                u16::try_from(next).expect("a chunk has fewer lines than that")
            }))
        });
        match numbered {
            Ok(number) => number,
        }
    }
}

fn codes<K: Eq + Hash>(table: &mut Codes<K>, entries: Vec<K>) -> Result<Vec<u16>, CompileError> {
    entries.into_iter().map(|entry| table.code(entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_order_of_chunks_and_not_of_reading() {
        let mut tables = Tables::new();
        for (texts, codes) in [
            (&["乙", "甲", "乙"][..], &[0, 1][..]),
            (&["丙", "", "甲"], &[2, 3, 1]),
        ] {
            let mut chunk = ChunkTexts::new();
            for text in texts {
                chunk.direction(text);
            }
            let translation = chunk.finish().translation(&mut tables).unwrap();
            assert_eq!(translation.directions, codes);
        }
    }

    #[test]
    fn more_centres_than_a_byte_counts_are_refused() {
        let texts: Vec<String> = (0..300).map(|i| format!("{i}")).collect();
        let mut chunk = ChunkTexts::new();
        for text in &texts {
            chunk.centre(text);
        }
        let full = chunk
            .finish()
            .translation(&mut Tables::new())
            .err()
            .unwrap();
        assert!(full.to_string().contains("review centres"), "{full}");
    }
}
