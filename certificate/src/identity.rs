//! Identity documents (证件): the types of the HRSS code list and the shape of their numbers.
//!
//! The address part of a resident's number is not compared with today's divisions: abolished
//! codes stay valid for life. The type only picks the format check; it is part of no key, so a
//! holder who names another type of the same number is still found.

use std::fmt;

use zeroize::Zeroizing;

use crate::date::Date;
use crate::text::{fold_width, is_dash, is_invisible, tidy};

/// The code list 证件类型 of the HRSS systems.
const TYPES: [(u8, &str); 19] = [
    (1, "居民身份证（户口簿）"),
    (2, "解放军军官证"),
    (3, "武警警官证"),
    (4, "香港特区护照/港澳居民来往内地通行证"),
    (5, "澳门特区护照/港澳居民来往内地通行证"),
    (6, "台湾居民来往大陆通行证"),
    (7, "外国人永久居留证"),
    (8, "外国人护照"),
    (9, "残疾人证"),
    (10, "军烈属证明"),
    (11, "外国人就业证"),
    (12, "外国专家证"),
    (13, "外国人常驻记者证"),
    (14, "台港澳人员就业证"),
    (15, "回国（来华）定居专家证"),
    (16, "中国护照"),
    (17, "港澳台居民居住证"),
    (90, "社会保障卡"),
    (99, "其他身份证件"),
];

/// Other names in use for a type of [`TYPES`].
const TYPE_ALIASES: [(u8, &str); 6] = [
    (1, "居民身份证"),
    (1, "身份证"),
    (1, "户口簿"),
    (4, "港澳居民来往内地通行证"),
    (7, "外国人永久居留身份证"),
    (8, "护照"),
];

/// A type of identity document.
///
/// Invariant: a code of the HRSS list.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IdentityType(u8);

/// The number of an identity document in its one canonical spelling; the text is wiped on drop
/// and never printed.
///
/// Invariant: made by [`parse`](Self::parse); a 15-digit resident's number has become 18.
#[derive(Clone, Eq, PartialEq)]
pub struct IdentityNumber(Zeroizing<String>);

impl std::hash::Hash for IdentityNumber {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

/// Why a text is not the number of a document of this type. `Display` is the Chinese sentence for
/// people and holds nothing of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdentityError {
    /// The shape is not that of the document.
    Malformed,
    /// The shape is right and the check character (GB 11643, ISO 7064 MOD 11-2) is not.
    CheckFailed,
}

impl IdentityType {
    /// 居民身份证, the default.
    pub const RESIDENT: Self = Self(1);

    /// Reads a code (`1` or `01`) or a name of the list.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((code, _)) = TYPES.iter().find(|(_, name)| *name == text) {
            return Some(Self(*code));
        }
        let text = tidy(text).replace('(', "（").replace(')', "）");
        let names = TYPES.iter().chain(&TYPE_ALIASES);
        let code = match text.parse::<u8>() {
            Ok(code) if text.len() <= 2 && !text.starts_with('+') => code,
            _ => names.clone().find(|(_, name)| *name == text)?.0,
        };
        TYPES
            .iter()
            .any(|known| known.0 == code)
            .then_some(Self(code))
    }

    /// The two-digit code.
    pub fn code(self) -> String {
        self.digits()
            .iter()
            .map(|&digit| char::from(digit))
            .collect()
    }

    /// The two ASCII digits of the code. Cost: no allocation.
    pub fn digits(self) -> [u8; 2] {
        [b'0' + self.0 / 10, b'0' + self.0 % 10]
    }

    /// The name of the list.
    pub fn name(self) -> &'static str {
        TYPES
            .iter()
            .find(|known| known.0 == self.0)
            .expect("made from the list")
            .1
    }

    /// Every type of the list, for forms.
    pub fn all() -> impl Iterator<Item = Self> {
        TYPES.iter().map(|known| Self(known.0))
    }
}

