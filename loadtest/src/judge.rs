//! Whether an answer is right.
//!
//! Everything that the population determines is compared: status, outcome, each certificate field
//! by field and their order, the coverage of a miss, the code of a refusal. Beyond single answers:
//! two misses that name one institution must have the same bytes, whatever was wrong with them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::expected::{Certificate, Known, Named};
use crate::http::Response;
use crate::question::{Expected, Question};

/// What is wrong with an answer. Holds and prints nothing that was asked or answered.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Wrong {
    /// Another HTTP status.
    Status {
        /// The right one.
        expected: u16,
        /// The one that came.
        found: u16,
    },
    /// Another media type.
    Media,
    /// Not the JSON of the contract.
    Json,
    /// Another outcome.
    Outcome,
    /// Too few or too many certificates.
    Count {
        /// How many there are.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// A certificate's field has another value.
    Field(&'static str),
    /// Not the coverage of the institution that was asked.
    Coverage,
    /// A miss that can be told from another one.
    MissesDiffer,
    /// Another refusal.
    Code,
    /// A refusal of another field.
    RefusedField,
    /// The identity number stands in the answer.
    Discloses,
}

/// Judges, and remembers what a miss looks like.
#[derive(Default)]
pub(crate) struct Judge {
    /// By institution and epoch.
    misses: BTreeMap<(String, u64), Vec<u8>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    certificates: Vec<Certificate<'a>>,
    #[serde(borrow)]
    as_of: AsOf<'a>,
    #[serde(borrow, default)]
    coverage: Option<Coverage<'a>>,
}

#[derive(Deserialize)]
struct AsOf<'a> {
    epoch: u64,
    generation: u64,
    #[serde(borrow)]
    published_at: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Coverage<'a> {
    #[serde(borrow)]
    institution: Named<'a>,
    latest_review_on: Option<String>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    status: u16,
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    detail: Cow<'a, str>,
    field: Option<String>,
}

impl Judge {
    /// Judges the response to a question.
    pub(crate) fn judge(
        &mut self,
        question: &Question,
        response: &Response<'_>,
    ) -> Result<(), Wrong> {
        let asked = question.asked_id.as_bytes();
        if !asked.is_empty() && contains(response.body, asked) {
            return Err(Wrong::Discloses);
        }
        match &question.expected {
            Expected::Match(known) => matches(known, &answer(response)?),
            Expected::Miss(named) => self.miss(named.as_ref(), response),
            Expected::Refused(code, field) => refused(code, *field, response),
        }
    }

    fn miss(
        &mut self,
        named: Option<&(String, String)>,
        response: &Response<'_>,
    ) -> Result<(), Wrong> {
        let answer = answer(response)?;
        if answer.outcome != "no_match" {
            return Err(Wrong::Outcome);
        }
        count(0, answer.certificates.len())?;
        let covered = match (named, &answer.coverage) {
            (None, None) => true,
            (Some((code, name)), Some(coverage)) => {
                let institution = &coverage.institution;
                institution.code == *code && institution.name == *name && coverage.has_a_day()
            }
            _ => false,
        };
        if !covered {
            return Err(Wrong::Coverage);
        }
        let institution = named.map_or_else(String::new, |(code, _)| code.clone());
        let first = self.misses.entry((institution, answer.as_of.epoch));
        let first = first.or_insert_with(|| response.body.to_vec());
        if first == response.body {
            Ok(())
        } else {
            Err(Wrong::MissesDiffer)
        }
    }
}

impl Coverage<'_> {
    /// Every institution that is asked for has certificates, so it has a newest review.
    fn has_a_day(&self) -> bool {
        self.latest_review_on
            .as_ref()
            .is_some_and(|day| is_day(day))
    }
}

fn answer<'a>(response: &Response<'a>) -> Result<Answer<'a>, Wrong> {
    expect_status(200, response, "application/json")?;
    let answer: Answer<'_> = serde_json::from_slice(response.body).map_err(|_| Wrong::Json)?;
    let published = &answer.as_of.published_at;
    let dated = published.get(..10).is_some_and(is_day) && published.ends_with('Z');
    if dated && answer.as_of.epoch > 0 && answer.as_of.generation > 0 {
        Ok(answer)
    } else {
        Err(Wrong::Json)
    }
}

fn matches(known: &[Known], answer: &Answer<'_>) -> Result<(), Wrong> {
    if answer.outcome != "match" {
        return Err(Wrong::Outcome);
    }
    count(known.len(), answer.certificates.len())?;
    let published = &answer.as_of.published_at[..10];
    let pairs = known.iter().zip(&answer.certificates);
    let mut differences = pairs.filter_map(|(known, found)| known.difference(found, published));
    differences
        .next()
        .map_or(Ok(()), |field| Err(Wrong::Field(field)))
}

fn refused(code: &str, field: Option<&str>, response: &Response<'_>) -> Result<(), Wrong> {
    expect_status(400, response, "application/problem+json")?;
    let problem: Problem<'_> = serde_json::from_slice(response.body).map_err(|_| Wrong::Json)?;
    if problem.status != 400 || problem.title.is_empty() || problem.detail.is_ascii() {
        return Err(Wrong::Json);
    }
    if problem.code != code {
        return Err(Wrong::Code);
    }
    if field.is_some() && field != problem.field.as_deref() {
        return Err(Wrong::RefusedField);
    }
    Ok(())
}

fn expect_status(expected: u16, response: &Response<'_>, media: &str) -> Result<(), Wrong> {
    if response.status != expected {
        let found = response.status;
        return Err(Wrong::Status { expected, found });
    }
    if response.media == media {
        Ok(())
    } else {
        Err(Wrong::Media)
    }
}

fn count(expected: usize, found: usize) -> Result<(), Wrong> {
    if expected == found {
        Ok(())
    } else {
        Err(Wrong::Count { expected, found })
    }
}

fn is_day(text: &str) -> bool {
    certificate::date::parse(text).is_some_and(|day| day.to_string() == text)
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window == text)
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { expected, found } => write!(f, "status {found} instead of {expected}"),
            Self::Media => f.write_str("another content type"),
            Self::Json => f.write_str("not the JSON of the contract"),
            Self::Outcome => f.write_str("another outcome"),
            Self::Count { expected, found } => {
                write!(f, "{found} certificates instead of {expected}")
            }
            Self::Field(field) => write!(f, "another value of {field}"),
            Self::Coverage => f.write_str("the coverage is not that of the institution asked"),
            Self::MissesDiffer => f.write_str("a miss that can be told from another one"),
            Self::Code => f.write_str("another refusal code"),
            Self::RefusedField => f.write_str("the refusal names another field"),
            Self::Discloses => f.write_str("the answer repeats the identity number"),
        }
    }
}

#[cfg(test)]
mod tests;
