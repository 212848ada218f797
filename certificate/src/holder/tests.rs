//! What a name may hold, and that folding it twice changes nothing. Pairs of spellings are in
//! `tests/normalisation.rs`.

use proptest::prelude::*;

use super::*;

#[test]
fn names_do_not_print() {
    assert_eq!(
        format!("{:?}", HolderName::parse("张三").unwrap()),
        "HolderName(…)"
    );
    assert_eq!(mask(HolderName::parse("𠮷野").unwrap().initial()), "𠮷*");
}

#[test]
fn malformed_names() {
    for (text, error) in [
        ("", NameError::Empty),
        (" \u{200B}", NameError::Empty),
        ("·", NameError::Empty),
        ("张3", NameError::Character { position: 2 }),
        ("张\u{0007}三", NameError::Character { position: 2 }),
        ("·张三", NameError::Character { position: 1 }),
        ("-SMITH", NameError::Character { position: 1 }),
        ("<b>", NameError::Character { position: 1 }),
        ("张\u{E000}", NameError::Character { position: 2 }),
    ] {
        assert_eq!(HolderName::parse(text), Err(error), "{text:?}");
    }
    assert!(HolderName::parse(&"张".repeat(50)).is_ok());
    assert_eq!(
        HolderName::parse(&"𠮷".repeat(51)),
        Err(NameError::TooLong { characters: 51 })
    );
    assert_eq!(
        HolderName::parse(&"张".repeat(51)),
        Err(NameError::TooLong { characters: 51 })
    );
}

#[test]
fn no_folding_changes_a_plain_name() {
    let characters: Vec<char> = ('\u{4E00}'..='\u{9FFF}').collect();
    // Beside one another in both orders, because composing looks at neighbours.
    for names in characters.chunks(HolderName::MOST_CHARACTERS) {
        for name in [names.iter().collect(), names.iter().rev().collect()] {
            let name: String = name;
            assert!(is_plain(&name));
            assert_eq!(*normalise(&name), name);
            assert!(name.chars().all(is_ideograph));
        }
    }
    for other in ["", "张·三", "A", "张 三", "\u{2F08}", "㐀"] {
        assert!(!is_plain(other), "{other}");
    }
}

proptest! {
    #[test]
    fn normalisation_is_idempotent(text in ".{0,60}") {
        let once = normalise(&text);
        prop_assert_eq!(&*normalise(&once), &*once);
    }

    #[test]
    fn names_of_mixed_scripts_are_idempotent(text in "[张·.． a-zA-Zéİß\u{0301}\u{3099}・か\u{E863}\u{2F08}\u{FE00}\u{FA0C}]{0,20}") {
        let once = normalise(&text);
        prop_assert_eq!(&*normalise(&once), &*once);
    }
}
