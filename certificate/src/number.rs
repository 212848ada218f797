//! Certificate numbers (证书编号): the 22-character code of the level certificate.
//!
//! class letter · 4 organisation · 2 province · 6 site · 2 year · 1 level · 6 serial. There is no
//! check digit, so a typing error cannot be seen in the number alone, and serials are dense, so a
//! number is an identifier and never a secret. Only these numbers are in the register; the older
//! shapes are recognised to tell the asker where to go, nothing more.

use std::fmt;

use crate::level::{self, Level};
use crate::text::{fold_width, is_dash, is_invisible};

/// Class letters of evaluation organisations: employers, social organisations, technical schools.
///
/// Y and S stand in a copy of the coding rule; J is what the pilot schools use, by common report.
pub const CLASS_LETTERS: [u8; 3] = [b'J', b'S', b'Y'];

/// Index (from 0) of the level character, position 16 of the rule.
const LEVEL_INDEX: usize = 15;

/// A certificate number in its one canonical spelling.
///
/// Invariant: 22 ASCII bytes; a class letter of [`CLASS_LETTERS`], then digits, with either a
/// digit or a letter other than I and O at position 16. The order is that of the bytes, which is
/// institution, year, level, serial.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CertificateNumber([u8; Self::LENGTH]);

/// Positions 1–13 of a certificate number: which institution issued it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstitutionCode([u8; Self::LENGTH]);

/// Why a text is not a certificate number. `Display` is the Chinese sentence for people; it names
/// positions and counts, never the text itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NumberError {
    /// Nothing but white space.
    Empty,
    /// The 16 digits of an old vocational qualification certificate (职业资格证书).
    LegacyQualification,
    /// The 13 digits that Shanghai printed on qualification certificates.
    LegacyShanghai,
    /// Another count of characters than 22.
    Length {
        /// Characters found after spaces and hyphens were dropped.
        characters: usize,
    },
    /// The first character is not a class letter.
    Class,
    /// A character that must be a digit is none.
    Digit {
        /// Position in the number, from 1.
        position: usize,
    },
    /// Position 16 is neither a digit nor a possible level letter.
    Level,
}

impl CertificateNumber {
    /// Characters, which are also bytes.
    pub const LENGTH: usize = 22;

    /// Reads a number as delivered: spaces, hyphens and invisible characters are dropped, width
    /// is folded, letters are raised.
    ///
    /// # Errors
    ///
    /// What is wrong with the shape, see [`NumberError`].
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        // Nearly all are delivered in the canonical spelling.
        Self::from_canonical(text).or_else(|_| Self::from_canonical(&canonical(text)))
    }

    /// Reads a number as a person typed it: like [`parse`](Self::parse), and only when that fails
    /// a second reading takes O for 0 and I or L for 1 where a digit must stand.
    ///
    /// # Errors
    ///
    /// Those of the first reading.
    pub fn parse_query(text: &str) -> Result<Self, NumberError> {
        // Nearly all are pasted from where they stand in the canonical spelling.
        if let Ok(number) = Self::from_canonical(text) {
            return Ok(number);
        }
        let first = canonical(text);
        Self::from_canonical(&first)
            .or_else(|error| Self::from_canonical(&second_reading(&first)).map_err(|_| error))
    }

    /// Takes bytes that are already canonical, for example from an index.
    ///
    /// # Errors
    ///
    /// What is wrong with the shape; nothing is folded.
    pub fn from_canonical(text: &str) -> Result<Self, NumberError> {
        let bytes: [u8; Self::LENGTH] = text.as_bytes().try_into().map_err(|_| recognise(text))?;
        if !text.is_ascii() {
            return Err(recognise(text));
        }
        if !CLASS_LETTERS.contains(&bytes[0]) {
            return Err(NumberError::Class);
        }
        for (index, byte) in bytes.iter().enumerate().skip(1) {
            match index {
                LEVEL_INDEX if !byte.is_ascii_digit() && !level::is_letter(*byte) => {
                    return Err(NumberError::Level);
                }
                LEVEL_INDEX => {}
                _ if !byte.is_ascii_digit() => {
                    return Err(NumberError::Digit {
                        position: index + 1,
                    });
                }
                _ => {}
            }
        }
        Ok(Self(bytes))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a certificate number is ASCII")
    }

    /// The canonical bytes, which are also the key in the index.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Positions 1–13.
    pub fn institution(&self) -> InstitutionCode {
        let mut code = [0; InstitutionCode::LENGTH];
        code.copy_from_slice(&self.0[..InstitutionCode::LENGTH]);
        InstitutionCode(code)
    }

    /// Positions 14–15 as a full year; the rule began in 2019, so the century is 2000.
    pub fn year(&self) -> i16 {
        2000 + i16::from(self.0[13] - b'0') * 10 + i16::from(self.0[14] - b'0')
    }

    /// Position 16 as it stands.
    pub fn level_character(&self) -> char {
        char::from(self.0[LEVEL_INDEX])
    }

    /// Position 16 as a level, if it is one of the table.
    pub fn level(&self) -> Option<Level> {
        Level::from_code(self.level_character())
    }

    /// Positions 17–22: the serial within institution, year and level.
    pub fn serial(&self) -> u32 {
        self.0[16..]
            .iter()
            .fold(0, |serial, digit| serial * 10 + u32::from(digit - b'0'))
    }
}

