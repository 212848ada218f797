//! Occupation codes (职业编码) of the 职业分类大典: `4-04-05-05`.

use std::fmt;

use crate::text::{fold_width, is_dash, is_invisible};

/// An occupation code in its canonical spelling.
///
/// Invariant: `d-dd-dd-dd`. Whether the code exists, and what it was called on a day, is asked of
/// the registry: codes moved between the editions of 2015 and 2022.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OccupationCode([u8; 7]);

impl OccupationCode {
    /// Reads a code; any dash or none may stand between the groups.
    pub fn parse(text: &str) -> Option<Self> {
        if let &[a, b'-', b, c, b'-', d, e, b'-', f, g] = text.as_bytes() {
            let digits = [a, b, c, d, e, f, g];
            if digits.iter().all(u8::is_ascii_digit) {
                return Some(Self(digits));
            }
        }
        let digits: String = text
            .chars()
            .map(fold_width)
            .filter(|&c| !c.is_whitespace() && !is_dash(c) && !is_invisible(c))
            .collect();
        let digits: [u8; 7] = digits.as_bytes().try_into().ok()?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then_some(Self(digits))
    }

    /// The seven digits.
    pub fn digits(&self) -> &[u8; 7] {
        &self.0
    }

    /// Whether the occupation is of the skills classes 3–6 (notice 一(三)).
    pub fn is_skilled(self) -> bool {
        (b'3'..=b'6').contains(&self.0[0])
    }
}

impl fmt::Display for OccupationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = std::str::from_utf8(&self.0).expect("an occupation code is ASCII");
        write!(
            f,
            "{}-{}-{}-{}",
            &digits[..1],
            &digits[1..3],
            &digits[3..5],
            &digits[5..]
        )
    }
}

impl fmt::Debug for OccupationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for text in [
            "4-04-05-05",
            "４－０４－０５－０５",
            "4040505",
            "4–04–05–05 ",
        ] {
            assert_eq!(
                OccupationCode::parse(text).unwrap().to_string(),
                "4-04-05-05"
            );
        }
        for text in ["", "4-04-05", "4-04-05-5", "X-04-05-05"] {
            assert_eq!(OccupationCode::parse(text), None, "{text}");
        }
        assert!(OccupationCode::parse("4-04-05-05").unwrap().is_skilled());
        assert!(!OccupationCode::parse("2-02-38-04").unwrap().is_skilled());
    }
}
