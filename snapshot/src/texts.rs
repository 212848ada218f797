//! What the codes of the rows stand for: one JSON blob a generation, parsed when it is opened.
//!
//! Codes of occupations, directions, reasons and review centres are indices, numbered by first
//! appearance in the ledger, so they are append-only and equal in a rebuild. Institutions and
//! coverage are sorted by institution code, because a certificate number begins with it.

use certificate::{Date, InstitutionCode, OccupationCode};
use serde::{Deserialize, Serialize};

use crate::digest::BlobRef;
use crate::row::Row;
use crate::store::{Store, StoreError};
use crate::{durable, json, layout};

/// The tables of a generation.
///
/// Invariant, checked by [`parse`](Self::parse) and [`write`](Self::write): `institutions` and
/// `coverage` are strictly ascending by institution, and every code in `statistics` is one of
/// `occupations`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Texts {
    /// Version of the document, [`layout::FORMAT`].
    pub format: u32,
    /// Every institution that the registry knows or a row names, by code.
    pub institutions: Vec<Institution>,
    /// 职业.
    pub occupations: Vec<Occupation>,
    /// 工种/职业方向; the empty text is one of them when a row has none.
    pub directions: Vec<String>,
    /// Reasons of corrections, withdrawals and restorations.
    pub reasons: Vec<String>,
    /// Review centres: those of rows first, then the rest of the registry, for their telephones.
    pub centres: Vec<Centre>,
    /// How many of the centres are those of rows, whose places never change; absent in texts of
    /// the first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coded_centres: Option<u16>,
    /// What the register holds of each institution that has rows, by code.
    pub coverage: Vec<Coverage>,
    /// Counts for the public statistics, in the order of their first four fields.
    pub statistics: Vec<StatisticsGroup>,
}

/// A 评价机构 as the registry has it now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Institution {
    /// 机构代码, positions 1–13 of its certificates' numbers.
    #[serde(with = "json::institution_code")]
    pub code: InstitutionCode,
    /// 机构名称.
    pub name: String,
    /// 所在市代码.
    pub city: String,
    /// 隶属.
    pub affiliation: Affiliation,
    /// 类型: 技师学院 or 高级技工学校.
    pub kind: String,
    /// 最高等级, a level code.
    pub top_level: char,
    /// 备案日期.
    pub filed_on: Date,
    /// 移出日期.
    pub removed_on: Option<Date>,
    /// 移出原因.
    pub removal_reason: Option<String>,
}

/// Whose school it is; the provincial centre reviews for the one, the city's for the other
/// (notice 二(三), 二(四)).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Affiliation {
    /// 厅属.
    Provincial,
    /// 市属.
    Municipal,
}

/// A 职业.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Occupation {
    /// 职业编码.
    #[serde(with = "json::occupation_code")]
    pub code: OccupationCode,
    /// 职业名称 on the certificate.
    pub name: String,
}

/// A 审核机构.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Centre {
    /// Its code in the registry.
    pub code: String,
    /// Its name.
    pub name: String,
    /// 440000 for the provincial centre, else a city.
    pub division: String,
    /// For people who ask why their certificate is not found.
    pub phone: String,
    /// Where it is.
    pub address: String,
}

/// What the register holds of one institution.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Coverage {
    /// The institution.
    #[serde(with = "json::institution_code")]
    pub institution: InstitutionCode,
    /// Its certificates, withdrawn ones included.
    pub certificates: u64,
    /// Day of its latest review, over all its rows.
    pub latest_review_on: Date,
}

/// Certificates of one institution, year, level and occupation. The institution's city is in
/// [`Institution::city`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatisticsGroup {
    /// The institution.
    #[serde(with = "json::institution_code")]
    pub institution: InstitutionCode,
    /// Year in the certificate number.
    pub year: i16,
    /// Level character in the certificate number.
    pub level: char,
    /// Index into `occupations`.
    pub occupation: u16,
    /// Certificates, withdrawn ones included.
    pub certificates: u64,
    /// Those of them that are withdrawn.
    pub withdrawn: u64,
}

