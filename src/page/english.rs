//! English for what the rest of the system says in Chinese: refusals, levels, document types.
//!
//! Refusals reach a page as a code and a Chinese sentence. The code alone would not tell which
//! character is wrong, so the typed text is read again with the same parser.

use std::borrow::Cow;

use certificate::number::NumberError;
use certificate::{CertificateNumber, HolderName};

use super::{Refusal, Typed};

/// The English sentence for a refusal.
pub(super) fn refusal(refusal: &Refusal<'_>, typed: &Typed<'_>) -> Cow<'static, str> {
    Cow::Borrowed(match refusal.code {
        // Two were given, and the operator takes name and document number only with a third.
        "two_factors_required" if refusal.field.is_some() => {
            "Please add the certificate number: a search by name and document number alone is \
             not offered here."
        }
        "two_factors_required" => {
            "Fill in at least two of the three: certificate number, name, document number."
        }
        "number_malformed" => return number(typed.certificate_number),
        "name_malformed" => return name(typed.name),
        "id_malformed" => {
            "The document number does not fit the type of document chosen. Please check both."
        }
        "id_check_failed" => {
            "The check character at the end of the identity number does not fit the digits before \
             it. Please compare every digit with the card."
        }
        "rate_limited" | "quota_exceeded" => {
            "Too many queries from here in a short time. Please wait a little and try again."
        }
        "challenge_required" => "One more check is needed before this query. Please try again.",
        "overloaded" => "Too many people are asking at this moment. Please try again shortly.",
        "body_too_large" => "What was sent is longer than a query can be. Please check the fields.",
        _ => "The query could not be accepted. Please check what you typed and send it again.",
    })
}

fn number(typed: &str) -> Cow<'static, str> {
    let text = match CertificateNumber::parse_query(typed) {
        Err(NumberError::Empty) => "Please enter the certificate number.",
        Err(NumberError::LegacyQualification) => {
            "This is the 16-digit number of an old national vocational qualification certificate. \
             It is not in this register; ask the national look-up system for skills certificates."
        }
        Err(NumberError::LegacyShanghai) => {
            "This is the 13-digit number of an old qualification certificate from Shanghai. It is \
             not in this register; put 000 before it and ask the national look-up system."
        }
        Err(NumberError::Length { characters }) => {
            return Cow::Owned(format!(
                "A certificate number has 22 characters (one letter and 21 digits); \
                 {characters} were entered."
            ));
        }
        Err(NumberError::Class) => "The first character must be one of the letters J, S or Y.",
        Err(NumberError::Digit { position }) => {
            return Cow::Owned(format!(
                "Character {position} of the number must be a digit."
            ));
        }
        Err(NumberError::Level) => "Character 16 must be the level, a digit from 1 to 5.",
        _ => "This is not a certificate number.",
    };
    Cow::Borrowed(text)
}

fn name(typed: &str) -> Cow<'static, str> {
    use certificate::holder::NameError;
    match HolderName::parse(typed) {
        Err(NameError::TooLong { characters }) => Cow::Owned(format!(
            "A name has at most {} characters; {characters} were entered.",
            HolderName::MOST_CHARACTERS
        )),
        Err(NameError::Character { position }) => Cow::Owned(format!(
            "Character {position} of the name is not a letter (a digit, a symbol or a character \
             of a private font)."
        )),
        _ => Cow::Borrowed("Please enter the name as it stands on the identity document."),
    }
}

/// `三级/高级工` by its code; a plain translation, no official English was found.
pub(super) fn level(code: char) -> Option<&'static str> {
    Some(match code {
        '5' => "Level 5 / Junior skilled worker",
        '4' => "Level 4 / Intermediate skilled worker",
        '3' => "Level 3 / Senior skilled worker",
        '2' => "Level 2 / Technician",
        '1' => "Level 1 / Senior technician",
        _ => return None,
    })
}

/// The kind of an institution; an unknown one stays as it is.
pub(super) fn kind(chinese: &str) -> Option<&'static str> {
    Some(match chinese {
        "技师学院" => "Technician college",
        "高级技工学校" => "Senior technical school",
        "技工学校" => "Technical school",
        _ => return None,
    })
}

/// A document type by its code in the HRSS list; an unknown one keeps its Chinese name.
pub(super) fn document_type(code: &str, chinese: &'static str) -> &'static str {
    match code {
        "01" => "Resident identity card (household register)",
        "02" => "PLA officer's card",
        "03" => "Armed police officer's card",
        "04" => "Hong Kong passport / Mainland travel permit (Hong Kong)",
        "05" => "Macao passport / Mainland travel permit (Macao)",
        "06" => "Mainland travel permit (Taiwan)",
        "07" => "Foreigner's permanent residence card",
        "08" => "Foreign passport",
        "09" => "Disability certificate",
        "10" => "Certificate of a soldier's or martyr's family",
        "11" => "Foreigner's employment permit",
        "12" => "Foreign expert's certificate",
        "13" => "Foreign correspondent's card",
        "14" => "Employment permit (Taiwan, Hong Kong, Macao)",
        "15" => "Returned expert's settlement certificate",
        "16" => "Chinese passport",
        "17" => "Residence permit (Hong Kong, Macao, Taiwan)",
        "90" => "Social security card",
        "99" => "Other identity document",
        _ => chinese,
    }
}

#[cfg(test)]
mod tests {
    use certificate::{IdentityType, Level};

    use super::*;

    #[test]
    fn every_level_and_document_type_has_an_english_name() {
        for code in "54321".chars() {
            assert!(
                Level::from_code(code).is_some() && level(code).is_some(),
                "{code}"
            );
        }
        for kind in IdentityType::all() {
            assert!(
                document_type(&kind.code(), kind.name()).is_ascii(),
                "{}",
                kind.code()
            );
        }
    }

    #[test]
    fn a_refusal_names_the_place() {
        let typed = |certificate_number| Typed {
            certificate_number,
            ..Typed::default()
        };
        let coded = |code| Refusal {
            code,
            field: Some("certificate_number"),
            detail: "",
        };
        let say = |number| refusal(&coded("number_malformed"), &typed(number)).into_owned();
        assert!(say("Q000044000001203000123").contains("J, S or Y"));
        assert!(say("J00004400X001203000123").contains("Character 10"));
        assert!(say("J0000").contains("5 were entered"));
        assert!(say("1234567890123456").contains("16-digit"));
        assert!(say("1234567890123").contains("000"));
        let named = Typed {
            name: "张3",
            ..Typed::default()
        };
        assert!(refusal(&coded("name_malformed"), &named).contains("Character 2"));
        assert!(refusal(&coded("a_code_of_tomorrow"), &named).contains("could not be accepted"));
    }
}
