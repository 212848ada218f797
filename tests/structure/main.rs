//! The architecture as a test: who may name whom, where `unsafe` and keys may stand, how large a
//! file and a function may grow.
//!
//! It reads the sources as text and knows nothing of what they do. Every rule is a function of
//! (path, text), so that each is also shown to fail on a planted violation.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod edges;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sources of the workspace: path from the root, with `/`, and the text.
fn sources(extension: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    let mut waiting: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let inside = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(inside, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Fails with every complaint of a rule over all files, not just the first.
fn assert_clean(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn check_all(rule: fn(&str, &str) -> Vec<String>) {
    let files = sources("rs");
    assert!(
        files.len() > 30,
        "only {} source files found: is this the workspace?",
        files.len()
    );
    assert_clean(
        files
            .iter()
            .flat_map(|(path, text)| rule(path, text))
            .collect(),
    );
}

#[test]
fn packages_depend_downwards_only() {
    let manifests = sources("toml");
    assert_clean(edges::packages(&manifests));
}

#[test]
fn server_files_name_only_files_below_them() {
    check_all(edges::server);
}

#[test]
fn every_file_opens_with_its_map() {
    check_all(source::opens_with_docs);
}

#[test]
fn unsafe_stands_in_one_file() {
    check_all(source::unsafe_in_one_file);
}

#[test]
fn keys_and_normalisation_stay_in_certificate() {
    check_all(source::one_home);
}

#[test]
fn no_drawers() {
    check_all(source::named_for_what_it_is);
}

#[test]
fn files_and_functions_stay_small() {
    check_all(source::small);
}

#[test]
fn the_tree_stands_alone() {
    for extension in [
        "rs", "toml", "md", "sh", "html", "js", "mjs", "json", "yaml", "css",
    ] {
        let files = sources(extension);
        assert_clean(
            files
                .iter()
                .flat_map(|(path, text)| source::stands_alone(path, text))
                .collect(),
        );
    }
}