/// Why bytes are not the texts of a generation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextsError {
    /// Not the JSON we write.
    #[error("the texts cannot be parsed")]
    Malformed(#[source] serde_json::Error),
    /// Written by another release. Roll the server or publish again.
    #[error("the texts have format {found}, this program reads {expected}")]
    Format {
        /// [`layout::FORMAT`].
        expected: u32,
        /// What the blob says.
        found: u32,
    },
    /// A sorted table is not strictly ascending at this index.
    #[error("{table} are out of order at index {index}")]
    Order {
        /// Which table.
        table: &'static str,
        /// Where.
        index: usize,
    },
    /// A group counts an occupation that is not in the table, or more withdrawn than all.
    #[error("statistics group {index} does not fit the tables")]
    Statistics {
        /// Which group.
        index: usize,
    },
    /// More codes than a row can name.
    #[error("{table} has {found} codes, a row can name {limit}")]
    TooMany {
        /// Which table.
        table: &'static str,
        /// Codes a row can name.
        limit: usize,
        /// Codes there are.
        found: usize,
    },
}

impl Texts {
    /// Reads a blob. Cost: a parse of all of it and an allocation per text.
    ///
    /// # Errors
    ///
    /// [`TextsError`]; the numbers in it tell what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, TextsError> {
        let format = json::format_of(bytes).map_err(TextsError::Malformed)?;
        if format != layout::FORMAT {
            return Err(TextsError::Format {
                expected: layout::FORMAT,
                found: format,
            });
        }
        let texts: Self = serde_json::from_slice(bytes).map_err(TextsError::Malformed)?;
        texts.check()?;
        Ok(texts)
    }

    /// Reads the blob of a store, checking its digest.
    ///
    /// # Errors
    ///
    /// [`StoreError::File`] when it is not the one referred to, [`StoreError::Texts`] when the
    /// tables do not fit together.
    pub fn read(store: &Store, blob: &BlobRef) -> Result<Self, StoreError> {
        let (path, mut file) = store.open_blob(blob)?;
        let mut bytes = Vec::new();
        durable::copy_checked(&mut file, &path, blob, &mut bytes)?;
        Self::parse(&bytes).map_err(StoreError::Texts)
    }

    /// Writes the blob into a store. Equal tables give equal bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Texts`] when the tables do not keep the invariant; else those of writing.
    pub fn write(&self, store: &Store) -> Result<BlobRef, StoreError> {
        self.check().map_err(StoreError::Texts)?;
        let mut blob = store.stage()?;
        let written = serde_json::to_writer(&mut blob, self).map_err(std::io::Error::from);
        blob.written(written)?;
        blob.commit()
    }

    /// The institution of a code. Cost: a binary search.
    pub fn institution(&self, code: &InstitutionCode) -> Option<&Institution> {
        let found = self
            .institutions
            .binary_search_by(|institution| institution.code.cmp(code));
        found.ok().map(|place| &self.institutions[place])
    }

    /// What the register holds of an institution; `None` when it has no row. Cost: a binary
    /// search.
    pub fn coverage(&self, code: &InstitutionCode) -> Option<&Coverage> {
        let found = self
            .coverage
            .binary_search_by(|coverage| coverage.institution.cmp(code));
        found.ok().map(|index| &self.coverage[index])
    }

    /// Whether every code of a row has its text here, so that indexing the tables with it is
    /// safe.
    pub fn explains(&self, row: &Row) -> bool {
        let within = |code: u16, codes: usize| usize::from(code) < codes;
        within(row.occupation, self.occupations.len())
            && within(row.direction, self.directions.len())
            && row
                .reason
                .is_none_or(|reason| within(reason, self.reasons.len()))
            && within(u16::from(row.review_centre), self.centres.len())
    }

    fn check(&self) -> Result<(), TextsError> {
        ascending("institutions", self.institutions.iter().map(|i| &i.code))?;
        ascending("coverage", self.coverage.iter().map(|c| &c.institution))?;
        // 65,535 means "no reason" in a row. Centres beyond the 256th are never in a row.
        let limit = usize::from(u16::MAX);
        for (table, found) in [
            ("occupations", self.occupations.len()),
            ("directions", self.directions.len()),
            ("reasons", self.reasons.len()),
        ] {
            if found > limit {
                return Err(TextsError::TooMany {
                    table,
                    limit,
                    found,
                });
            }
        }
        let misfit = |group: &StatisticsGroup| {
            usize::from(group.occupation) >= self.occupations.len()
                || group.withdrawn > group.certificates
        };
        match self.statistics.iter().position(misfit) {
            Some(index) => Err(TextsError::Statistics { index }),
            None => Ok(()),
        }
    }
}

fn ascending<'a>(
    table: &'static str,
    codes: impl Iterator<Item = &'a InstitutionCode>,
) -> Result<(), TextsError> {
    let mut last: Option<&InstitutionCode> = None;
    for (index, code) in codes.enumerate() {
        if last.is_some_and(|last| last >= code) {
            return Err(TextsError::Order { table, index });
        }
        last = Some(code);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
