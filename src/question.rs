//! What somebody typed, made into a question or refused.
//!
//! The rules of what is a question stand here, once, for the JSON interface and the form. Text is
//! normalised in `certificate` only. Nothing here has seen the register, so nothing that happens
//! here can depend on it.

pub mod json;

use certificate::{CertificateNumber, HolderName, IdentityNumber, IdentityType};
use snapshot::Question;

use crate::refusal::Refusal;

/// What was typed, as received; white space and invisible characters alone are
/// absent.
#[derive(Clone, Copy, Default)]
pub struct Typed<'a> {
    /// 证书编号.
    pub certificate_number: &'a str,
    /// 姓名.
    pub name: &'a str,
    /// 证件号码.
    pub id_number: &'a str,
    /// 证件类型, a code or a name; only the format check of the number depends on it.
    pub id_type: &'a str,
}

/// Reads the factors; `holder_search` says whether name and identity number alone are a question.
///
/// # Errors
///
/// The refusal for the first thing that is wrong: too few factors, then number, name, identity
/// number. A wrong check character is refused here, before any look-up.
pub fn parse(typed: &Typed<'_>, holder_search: bool) -> Result<Question, Refusal> {
    let number = present(typed.certificate_number);
    let name = present(typed.name);
    let id_number = present(typed.id_number);
    if [number, name, id_number].iter().flatten().count() < 2 {
        return Err(Refusal::TwoFactorsRequired);
    }
    if number.is_none() && !holder_search {
        return Err(Refusal::NumberRequired);
    }
    let number = number
        .map(CertificateNumber::parse_query)
        .transpose()
        .map_err(Refusal::Number)?;
    let name = name
        .map(HolderName::parse)
        .transpose()
        .map_err(Refusal::Name)?;
    let id_number = match id_number {
        Some(text) => Some(identity(typed.id_type, text)?),
        None => None,
    };
    Question::new(number, name, id_number).ok_or(Refusal::TwoFactorsRequired)
}

fn identity(kind: &str, text: &str) -> Result<IdentityNumber, Refusal> {
    let kind = match present(kind) {
        Some(kind) => IdentityType::parse(kind).ok_or(Refusal::IdentityType)?,
        None => IdentityType::RESIDENT,
    };
    IdentityNumber::parse(kind, text).map_err(Refusal::Identity)
}

fn present(text: &str) -> Option<&str> {
    (!certificate::is_blank(text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use certificate::holder::NameError;
    use certificate::identity::IdentityError;
    use certificate::number::NumberError;

    use super::*;

    const NUMBER: &str = "J000044000001203000123";
    const ID: &str = "11010519491231002X";

    fn refused(typed: Typed<'_>, holder_search: bool) -> Option<Refusal> {
        parse(&typed, holder_search).err()
    }

    #[test]
    fn two_or_three_factors_are_a_question() {
        let typed = Typed::default();
        for typed in [
            Typed {
                certificate_number: NUMBER,
                name: "张三",
                ..typed
            },
            Typed {
                certificate_number: NUMBER,
                id_number: ID,
                ..typed
            },
            Typed {
                name: "张三",
                id_number: ID,
                ..typed
            },
            Typed {
                certificate_number: NUMBER,
                name: "张三",
                id_number: ID,
                id_type: "01",
            },
            Typed {
                name: "张三",
                id_number: ID,
                id_type: " \u{200B}",
                ..typed
            },
            Typed {
                certificate_number: " JOOOO44OOOOO1203OOOI23 ",
                name: "张三",
                ..typed
            },
        ] {
            assert_eq!(refused(typed, true), None);
        }
    }

    #[test]
    fn refusals_in_their_order() {
        let typed = Typed::default();
        let malformed = Refusal::Number(NumberError::LegacyQualification);
        for (typed, refusal) in [
            (typed, Refusal::TwoFactorsRequired),
            (
                Typed {
                    name: "张三",
                    ..typed
                },
                Refusal::TwoFactorsRequired,
            ),
            (
                Typed {
                    name: "张三",
                    id_number: "\u{3000}",
                    ..typed
                },
                Refusal::TwoFactorsRequired,
            ),
            (
                Typed {
                    name: "\u{200B}\u{FEFF}",
                    id_number: ID,
                    ..typed
                },
                Refusal::TwoFactorsRequired,
            ),
            (
                Typed {
                    certificate_number: "1234567890123456",
                    name: "3",
                    ..typed
                },
                malformed,
            ),
            (
                Typed {
                    certificate_number: NUMBER,
                    name: "3",
                    id_number: "1",
                    ..typed
                },
                Refusal::Name(NameError::Character { position: 1 }),
            ),
            (
                Typed {
                    name: "张三",
                    id_number: "110105194912310021",
                    ..typed
                },
                Refusal::Identity(IdentityError::CheckFailed),
            ),
            (
                Typed {
                    name: "张三",
                    id_number: "1",
                    ..typed
                },
                Refusal::Identity(IdentityError::Malformed),
            ),
            (
                Typed {
                    name: "张三",
                    id_number: ID,
                    id_type: "77",
                    ..typed
                },
                Refusal::IdentityType,
            ),
        ] {
            assert_eq!(refused(typed, true), Some(refusal));
        }
    }

    #[test]
    fn holder_search_can_be_off() {
        let typed = Typed {
            name: "张三",
            id_number: ID,
            ..Typed::default()
        };
        assert_eq!(refused(typed, false), Some(Refusal::NumberRequired));
        assert_eq!(
            refused(
                Typed {
                    certificate_number: NUMBER,
                    ..typed
                },
                false
            ),
            None
        );
    }
}
