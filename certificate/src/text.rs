//! Folding that all kinds of text share: width, white space, invisible characters.
//!
//! It knows nothing of names or numbers; each type adds its own rules on top.

use std::borrow::Cow;

/// Folds a full-width form to its ASCII character and an ideographic space to a space.
pub(crate) fn fold_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(u32::from(c) - 0xFEE0).expect("U+FF01..U+FF5E maps onto U+0021..U+007E")
        }
        '\u{3000}' => ' ',
        other => other,
    }
}

/// Characters that leave no ink: zero-width and bidirectional marks, soft hyphen, variation
/// selectors. They arrive by copy and paste and never distinguish two names.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{E0100}'..='\u{E01EF}'
    )
}

/// Hyphens and dashes that people type between the groups of a number.
pub(crate) fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}'
    )
}

/// Makes free text comparable: width folded, invisible characters dropped, white space (line
/// breaks included) collapsed to single spaces, ends trimmed.
///
/// For headers, occupation names, reasons and addresses; names and numbers have rules of their
/// own. Other control characters stay, so that the caller can refuse them.
pub fn tidy(text: &str) -> String {
    tidied(text).into_owned()
}

/// As [`tidy`], without a copy of what is tidy already, as nearly all cells are.
pub fn tidied(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(collapse(text, fold_width))
    }
}

/// Like [`tidy`], for text that is published: full-width punctuation is right in Chinese and
/// stays; letters, digits and spaces are folded.
pub fn tidy_prose(text: &str) -> String {
    tidied_prose(text).into_owned()
}

/// As [`tidy_prose`], without a copy of what is tidy already.
pub fn tidied_prose(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(collapse(text, |c| {
        let folded = fold_width(c);
        if folded.is_ascii_alphanumeric() || folded == ' ' {
            folded
        } else {
            c
        }
    }))
}

/// Whether a person sees nothing in a text: [`tidy`] leaves nothing of it.
pub fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| is_invisible(c) || fold_width(c).is_whitespace())
}

/// Whether a text holds only printed ASCII and the basic block of ideographs, of which no folding
/// changes any. Nearly all delivered text is like that.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        at += match first {
            b'!'..=b'~' => 1,
            // U+4E00 to U+9FFF; the text is whole UTF-8, so two bytes follow.
            0xE4 if bytes[at + 1] >= 0xB8 => 3,
            0xE5..=0xE9 => 3,
            _ => return false,
        };
    }
    true
}

fn collapse(text: &str, fold: impl Fn(char) -> char) -> String {
    let mut tidied = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !is_invisible(c)).map(fold) {
        if !c.is_whitespace() {
            tidied.push(c);
        } else if !tidied.ends_with(' ') && !tidied.is_empty() {
            tidied.push(' ');
        }
    }
    if tidied.ends_with(' ') {
        tidied.pop();
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_what_folding_leaves_alone() {
        let all = (0..=0x10_FFFF).filter_map(char::from_u32);
        let mut plain = 0;
        for text in all.map(|c| format!("a{c}b")) {
            if is_plain(&text) {
                plain += 1;
                assert_eq!(collapse(&text, fold_width), text);
                assert_eq!(tidy_prose(&text), text);
            }
            let alone = &text[1..text.len() - 1];
            assert_eq!(is_blank(alone), collapse(alone, fold_width).is_empty());
        }
        assert_eq!(plain, 94 + 0x5200);
    }

    #[test]
    fn tidy_folds_width_and_space() {
        assert_eq!(tidy("  证书\u{3000}编号\u{FEFF}（Ａ） \n"), "证书 编号(A)");
        assert_eq!(tidy("\u{200B} "), "");
        assert_eq!(
            tidy_prose(" 违反规定，\u{3000}经（Ａ１）\u{FEFF}复核 "),
            "违反规定， 经（A1）复核"
        );
    }
}
