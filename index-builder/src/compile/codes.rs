//! Code tables: texts numbered by first appearance in the ledger.
//!
//! So codes are append-only and the same in a rebuild, and a row holds a small number instead of
//! a text.

use std::collections::HashMap;
use std::hash::Hash;

use certificate::OccupationCode;
use snapshot::Texts;

use super::CompileError;

/// The tables that rows refer to.
pub(crate) struct Tables {
    /// Code and name: an occupation that was renamed is another entry.
    pub(crate) occupations: Codes<(OccupationCode, String)>,
    /// 工种/职业方向; the empty one is an entry like any other.
    pub(crate) directions: Codes<String>,
    /// Reasons of corrections, withdrawals and restorations.
    pub(crate) reasons: Codes<String>,
    /// Codes of the review centres.
    pub(crate) centres: Codes<String>,
}

/// One table.
pub(crate) struct Codes<K> {
    name: &'static str,
    /// Entries that the field of a row can tell apart.
    most: usize,
    codes: HashMap<K, u16>,
}

impl Tables {
    /// Tables without entries.
    pub(crate) fn new() -> Self {
        // 65,535 stands for no reason, so no table has it as a code.
        let most = usize::from(u16::MAX);
        Self {
            occupations: Codes::new("occupations", most),
            directions: Codes::new("directions", most),
            reasons: Codes::new("reasons", most),
            centres: Codes::new("review centres", usize::from(u8::MAX)),
        }
    }

    /// The tables that a generation ended with, whose texts say which centres are those of rows.
    ///
    /// # Errors
    ///
    /// [`CompileError::TableFull`], never for texts that were read.
    pub(crate) fn of(texts: &Texts) -> Result<Self, CompileError> {
        let coded = usize::from(texts.coded_centres.unwrap_or(0));
        let mut tables = Self::new();
        for occupation in &texts.occupations {
            let entry = (occupation.code, occupation.name.clone());
            tables.occupations.code(entry)?;
        }
        for direction in &texts.directions {
            tables.directions.code(direction.clone())?;
        }
        for reason in &texts.reasons {
            tables.reasons.code(reason.clone())?;
        }
        for centre in texts.centres.iter().take(coded) {
            tables.centres.code(centre.code.clone())?;
        }
        Ok(tables)
    }

    /// The code of a review centre, which a row gives one byte.
    pub(crate) fn centre(&mut self, centre: String) -> Result<u8, CompileError> {
        let code = self.centres.code(centre)?;
        Ok(u8::try_from(code).expect("the table ends before 255"))
    }
}

impl<K: Eq + Hash> Codes<K> {
    fn new(name: &'static str, most: usize) -> Self {
        Self {
            name,
            most,
            codes: HashMap::new(),
        }
    }

    /// The code of `key`, a new one when it is seen for the first time.
    ///
    /// # Errors
    ///
    /// [`CompileError::TableFull`] when a new key finds no code left.
    pub(crate) fn code(&mut self, key: K) -> Result<u16, CompileError> {
        if let Some(&code) = self.codes.get(&key) {
            return Ok(code);
        }
        let full = CompileError::TableFull {
            table: self.name,
            most: self.most,
        };
        let next = self.codes.len();
        if next >= self.most {
            return Err(full);
        }
        let code = u16::try_from(next).map_err(|_| full)?;
        self.codes.insert(key, code);
        Ok(code)
    }

    /// The entries, so that the index is the code.
    pub(crate) fn into_entries(self) -> Vec<K> {
        let mut entries: Vec<(K, u16)> = self.codes.into_iter().collect();
        entries.sort_unstable_by_key(|&(_, code)| code);
        entries.into_iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_first_appearance() {
        let mut codes = Codes::new("directions", 3);
        let given = ["乙", "甲", "乙", "", "甲"].map(|text| codes.code(text).unwrap());
        assert_eq!(given, [0, 1, 0, 2, 1]);
        assert_eq!(codes.into_entries(), ["乙", "甲", ""]);
    }

    #[test]
    fn a_full_table_still_knows_its_entries() {
        let mut tables = Tables::new();
        for key in 0..255 {
            assert_eq!(usize::from(tables.centre(format!("{key}")).unwrap()), key);
        }
        assert_eq!(tables.centre("254".to_owned()).unwrap(), 254);
        let full = tables.centre("255".to_owned()).unwrap_err();
        assert!(full.to_string().contains("review centres"), "{full}");
    }
}