impl IdentityNumber {
    /// Reads the number of a document of this type: white space, dashes and invisible characters
    /// are dropped, width is folded, letters are raised; Cyrillic Х and the multiplication sign
    /// are read as X.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Malformed`] when the shape is wrong, [`IdentityError::CheckFailed`] when
    /// an 18-character number fails its check character.
    pub fn parse(kind: IdentityType, text: &str) -> Result<Self, IdentityError> {
        // Nearly all are delivered in the canonical spelling.
        if kind == IdentityType::RESIDENT && checked_18(text).is_ok() && birth(text).is_some() {
            return Ok(Self(Zeroizing::new(text.to_owned())));
        }
        let number: Zeroizing<String> = Zeroizing::new(
            text.chars()
                .map(fold_width)
                .filter(|&c| !c.is_whitespace() && !is_dash(c) && !is_invisible(c))
                .map(|c| match c {
                    '\u{0425}' | '\u{0445}' | '\u{00D7}' => 'X',
                    c => c.to_ascii_uppercase(),
                })
                .collect(),
        );
        let number = match kind.0 {
            1 => resident(number)?,
            17 => settled_compatriot(number)?,
            7 => permanent_resident(number)?,
            _ if fits(kind, &number) => number,
            _ => return Err(IdentityError::Malformed),
        };
        Ok(Self(number))
    }

    /// The canonical text, for forming keys and for the ledger. Never print it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// 18 characters with a check character, or the 15 digits that were issued until 1999.
fn resident(number: Zeroizing<String>) -> Result<Zeroizing<String>, IdentityError> {
    if number.len() == 15 && number.bytes().all(|byte| byte.is_ascii_digit()) {
        let mut long = Zeroizing::new(format!("{}19{}", &number[..6], &number[6..]));
        let check = check_character(long.as_bytes());
        long.push(check);
        // What is read here has to be read again from the ledger, as 18 characters.
        checked_18(&long)?;
        birth(&long).ok_or(IdentityError::Malformed)?;
        return Ok(long);
    }
    checked_18(&number)?;
    birth(&number).ok_or(IdentityError::Malformed)?;
    Ok(number)
}

/// 港澳台居民居住证: the resident's shape with the prefix 81, 82 or 83.
fn settled_compatriot(number: Zeroizing<String>) -> Result<Zeroizing<String>, IdentityError> {
    let prefixed = ["810000", "820000", "830000"]
        .iter()
        .any(|prefix| number.starts_with(prefix));
    if prefixed {
        resident(number)
    } else {
        Err(IdentityError::Malformed)
    }
}

/// 外国人永久居留身份证: since 2023-12-01 18 characters that begin with 9; before, three letters
/// and 12 digits. Both stay valid.
fn permanent_resident(number: Zeroizing<String>) -> Result<Zeroizing<String>, IdentityError> {
    if shape(&number, "AAA999999999999") {
        return Ok(number);
    }
    checked_18(&number)?;
    if number.starts_with('9') {
        Ok(number)
    } else {
        Err(IdentityError::Malformed)
    }
}

/// The other documents. Their rules are common knowledge, not published standards, so the shapes
/// are wide: a true number must never be refused.
fn fits(kind: IdentityType, number: &str) -> bool {
    let characters = number.chars().count();
    match kind.0 {
        4 | 5 => ["A99999999", "A9999999999", "AA9999999"]
            .iter()
            .any(|s| shape(number, s)),
        6 => shape(number, "99999999") || (10..=12).contains(&characters) && alphanumeric(number),
        8 | 16 => (5..=17).contains(&characters) && alphanumeric(number),
        _ => {
            (4..=30).contains(&characters)
                && number
                    .chars()
                    .all(|c| c.is_alphanumeric() || "()·/.".contains(c))
                && number.chars().any(|c| c.is_ascii_digit())
        }
    }
}

fn alphanumeric(number: &str) -> bool {
    number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Whether the number follows a pattern in which `A` is a letter and `9` a digit.
fn shape(number: &str, pattern: &str) -> bool {
    number.len() == pattern.len()
        && number
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, want)| match want {
                b'A' => byte.is_ascii_uppercase(),
                _ => byte.is_ascii_digit(),
            })
}

/// 17 digits and the right check character.
fn checked_18(number: &str) -> Result<(), IdentityError> {
    let bytes = number.as_bytes();
    let shaped = bytes.len() == 18
        && bytes[..17].iter().all(u8::is_ascii_digit)
        && bytes[0] != b'0'
        && (bytes[17].is_ascii_digit() || bytes[17] == b'X');
    if !shaped {
        return Err(IdentityError::Malformed);
    }
    if check_character(bytes) == char::from(bytes[17]) {
        Ok(())
    } else {
        Err(IdentityError::CheckFailed)
    }
}

/// The date of birth in an 18-character number, when it is a day of the calendar.
fn birth(number: &str) -> Option<Date> {
    let part = |from: usize, to: usize| number[from..to].parse::<i16>().ok();
    let month = i8::try_from(part(10, 12)?).ok()?;
    let day = i8::try_from(part(12, 14)?).ok()?;
    Date::new(part(6, 10)?, month, day).ok()
}