impl InstitutionCode {
    /// Characters, which are also bytes.
    pub const LENGTH: usize = 13;

    /// Reads an institution code (机构代码): a class letter and 12 digits.
    ///
    /// # Errors
    ///
    /// What is wrong with the shape, in the terms of the number it begins.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let text = canonical(text);
        let bytes: [u8; Self::LENGTH] =
            text.as_bytes()
                .try_into()
                .map_err(|_| NumberError::Length {
                    characters: text.chars().count(),
                })?;
        if !CLASS_LETTERS.contains(&bytes[0]) {
            return Err(NumberError::Class);
        }
        match bytes[1..].iter().position(|byte| !byte.is_ascii_digit()) {
            Some(index) => Err(NumberError::Digit {
                position: index + 2,
            }),
            None => Ok(Self(bytes)),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an institution code is ASCII")
    }
}

/// Folds width and case and drops what people put between the groups.
fn canonical(text: &str) -> String {
    text.chars()
        .map(fold_width)
        .filter(|&c| !c.is_whitespace() && !is_dash(c) && !is_invisible(c))
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// O for 0 and I or L for 1 where a digit must stand. At the level, L could be a letter of the
/// table one day, so only O and I, which never are, change there.
fn second_reading(canonical: &str) -> String {
    let digit = |(index, c): (usize, char)| match (index, c) {
        (0, c) => c,
        (_, 'O') => '0',
        (_, 'I') => '1',
        (index, 'L') if index != LEVEL_INDEX => '1',
        (_, c) => c,
    };
    canonical.chars().enumerate().map(digit).collect()
}

/// Names the shape of a text that has not 22 bytes, or is not ASCII.
fn recognise(text: &str) -> NumberError {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.chars().count() {
        0 => NumberError::Empty,
        16 if all_digits => NumberError::LegacyQualification,
        13 if all_digits => NumberError::LegacyShanghai,
        CertificateNumber::LENGTH => {
            let odd = text.chars().position(|c| !c.is_ascii()).unwrap_or(0);
            if odd == 0 {
                NumberError::Class
            } else {
                NumberError::Digit { position: odd + 1 }
            }
        }
        characters => NumberError::Length { characters },
    }
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("证书编号为空"),
            Self::LegacyQualification => f.write_str(
                "这是16位的国家职业资格证书编号，不是职业技能等级证书编号，本系统不收录；\
                 请到技能人才评价证书全国联网查询系统查询",
            ),
            Self::LegacyShanghai => f.write_str(
                "这是13位的上海市职业资格证书编号，本系统不收录；请在编号前补3个0成为16位后，\
                 到技能人才评价证书全国联网查询系统查询",
            ),
            Self::Length { characters } => write!(
                f,
                "职业技能等级证书编号为22位（1位字母加21位数字），输入的有{characters}位"
            ),
            Self::Class => f.write_str("证书编号第1位应为字母J、S或Y"),
            Self::Digit { position } => write!(f, "证书编号第{position}位应为数字"),
            Self::Level => f.write_str("证书编号第16位应为数字1至5（职业技能等级）"),
        }
    }
}

