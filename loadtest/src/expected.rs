//! What the server must say, field by field, as the population has it.
//!
//! The same [`Certificate`] is read from an answer and made from the population, so comparing is
//! all that judging a match needs. Fields that the contract may add later are ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use certificate::holder::mask;
use certificate::record::Change;
use certificate::sample::{Population, registry};
use serde::{Deserialize, Deserializer};

/// A certificate in an answer.
#[derive(Deserialize)]
pub(crate) struct Certificate<'a> {
    #[serde(borrow)]
    pub(crate) certificate_number: Cow<'a, str>,
    #[serde(borrow)]
    holder_name: Cow<'a, str>,
    #[serde(borrow)]
    occupation: Named<'a>,
    #[serde(borrow)]
    direction: Cow<'a, str>,
    #[serde(borrow)]
    level: Named<'a>,
    #[serde(borrow)]
    institution: Institution<'a>,
    #[serde(borrow)]
    issued_on: Cow<'a, str>,
    #[serde(borrow)]
    reviewed_by: Named<'a>,
    #[serde(borrow)]
    reviewed_on: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(deserialize_with = "present")]
    status_on: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "present")]
    reason: Option<Cow<'a, str>>,
    revision: u32,
    #[serde(borrow)]
    national: National<'a>,
}

/// A code with its name.
#[derive(Deserialize, PartialEq)]
pub(crate) struct Named<'a> {
    #[serde(borrow)]
    pub(crate) code: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Institution<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    in_catalogue: bool,
}

#[derive(Deserialize, PartialEq)]
struct National<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(deserialize_with = "present")]
    on: Option<Cow<'a, str>>,
}

/// A certificate that must be in the answer.
pub(crate) struct Known {
    certificate: Certificate<'static>,
    /// Since when its institution is out of the catalogue.
    removed_on: Option<String>,
}

/// Names that follow from codes, from the sample's own registry.
pub(crate) struct Directory {
    /// Name and day of removal.
    institutions: BTreeMap<String, (String, Option<String>)>,
    centres: BTreeMap<String, String>,
}

/// A field that may be null but not absent.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Option::deserialize(json)
}

impl Directory {
    /// Reads institutions.csv and centres.csv, which have no quoted cells.
    pub(crate) fn new() -> Self {
        let files: BTreeMap<&str, String> = registry::files().into_iter().collect();
        let rows = |name: &str| -> Vec<Vec<String>> {
            let lines = files[name].lines().skip(1);
            lines
                .map(|line| line.split(',').map(str::to_owned).collect())
                .collect()
        };
        let removed = |day: &String| Some(day.clone()).filter(|day| !day.is_empty());
        Self {
            institutions: rows("institutions.csv")
                .iter()
                .map(|row| (row[0].clone(), (row[1].clone(), removed(&row[7]))))
                .collect(),
            centres: rows("centres.csv")
                .iter()
                .map(|row| (row[0].clone(), row[1].clone()))
                .collect(),
        }
    }

    /// The name of an institution of the sample.
    pub(crate) fn institution_name(&self, code: &str) -> &str {
        &self.institutions[code].0
    }

    /// Certificate `i` as an answer must show it.
    pub(crate) fn known(&self, population: &Population, i: u64) -> Known {
        let (issue, withdrawal) = (population.change(i), population.withdrawal(i));
        let code = issue.number.institution().as_str().to_owned();
        let (name, removed_on) = self.institutions[&code].clone();
        Known {
            certificate: self.certificate(
                &issue,
                withdrawal.as_ref(),
                Institution {
                    code: code.into(),
                    name: name.into(),
                    in_catalogue: removed_on.is_none(),
                },
            ),
            removed_on,
        }
    }

    fn certificate(
        &self,
        issue: &Change,
        withdrawal: Option<&Change>,
        institution: Institution<'static>,
    ) -> Certificate<'static> {
        let details = issue.operation.details().expect("the sample only issues");
        let named = |code: String, name: String| Named {
            code: code.into(),
            name: name.into(),
        };
        let centre = issue.review.centre.clone();
        let centre_name = self.centres[&centre].clone();
        Certificate {
            certificate_number: issue.number.as_str().to_owned().into(),
            holder_name: mask(details.name.initial()).into(),
            occupation: named(
                details.occupation_code.to_string(),
                details.occupation_name.clone(),
            ),
            direction: details.direction.clone().into(),
            level: named(details.level.code().to_string(), details.level.name()),
            institution,
            issued_on: details.issued_on.to_string().into(),
            reviewed_by: named(centre, centre_name),
            reviewed_on: issue.review.on.to_string().into(),
            status: if withdrawal.is_some() {
                "withdrawn"
            } else {
                "valid"
            }
            .into(),
            status_on: withdrawal.map(|change| change.review.on.to_string().into()),
            reason: withdrawal.map(|change| change.reason.clone().into()),
            revision: if withdrawal.is_some() { 2 } else { 1 },
            national: National {
                state: "not_reported".into(),
                on: None,
            },
        }
    }
}

impl Known {
    /// The day of issue, by which answers are ordered.
    pub(crate) fn issued_on(&self) -> &str {
        &self.certificate.issued_on
    }

    /// The first field in which an answer published on a day (`YYYY-MM-DD`) differs.
    pub(crate) fn difference(
        &self,
        found: &Certificate<'_>,
        published: &str,
    ) -> Option<&'static str> {
        let known = &self.certificate;
        let listed = self.removed_on.as_deref().is_none_or(|day| published < day);
        let fields = [
            (
                "certificate_number",
                known.certificate_number == found.certificate_number,
            ),
            ("holder_name", known.holder_name == found.holder_name),
            ("occupation", known.occupation == found.occupation),
            ("direction", known.direction == found.direction),
            ("level", known.level == found.level),
            (
                "institution.code",
                known.institution.code == found.institution.code,
            ),
            (
                "institution.name",
                known.institution.name == found.institution.name,
            ),
            (
                "institution.in_catalogue",
                listed == found.institution.in_catalogue,
            ),
            ("issued_on", known.issued_on == found.issued_on),
            ("reviewed_by", known.reviewed_by == found.reviewed_by),
            ("reviewed_on", known.reviewed_on == found.reviewed_on),
            ("status", known.status == found.status),
            ("status_on", known.status_on == found.status_on),
            ("reason", known.reason == found.reason),
            ("revision", known.revision == found.revision),
            ("national", known.national == found.national),
        ];
        fields
            .into_iter()
            .find(|field| !field.1)
            .map(|field| field.0)
    }
}
