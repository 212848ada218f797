//! An admitted change of the register: what the gate lets in, the ledger keeps and the builder
//! compiles.

use crate::date::Date;
use crate::holder::HolderName;
use crate::identity::{IdentityNumber, IdentityType};
use crate::level::Level;
use crate::number::CertificateNumber;
use crate::occupation::OccupationCode;

/// One applied operation on one certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The certificate it is about.
    pub number: CertificateNumber,
    /// What is done.
    pub operation: Operation,
    /// Who reviewed it, and when (notice 二(四)).
    pub review: Review,
    /// Why; empty for an issue, published for the others.
    pub reason: String,
}

/// What a change does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// 发证: a new certificate.
    Issue(Box<Details>),
    /// 更正: replaces everything but the number; the state stays.
    Correct(Box<Details>),
    /// 撤销: no longer valid from the day of review.
    Withdraw,
    /// 恢复: valid again.
    Restore,
}

/// The kind of an [`Operation`], as batches spell it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OperationKind {
    /// See [`Operation::Issue`].
    Issue,
    /// See [`Operation::Correct`].
    Correct,
    /// See [`Operation::Withdraw`].
    Withdraw,
    /// See [`Operation::Restore`].
    Restore,
}

/// The review of a change by the provincial or a city centre (省技能中心 / 属地鉴定中心).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Review {
    /// Code of the review centre, as in the registry.
    pub centre: String,
    /// 审核日期.
    pub on: Date,
}

/// Everything an issue or a correction says of a certificate. Holds personal data; it is kept in
/// the ledger and never in a snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Details {
    /// 姓名.
    pub name: HolderName,
    /// 证件类型.
    pub id_type: IdentityType,
    /// 证件号码.
    pub id_number: IdentityNumber,
    /// 职业编码.
    pub occupation_code: OccupationCode,
    /// 职业名称.
    pub occupation_name: String,
    /// 工种/职业方向; may be empty.
    pub direction: String,
    /// 职业技能等级.
    pub level: Level,
    /// 理论知识, 操作技能, 综合评审; never published.
    pub scores: [Option<Score>; 3],
    /// 计划编号.
    pub plan_no: String,
    /// 认定日期.
    pub assessed_on: Date,
    /// 报送日期.
    pub reported_on: Date,
    /// 学籍核验日期.
    pub roll_verified_on: Date,
    /// 发证日期.
    pub issued_on: Date,
}

/// A score of 0 to 100 with up to two decimals, in hundredths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Score(u16);

impl Operation {
    /// The kind.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Issue(_) => OperationKind::Issue,
            Self::Correct(_) => OperationKind::Correct,
            Self::Withdraw => OperationKind::Withdraw,
            Self::Restore => OperationKind::Restore,
        }
    }

    /// The details of an issue or a correction.
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Issue(details) | Self::Correct(details) => Some(details),
            Self::Withdraw | Self::Restore => None,
        }
    }
}

impl OperationKind {
    /// Reads the English code or a Chinese word; empty text is an issue.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_word(text).or_else(|| Self::of_word(&crate::tidy(text).to_ascii_lowercase()))
    }

    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "" | "issue" | "发证" => Self::Issue,
            "correct" | "更正" => Self::Correct,
            "withdraw" | "撤销" | "注销" => Self::Withdraw,
            "restore" | "恢复" => Self::Restore,
            _ => return None,
        })
    }

    /// The English code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Correct => "correct",
            Self::Withdraw => "withdraw",
            Self::Restore => "restore",
        }
    }

    /// Whether a row of this kind carries [`Details`].
    pub const fn is_full_row(self) -> bool {
        matches!(self, Self::Issue | Self::Correct)
    }
}

impl Score {
    /// Reads a score; `None` when it is no number of 0 to 100 with at most two decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let text = crate::tidied(text);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 2 {
            return None;
        }
        // At most three digits.
        let value = |part: &str| {
            part.bytes()
                .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
        };
        let hundredths = value(fraction) * if fraction.len() == 1 { 10 } else { 1 };
        let score = value(whole).checked_mul(100)? + hundredths;
        (score <= 10_000).then_some(Self(score))
    }
}

impl Score {
    /// The score in hundredths.
    pub fn hundredths(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, hundredths) if hundredths % 10 == 0 => write!(f, "{whole}.{}", hundredths / 10),
            (whole, hundredths) => write!(f, "{whole}.{hundredths:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores() {
        for (text, printed) in [
            ("0", "0"),
            ("100", "100"),
            ("100.00", "100"),
            ("59.5", "59.5"),
            ("59.05", "59.05"),
            ("８８", "88"),
        ] {
            assert_eq!(Score::parse(text).unwrap().to_string(), printed);
        }
        for text in [
            "", "100.01", "101", "-1", "1.234", "1e2", "九十", ".5", "5.",
        ] {
            assert_eq!(Score::parse(text), None, "{text}");
        }
    }

    #[test]
    fn operations_by_code_and_word() {
        assert_eq!(OperationKind::parse(""), Some(OperationKind::Issue));
        assert_eq!(OperationKind::parse("注销"), Some(OperationKind::Withdraw));
        assert_eq!(
            OperationKind::parse("Correct"),
            Some(OperationKind::Correct)
        );
        assert_eq!(OperationKind::parse("删除"), None);
    }
}
