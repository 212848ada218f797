//! Spellings that are one and spellings that never are: the pairs of `normalisation.txt`.
//!
//! Builder, server and load test fold text through the same types, so what holds here holds on
//! both sides.

use certificate::{CertificateNumber, HolderName, IdentityNumber, IdentityType};

const PAIRS: &str = include_str!("normalisation.txt");
/// `pua,standard,char,…`, of the code points `U+….`
const PRIVATE_USE: &str = include_str!("../data/pua_gbk_map.csv");

struct Pair {
    line: usize,
    kind: &'static str,
    equal: bool,
    left: String,
    right: String,
}

fn pairs() -> Vec<Pair> {
    let lines = PAIRS.lines().enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (head, texts) = line
                .split_once(" = ")
                .or_else(|| line.split_once(" ≠ "))
                .unwrap_or_else(|| panic!("line {}: no relation", index + 1));
            let (left, right) = texts.split_once(" | ").expect("two texts");
            Pair {
                line: index + 1,
                kind: head,
                equal: line[head.len()..].starts_with(" = "),
                left: unescape(left),
                right: unescape(right),
            }
        })
        .collect()
}

/// Puts the character in place of each `\u{…}`.
fn unescape(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').expect("an escape is closed");
        let code = u32::from_str_radix(code, 16).expect("an escape is hexadecimal");
        plain.push(char::from_u32(code).expect("an escape is a character"));
        plain.push_str(rest);
    }
    plain
}

/// The canonical spelling, or why there is none.
fn canonical(kind: &str, text: &str) -> Result<String, String> {
    let number = |number: CertificateNumber| number.as_str().to_owned();
    match kind {
        "name" => HolderName::parse(text)
            .map(|name| name.expose().to_owned())
            .map_err(|error| error.to_string()),
        "number" => CertificateNumber::parse(text)
            .map(number)
            .map_err(|error| error.to_string()),
        "query" => CertificateNumber::parse_query(text)
            .map(number)
            .map_err(|error| error.to_string()),
        _ => {
            let code = kind.strip_prefix("id").expect("a known kind");
            let kind = IdentityType::parse(code).expect("a type of the list");
            IdentityNumber::parse(kind, text)
                .map(|number| number.expose().to_owned())
                .map_err(|error| error.to_string())
        }
    }
}

#[test]
fn pairs_are_equal_or_different_as_listed() {
    let mut wrong = Vec::new();
    for Pair {
        line,
        kind,
        equal,
        left,
        right,
    } in pairs()
    {
        match (canonical(kind, &left), canonical(kind, &right)) {
            (Ok(left), Ok(right)) if (left == right) == equal => {}
            (left, right) => wrong.push(format!("line {line}: {left:?} and {right:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn canonical_spellings_are_left_alone() {
    for pair in pairs() {
        for text in [&pair.left, &pair.right] {
            let once = canonical(pair.kind, text).expect("every text of the list is one");
            let twice = canonical(pair.kind, &once);
            assert_eq!(twice.as_deref(), Ok(once.as_str()), "line {}", pair.line);
        }
    }
}

#[test]
fn the_list_is_long_enough() {
    let pairs = pairs();
    let count = |kind: &str, equal: bool| {
        let of_kind = |pair: &&Pair| pair.kind.starts_with(kind) && pair.equal == equal;
        pairs.iter().filter(of_kind).count()
    };
    assert!(pairs.len() >= 220, "{} pairs", pairs.len());
    for (kind, equal, different) in [
        ("name", 150, 60),
        ("number", 25, 8),
        ("query", 8, 3),
        ("id", 25, 8),
    ] {
        assert!(
            count(kind, true) >= equal,
            "{kind}: {} equal pairs",
            count(kind, true)
        );
        assert!(
            count(kind, false) >= different,
            "{kind}: {} different ones",
            count(kind, false)
        );
    }
}

#[test]
fn every_private_use_glyph_is_its_real_character() {
    let mut seen = 0;
    for cells in PRIVATE_USE
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
    {
        let code =
            u32::from_str_radix(cells[0].trim_start_matches("U+"), 16).expect("a code point");
        let glyph = char::from_u32(code).expect("a character");
        let (typed, real) = (format!("王{glyph}"), format!("王{}", cells[2]));
        assert_ne!(typed, real);
        assert_eq!(
            canonical("name", &typed),
            canonical("name", &real),
            "{}",
            cells[0]
        );
        assert!(canonical("name", &real).is_ok(), "{}", cells[0]);
        seen += 1;
    }
    assert_eq!(seen, 80);
}