impl std::error::Error for NumberError {}

/// Shows the institution only: a whole number in a log would name a person's certificate.
impl fmt::Debug for CertificateNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateNumber({}…)", self.institution().as_str())
    }
}

impl fmt::Debug for InstitutionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstitutionCode({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "J000044000001203000123";

    fn parse(text: &str) -> Result<String, NumberError> {
        CertificateNumber::parse(text).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn parts_follow_the_coding_rule() {
        let number = CertificateNumber::parse(NUMBER).unwrap();
        assert_eq!(number.institution().as_str(), "J000044000001");
        assert_eq!(number.year(), 2020);
        assert_eq!(number.level(), Level::from_code('3'));
        assert_eq!(number.serial(), 123);
        assert_eq!(format!("{number:?}"), "CertificateNumber(J000044000001…)");
    }

    #[test]
    fn delivery_folds_width_case_and_separators() {
        for text in [
            "Ｊ０００044000001203000123",
            " j0000-44-000001-20-3-000123 ",
            "J0000\u{2013}44000001203000123\u{FEFF}",
            "J0000 4400 0001 2030 0012 3",
        ] {
            assert_eq!(parse(text).as_deref(), Ok(NUMBER));
        }
        let special = "J00004400000120T000123";
        assert_eq!(parse(special).as_deref(), Ok(special));
    }

    #[test]
    fn only_a_query_gets_a_second_reading() {
        let typed = "JOOO044OOOOO1203OOOI2L";
        assert_eq!(parse(typed), Err(NumberError::Digit { position: 2 }));
        let query = CertificateNumber::parse_query("JOOOO44OOOOO1203OOOI23").unwrap();
        assert_eq!(query.as_str(), NUMBER);
        // I at the level is a 1, never a letter; L there stays the letter it is.
        assert_eq!(
            CertificateNumber::parse_query("J00004400000120I000123")
                .unwrap()
                .level_character(),
            '1'
        );
        assert_eq!(
            CertificateNumber::parse_query("J00004400000120L000123")
                .unwrap()
                .level_character(),
            'L'
        );
        assert_eq!(
            CertificateNumber::parse("J00004400000120O000123"),
            Err(NumberError::Level)
        );
    }

    #[test]
    fn refusals_recognise_the_shape() {
        for (text, error) in [
            ("", NumberError::Empty),
            (" \u{3000}", NumberError::Empty),
            ("1234567890123456", NumberError::LegacyQualification),
            ("1234567890123", NumberError::LegacyShanghai),
            (
                "J00004400000120300012",
                NumberError::Length { characters: 21 },
            ),
            ("Q000044000001203000123", NumberError::Class),
            ("张000044000001203000123", NumberError::Class),
            (
                "J00004400000120300012张",
                NumberError::Digit { position: 22 },
            ),
            (
                "J00004400X001203000123",
                NumberError::Digit { position: 10 },
            ),
            ("J00004400000120*000123", NumberError::Level),
        ] {
            assert_eq!(CertificateNumber::parse_query(text), Err(error), "{text}");
        }
    }

    #[test]
    fn institution_codes() {
        assert!(InstitutionCode::parse("j0000 4400 0001").is_ok());
        assert_eq!(
            InstitutionCode::parse("J00004400000X"),
            Err(NumberError::Digit { position: 13 })
        );
        assert_eq!(
            InstitutionCode::parse("J0000"),
            Err(NumberError::Length { characters: 5 })
        );
    }
}
