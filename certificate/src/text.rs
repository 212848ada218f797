//! Folding that all kinds of text share: width, white space, invisible characters.
//!
//! It knows nothing of names or numbers; each type adds its own rules on top.

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
    collapse(text, fold_width)
}

/// Like [`tidy`], for text that is published: full-width punctuation is right in Chinese and
/// stays; letters, digits and spaces are folded.
pub fn tidy_prose(text: &str) -> String {
    collapse(text, |c| {
        let folded = fold_width(c);
        if folded.is_ascii_alphanumeric() || folded == ' ' {
            folded
        } else {
            c
        }
    })
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
    fn tidy_folds_width_and_space() {
        assert_eq!(tidy("  证书\u{3000}编号\u{FEFF}（Ａ） \n"), "证书 编号(A)");
        assert_eq!(tidy("\u{200B} "), "");
        assert_eq!(
            tidy_prose(" 违反规定，\u{3000}经（Ａ１）\u{FEFF}复核 "),
            "违反规定， 经（A1）复核"
        );
    }
}
