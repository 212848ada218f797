//! Names of holders (姓名), folded so that one person's name has one spelling.
//!
//! The rules follow 民委发〔2016〕33号 (the separator is U+00B7, 50 characters, all of GB 18030)
//! and what input methods and old GBK systems are known to do to names. Traditional and
//! simplified forms and variants such as 喆 and 哲 are *not* folded: they are different legal names.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::text::{fold_width, is_dash, is_invisible};

/// The separator within a name, GB 18030 A1A4.
const SEPARATOR: char = '\u{00B7}';

/// A holder's name in its one canonical spelling; the text is wiped on drop and never printed.
///
/// Invariant: 1 to 50 characters; letters, marks, `·`, and the space, hyphen, apostrophe, comma
/// and full stop of Latin names; made only by [`parse`](Self::parse), which is idempotent.
#[derive(Clone, Eq, PartialEq)]
pub struct HolderName(Zeroizing<String>);

impl std::hash::Hash for HolderName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

/// Why a text is not a name. `Display` is the Chinese sentence for people and holds nothing of
/// the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameError {
    /// No letter in it.
    Empty,
    /// More than 50 characters (民委发〔2016〕33号 asks for room for 50 bytes, 25 汉字; we give 50
    /// characters).
    TooLong {
        /// Characters after normalisation.
        characters: usize,
    },
    /// A digit, a symbol, a control character, or a glyph of a private font.
    Character {
        /// Position after normalisation, from 1.
        position: usize,
    },
}

impl HolderName {
    /// Characters a name may have.
    pub const MOST_CHARACTERS: usize = 50;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, see [`NameError`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_plain(text) {
            return Ok(Self(Zeroizing::new(text.to_owned())));
        }
        let name = normalise(text);
        let characters = name.chars().count();
        if characters > Self::MOST_CHARACTERS {
            return Err(NameError::TooLong { characters });
        }
        if let Some(index) = name.chars().position(|c| !is_name_character(c)) {
            return Err(NameError::Character {
                position: index + 1,
            });
        }
        if !name.chars().any(is_name_letter) {
            return Err(NameError::Empty);
        }
        if !name.starts_with(|c| is_name_letter(c) || c == '\'') {
            return Err(NameError::Character { position: 1 });
        }
        Ok(Self(name))
    }

    /// The first character, all that a public answer shows.
    pub fn initial(&self) -> char {
        self.0.chars().next().expect("a name has a letter")
    }

    /// The canonical text, for forming keys and for the ledger. Never print it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Stands for the characters of a name that are not shown.
pub const MASK: char = '*';

/// The masked name of a holder whose first character is `initial`: that character and exactly
/// one `*`, so that the mask does not even tell the length.
pub fn mask(initial: char) -> String {
    format!("{initial}{MASK}")
}

/// Whether a text is a name as nearly all are: 1 to 50 characters of the basic block of ideographs,
/// of which no folding changes any. What is left out here costs a tenth of what folding does.
fn is_plain(text: &str) -> bool {
    let mut characters = 0;
    let all_plain = text.chars().all(|c| {
        characters += 1;
        matches!(c, '\u{4E00}'..='\u{9FFF}')
    });
    all_plain && (1..=HolderName::MOST_CHARACTERS).contains(&characters)
}

/// All folding. The order matters: private-use glyphs become real characters first, spaces fall
/// when it is known whether the name is written in ideographs, and NFC comes last, because what
/// the other folds leave side by side may compose.
fn normalise(text: &str) -> Zeroizing<String> {
    let folded: Zeroizing<String> = Zeroizing::new(
        text.chars()
            .filter(|&c| !is_invisible(c))
            .map(|c| fold_separator(fold_width(fold_private_use(c))))
            .flat_map(fold_radical)
            .collect(),
    );
    let spaced = fold_spaces(&folded);
    let composed: Zeroizing<String> =
        Zeroizing::new(spaced.nfc().flat_map(char::to_uppercase).nfc().collect());
    fold_full_stops(composed)
}

/// Drops white space from a name with ideographs; elsewhere collapses it to single spaces.
fn fold_spaces(folded: &str) -> Zeroizing<String> {
    let ideographic = folded.chars().any(is_ideograph);
    let mut name = Zeroizing::new(String::with_capacity(folded.len()));
    for c in folded.chars() {
        if !c.is_whitespace() {
            name.push(c);
        } else if !ideographic && !name.is_empty() && !name.ends_with(' ') {
            name.push(' ');
        }
    }
    if name.ends_with(' ') {
        name.pop();
    }
    name
}

/// A full stop between two ideographs is a badly typed separator; in `J. SMITH` it is itself.
fn fold_full_stops(name: Zeroizing<String>) -> Zeroizing<String> {
    if !name.contains('.') {
        return name;
    }
    let characters = Zeroizing::new(name.chars().collect::<Vec<char>>());
    let between = |index: usize| {
        index > 0
            && is_ideograph(characters[index - 1])
            && characters
                .get(index + 1)
                .is_some_and(|&next| is_ideograph(next))
    };
    let fold = |(index, &c): (usize, &char)| {
        if c == '.' && between(index) {
            SEPARATOR
        } else {
            c
        }
    };
    Zeroizing::new(characters.iter().enumerate().map(fold).collect())
}

/// The dots that stand for `·` (U+FF0E has become a full stop by its width), the apostrophes that
/// phones make of `'`, and the dashes that stand for a hyphen.
fn fold_separator(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
        c if is_dash(c) => '-',
        '\u{2022}' | '\u{2027}' | '\u{30FB}' | '\u{FF65}' | '\u{2219}' | '\u{22C5}'
        | '\u{0387}' | '\u{2024}' | '\u{25CF}' | '\u{16EB}' => SEPARATOR,
        other => other,
    }
}

