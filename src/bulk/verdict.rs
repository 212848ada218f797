//! The answer to one row.

use std::borrow::Cow;

use snapshot::{Damaged, Status};

use crate::answer::{Answer, Certificate};
use crate::refusal::{JsonFault, Refusal};

/// Why a row asks nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is a question that a single look-up would refuse.
    Refused(Refusal),
    /// It is no object of strings.
    Json(JsonFault),
    /// A spreadsheet took the identity number for a number, and its last digits are lost.
    Truncated,
    /// A formula ended in an error.
    Formula,
    /// It has cells beyond its header, so nobody knows which is which.
    Ragged,
}

/// What is said of one row.
#[derive(Debug)]
pub(super) enum Verdict<'s> {
    /// The certificates that match, newest first.
    Match(Vec<Certificate<'s>>),
    /// No match.
    NoMatch,
    /// It asks nothing.
    Invalid(Fault),
    /// The data that would answer are damaged.
    CannotAnswer(Damaged),
    /// The quota is used up.
    Limited,
}

/// Every outcome of a row, in the order of the summary.
pub(super) const OUTCOMES: [&str; 5] = ["match", "no_match", "invalid", "cannot_answer", "limited"];

impl<'s> Verdict<'s> {
    /// What the register has said.
    pub(super) fn of(answer: Result<Answer<'s>, Damaged>) -> Self {
        match answer {
            Ok(Answer::Match(certificates)) => Self::Match(certificates),
            Ok(Answer::NoMatch(_)) => Self::NoMatch,
            Err(damaged) => Self::CannotAnswer(damaged),
        }
    }

    /// Place in [`OUTCOMES`].
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Match(_) => 0,
            Self::NoMatch => 1,
            Self::Invalid(_) => 2,
            Self::CannotAnswer(_) => 3,
            Self::Limited => 4,
        }
    }

    /// Its outcome.
    pub(super) fn outcome(&self) -> &'static str {
        OUTCOMES[self.index()]
    }

    /// The code of what keeps it from being an answer.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Match(_) | Self::NoMatch => None,
            Self::Invalid(fault) => Some(fault.code()),
            Self::CannotAnswer(_) => Some(Refusal::CannotAnswer.code()),
            Self::Limited => Some("quota_exceeded"),
        }
    }

    /// The certificate to show where there is room for one: the newest, valid before withdrawn.
    pub(super) fn shown(&self) -> Option<&Certificate<'s>> {
        let Self::Match(certificates) = self else {
            return None;
        };
        let valid = |one: &&Certificate<'_>| one.status == Status::Valid;
        certificates
            .iter()
            .find(valid)
            .or_else(|| certificates.first())
    }
}

impl Fault {
    /// The stable code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Json(_) => "malformed_json",
            Self::Truncated => "id_truncated",
            Self::Formula => "cell_error",
            Self::Ragged => "row_ragged",
        }
    }

    /// What is wrong and what to do, in Chinese.
    pub(super) fn detail(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Refused(refusal) => return refusal.detail(),
            Self::Json(fault) => return Refusal::MalformedJson(fault).detail(),
            Self::Truncated => {
                "证件号码疑似被Excel截断：表格软件把它存成了数字，末几位已丢失；请把该列设为文本后重新录入"
            }
            Self::Formula => "单元格里的公式出错，没有可以核验的内容",
            Self::Ragged => "本行的单元格比表头多，可能错位；请检查逗号和引号",
        })
    }
}
