//! Vocational skill levels (职业技能等级), in words and as the character in a certificate number.

use std::fmt;

use crate::text::tidied;

/// The five levels of the pilot: code, first half and second half of the official name.
const LEVELS: [(u8, &str, &str); 5] = [
    (b'5', "五级", "初级工"),
    (b'4', "四级", "中级工"),
    (b'3', "三级", "高级工"),
    (b'2', "二级", "技师"),
    (b'1', "一级", "高级技师"),
];

/// Special levels (特级技师, 首席技师, 学徒工) carry a letter in the number. Which letter stands for
/// which was found in no source, so the table is empty: letter, name, rank (see [`Level::rank`]).
const SPECIAL_LEVELS: [(u8, &str, u8); 0] = [];

/// A level that may be certified.
///
/// Invariant: a code of one of the two tables.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Level(u8);

impl Level {
    /// The level whose code this character is.
    pub fn from_code(code: char) -> Option<Self> {
        let code = u8::try_from(code).ok()?;
        let known = LEVELS.iter().any(|level| level.0 == code)
            || SPECIAL_LEVELS.iter().any(|level| level.0 == code);
        known.then_some(Self(code))
    }

    /// Reads a code, an official name such as `三级/高级工`, or either half of it.
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |(_, grade, title): &&(u8, &str, &str)| {
            let rest = text.strip_prefix(grade);
            rest.and_then(|rest| rest.strip_prefix('/')) == Some(*title)
        };
        if let Some(level) = LEVELS.iter().find(is_name) {
            return Some(Self(level.0));
        }
        let mut text = tidied(text);
        if text.contains(char::is_whitespace) {
            text = text.split_whitespace().collect();
        }
        let mut characters = text.chars();
        if let (Some(code), None) = (characters.next(), characters.next()) {
            return Self::from_code(code.to_ascii_uppercase());
        }
        let ordinary = LEVELS.iter().find(|(_, grade, title)| {
            text == *grade || text == *title || text.split_once('/') == Some((*grade, *title))
        });
        let special = SPECIAL_LEVELS.iter().find(|level| text == level.1);
        ordinary
            .map(|level| level.0)
            .or(special.map(|level| level.0))
            .map(Self)
    }

    /// The character in the certificate number.
    pub fn code(self) -> char {
        char::from(self.0)
    }

    /// The official name, both halves: `三级/高级工`.
    pub fn name(self) -> String {
        match LEVELS.iter().find(|level| level.0 == self.0) {
            Some((_, grade, title)) => format!("{grade}/{title}"),
            None => SPECIAL_LEVELS
                .iter()
                .find(|level| level.0 == self.0)
                .map_or_else(String::new, |level| level.1.to_owned()),
        }
    }

    /// How high the level is: 1 for 五级/初级工 up to 5 for 一级/高级技师.
    pub fn rank(self) -> u8 {
        match SPECIAL_LEVELS.iter().find(|level| level.0 == self.0) {
            Some((_, _, rank)) => *rank,
            None => b'6' - self.0,
        }
    }
}

/// Letters that may stand at the level's place; O and I never do, they are misread digits.
pub(crate) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_uppercase() && byte != b'O' && byte != b'I'
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Level({})", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_level() {
        for text in [
            "3",
            "３",
            "三级",
            "高级工",
            "三级/高级工",
            "三级 / 高级工",
            "三级／高级工",
        ] {
            assert_eq!(Level::parse(text).map(Level::code), Some('3'), "{text}");
        }
        assert_eq!(Level::parse("技师").map(Level::code), Some('2'));
        assert_eq!(Level::parse("高级技师").map(Level::code), Some('1'));
        for text in ["", "0", "6", "T", "高级", "三级/技师", "33"] {
            assert_eq!(Level::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rank_rises_with_skill() {
        let ranks: Vec<u8> = "54321"
            .chars()
            .map(|code| Level::from_code(code).unwrap().rank())
            .collect();
        assert_eq!(ranks, [1, 2, 3, 4, 5]);
        assert_eq!(Level::from_code('4').unwrap().name(), "四级/中级工");
    }
}