/// Kangxi radicals look like the characters they head and come from scanned documents; NFKC
/// knows which character each is.
fn fold_radical(c: char) -> impl Iterator<Item = char> {
    let radical = matches!(c, '\u{2F00}'..='\u{2FD5}' | '\u{2E9F}' | '\u{2EF3}');
    let folded = if radical {
        std::iter::once(c).nfkc().next()
    } else {
        None
    };
    std::iter::once(folded.unwrap_or(c))
}

/// What GBK systems kept at U+E815…U+E864 because Unicode had no place for it yet.
fn fold_private_use(c: char) -> char {
    /// Real characters of U+E815…U+E864, in order (GB 18030-2005 and 2022).
    #[rustfmt::skip]
    const REAL: [char; 80] = [
        '\u{2E81}', '\u{20087}', '\u{20089}', '\u{200CC}', '\u{2E84}', '\u{3473}', '\u{3447}', '\u{2E88}', '\u{2E8B}', '\u{9FB4}',
        '\u{359E}', '\u{361A}', '\u{360E}', '\u{2E8C}', '\u{2E97}', '\u{396E}', '\u{3918}', '\u{9FB5}', '\u{39CF}', '\u{39DF}',
        '\u{3A73}', '\u{39D0}', '\u{9FB6}', '\u{9FB7}', '\u{3B4E}', '\u{3C6E}', '\u{3CE0}', '\u{2EA7}', '\u{215D7}', '\u{9FB8}',
        '\u{2EAA}', '\u{4056}', '\u{415F}', '\u{2EAE}', '\u{4337}', '\u{2EB3}', '\u{2EB6}', '\u{2EB7}', '\u{2298F}', '\u{43B1}',
        '\u{43AC}', '\u{2EBB}', '\u{43DD}', '\u{44D6}', '\u{4661}', '\u{464C}', '\u{9FB9}', '\u{4723}', '\u{4729}', '\u{477C}',
        '\u{478D}', '\u{2ECA}', '\u{4947}', '\u{497A}', '\u{497D}', '\u{4982}', '\u{4983}', '\u{4985}', '\u{4986}', '\u{499F}',
        '\u{499B}', '\u{49B7}', '\u{49B6}', '\u{9FBA}', '\u{241FE}', '\u{4CA3}', '\u{4C9F}', '\u{4CA0}', '\u{4CA1}', '\u{4C77}',
        '\u{4CA2}', '\u{4D13}', '\u{4D14}', '\u{4D15}', '\u{4D16}', '\u{4D17}', '\u{4D18}', '\u{4D19}', '\u{4DAE}', '\u{9FBB}',
    ];
    match u32::from(c).checked_sub(0xE815) {
        Some(index) if index < 80 => REAL[index as usize],
        _ => c,
    }
}

/// Han characters and what GB 18030 puts beside them: radicals, 〇, and the strokes of GBK.
fn is_ideograph(c: char) -> bool {
    matches!(
        c,
        '\u{2E80}'..='\u{2FDF}'
            | '\u{3005}'..='\u{3007}'
            | '\u{31C0}'..='\u{31EF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFD}'
    )
}

fn is_name_letter(c: char) -> bool {
    is_ideograph(c) || c.is_alphabetic()
}

fn is_name_character(c: char) -> bool {
    is_name_letter(c)
        || matches!(c, SEPARATOR | ' ' | '-' | '\'' | '.' | ',')
        || unicode_normalization::char::is_combining_mark(c)
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("姓名为空"),
            Self::TooLong { characters } => {
                write!(
                    f,
                    "姓名最多{}个字符，现有{characters}个",
                    HolderName::MOST_CHARACTERS
                )
            }
            Self::Character { position } => {
                write!(
                    f,
                    "姓名第{position}个字符不是文字（数字、符号、控制字符或自造字）"
                )
            }
        }
    }
}

impl std::error::Error for NameError {}

impl fmt::Debug for HolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HolderName(…)")
    }
}

#[cfg(test)]
mod tests;
