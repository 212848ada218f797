//! Rules about one file: its opening, its size, and the words that have only one home.

/// Lines of a file outside tests; functions outside tests.
const MOST_FILE_LINES: usize = 500;
const MOST_FUNCTION_LINES: usize = 60;

/// Words that stand in one place of the workspace, and that place.
const HOMES: [(&str, &str); 3] = [
    ("unicode_normalization", "certificate/src/holder.rs"),
    ("hmac::", "certificate/src/key.rs"),
    ("memmap2::", "snapshot/src/bytes.rs"),
];

/// The lines that are code, numbered from 1: no comments, and nothing below an inline test module.
pub(crate) fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take(lines_above_tests(text))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// How many lines stand above the inline test module; all of them where tests have a file of their
/// own, wherever that is declared.
fn lines_above_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1] == "mod tests {";
    lines.windows(2).position(begins).unwrap_or(lines.len())
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

pub(crate) fn opens_with_docs(path: &str, text: &str) -> Vec<String> {
    complain(!text.starts_with("//!"), || {
        format!("{path}: does not open with //!")
    })
}

pub(crate) fn unsafe_in_one_file(path: &str, text: &str) -> Vec<String> {
    if path == "snapshot/src/bytes.rs" {
        return Vec::new();
    }
    let word = concat!("uns", "afe");
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|w| w == word)
        })
        .map(|(index, _)| format!("{path}:{}: {word} outside snapshot/src/bytes.rs", index + 1))
        .collect()
}

pub(crate) fn one_home(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (word, home) in HOMES
        .iter()
        .filter(|(_, home)| *home != path && !is_test(path))
    {
        for (number, line) in code_lines(text) {
            if line.contains(word) {
                complaints.push(format!("{path}:{number}: {word} belongs to {home}"));
            }
        }
    }
    complaints
}

pub(crate) fn named_for_what_it_is(path: &str, _: &str) -> Vec<String> {
    let drawers = [
        "util", "utils", "helper", "helpers", "common", "misc", "shared", "core",
    ];
    let is_drawer = path.split(['/', '.']).any(|part| drawers.contains(&part));
    complain(is_drawer, || format!("{path}: a drawer; name the thing"))
}

pub(crate) fn small(path: &str, text: &str) -> Vec<String> {
    if is_test(path) {
        return Vec::new();
    }
    let lines = lines_above_tests(text);
    let mut complaints = complain(lines > MOST_FILE_LINES, || {
        format!("{path}: {lines} lines, at most {MOST_FILE_LINES}")
    });
    complaints.extend(long_functions(path, text));
    complaints
}

/// Functions by indentation, which rustfmt guarantees: from `fn` to the brace in its column.
fn long_functions(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (number, line) in code_lines(text) {
        let indent = line.len() - line.trim_start().len();
        match &open {
            None if !line.ends_with([';', '}']) => {
                open = function_name(line).map(|name| (number, indent, name.to_owned()));
            }
            None => {}
            Some((from, column, name)) if line.trim_start() == "}" && indent == *column => {
                let lines = number - from + 1;
                if lines > MOST_FUNCTION_LINES {
                    complaints.push(format!("{path}:{from}: {name} has {lines} lines"));
                }
                open = None;
            }
            Some(_) => {}
        }
    }
    complaints
}

/// The name of the function that a line begins.
fn function_name(line: &str) -> Option<&str> {
    let (before, name) = line.split_once("fn ")?;
    let qualifiers = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "async",
        "const",
        "extern",
    ];
    let is_item = before
        .split_whitespace()
        .all(|word| qualifiers.contains(&word));
    is_item.then(|| name.split(['(', '<']).next().unwrap_or(name))
}

pub(crate) fn stands_alone(path: &str, text: &str) -> Vec<String> {
    let foreign = [
        concat!("../", "shared"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
    ];
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in foreign.iter().filter(|word| line.contains(**word)) {
            complaints.push(format!("{path}:{}: names {word}", index + 1));
        }
    }
    complaints
}

fn complain(wrong: bool, text: impl FnOnce() -> String) -> Vec<String> {
    if wrong { vec![text()] } else { Vec::new() }
}

#[test]
fn planted_violations_are_found() {
    let long = format!("//! x\nfn long() {{\n{}}}\n", "    x();\n".repeat(60));
    let word = concat!("uns", "afe");
    assert_eq!(opens_with_docs("a.rs", "use std;").len(), 1);
    assert_eq!(
        unsafe_in_one_file("a.rs", &format!("{word} {{ x() }}")).len(),
        1
    );
    assert_eq!(
        unsafe_in_one_file("a.rs", &format!("#![forbid({word}_code)]")).len(),
        0
    );
    assert_eq!(
        one_home("src/live.rs", "use unicode_normalization::X;").len(),
        1
    );
    assert_eq!(
        one_home("src/live.rs", "let k = hmac::Key::new();").len(),
        1
    );
    assert_eq!(named_for_what_it_is("src/utils/mod.rs", "").len(), 1);
    assert_eq!(small("src/a.rs", &long), ["src/a.rs:2: long has 62 lines"]);
    for head in [
        "pub fn",
        "pub(crate) fn",
        "    pub(super) async fn",
        "const fn",
    ] {
        let indent = &head[..head.len() - head.trim_start().len()];
        let body = format!("{indent}    x();\n").repeat(60);
        let long =
            format!("#[cfg(test)]\nmod tests;\n{head} long<T>(\n{indent}) {{\n{body}{indent}}}\n");
        assert_eq!(small("src/a.rs", &long).len(), 1, "{head}");
    }
    let tested = format!(
        "fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "\n".repeat(501)
    );
    assert_eq!(small("src/a.rs", &tested).len(), 0);
    assert_eq!(small("src/a.rs", &"//\n".repeat(501)).len(), 1);
    assert_eq!(
        stands_alone("a.md", concat!("see ../", "shared/X.md")).len(),
        1
    );
}