/// The check character for the first 17 digits (GB 11643-1999, ISO 7064:1983 MOD 11-2).
pub(crate) fn check_character(digits: &[u8]) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    char::from(b"10X98765432"[(sum % 11) as usize])
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "证件号码的格式与证件类型不符",
            Self::CheckFailed => "证件号码的校验码不正确，请核对每一位",
        })
    }
}

impl std::error::Error for IdentityError {}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: u8, text: &str) -> Result<String, IdentityError> {
        IdentityNumber::parse(IdentityType(kind), text).map(|number| number.expose().to_owned())
    }

    #[test]
    fn the_example_of_the_standard() {
        let canonical = "11010519491231002X";
        for text in [
            canonical,
            "11010519491231002x",
            "110105 19491231 002X",
            "１１０１０５１９４９１２３１００２Ｘ",
            "11010519491231002\u{0445}",
            "11010519491231002×",
            "\u{200B}11010519491231002X",
        ] {
            assert_eq!(parse(1, text).as_deref(), Ok(canonical), "{text}");
        }
        assert_eq!(parse(1, "110105491231002").as_deref(), Ok(canonical));
    }

    #[test]
    fn fifteen_digits_are_held_to_what_eighteen_are() {
        // No division begins with 0; taken here, the number could not be read back.
        for text in ["010105491231002", "000000000101000"] {
            assert_eq!(parse(1, text), Err(IdentityError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_check_character_catches_every_single_wrong_digit() {
        let number = "11010519491231002X";
        for position in 0..17 {
            for digit in '0'..='9' {
                let mut typed: Vec<char> = number.chars().collect();
                if typed[position] == digit {
                    continue;
                }
                typed[position] = digit;
                let typed: String = typed.into_iter().collect();
                assert!(parse(1, &typed).is_err(), "{typed}");
            }
        }
        assert_eq!(
            parse(1, "110105194912310021"),
            Err(IdentityError::CheckFailed)
        );
    }

    #[test]
    fn malformed_residents() {
        for text in [
            "",
            "1101051949123100",
            "4.40001E+17",
            "110105194913310026",
            "A10105194912310021",
        ] {
            assert!(matches!(parse(1, text), Err(IdentityError::Malformed)) || text.len() == 18);
            assert!(parse(1, text).is_err(), "{text}");
        }
        // 31 November with a right check character: no such day.
        let mut number = String::from("11010519491131002");
        number.push(check_character(number.as_bytes()));
        assert_eq!(parse(1, &number), Err(IdentityError::Malformed));
    }

    #[test]
    fn other_documents() {
        for (kind, text, canonical) in [
            (4, "h12345678", "H12345678"),
            (5, "M1234567801", "M1234567801"),
            (6, "12345678", "12345678"),
            (7, "abc123456789012", "ABC123456789012"),
            (8, "e 1234567", "E1234567"),
            (2, "南字第1234567号", "南字第1234567号"),
            (99, "AB-1234", "AB1234"),
        ] {
            assert_eq!(parse(kind, text).as_deref(), Ok(canonical), "{kind} {text}");
        }
        for (kind, text) in [
            (4, "1234"),
            (6, "1234567"),
            (7, "ABC12"),
            (8, "护照号"),
            (99, "无"),
        ] {
            assert_eq!(
                parse(kind, text),
                Err(IdentityError::Malformed),
                "{kind} {text}"
            );
        }
        let mut settled = String::from("81000019900101123");
        settled.push(check_character(settled.as_bytes()));
        assert!(parse(17, &settled).is_ok());
        assert_eq!(
            parse(17, "11010519491231002X"),
            Err(IdentityError::Malformed)
        );
        let mut card = String::from("91110519900101123");
        card.push(check_character(card.as_bytes()));
        assert!(parse(7, &card).is_ok());
    }

    #[test]
    fn types_by_code_and_name() {
        for (text, code) in [
            ("01", "01"),
            ("1", "01"),
            ("身份证", "01"),
            ("居民身份证(户口簿)", "01"),
            ("外国人护照", "08"),
            ("99", "99"),
            ("港澳台居民居住证", "17"),
            ("９０", "90"),
        ] {
            assert_eq!(
                IdentityType::parse(text).map(IdentityType::code).as_deref(),
                Some(code)
            );
        }
        for text in ["", "+1", "00", "18", "100", "001", "驾驶证"] {
            assert_eq!(IdentityType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_do_not_print() {
        let number = IdentityNumber::parse(IdentityType::RESIDENT, "11010519491231002X").unwrap();
        assert_eq!(format!("{number:?}"), "IdentityNumber(…)");
    }
}
