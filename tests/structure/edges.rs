//! Forbidden edges: between packages by their manifests, inside the server by its `crate::` paths.

use std::collections::BTreeMap;

use crate::source::code_lines;

/// Each package and the packages of ours that it may depend on.
const PACKAGES: [(&str, &[&str]); 6] = [
    ("certificate/Cargo.toml", &[]),
    ("snapshot/Cargo.toml", &["certificate"]),
    ("spreadsheet/Cargo.toml", &["certificate"]),
    (
        "index-builder/Cargo.toml",
        &["certificate", "snapshot", "spreadsheet"],
    ),
    ("loadtest/Cargo.toml", &["certificate"]),
    ("Cargo.toml", &["certificate", "snapshot", "spreadsheet"]),
];

/// The floors of the server, lowest first; a file may name only files of lower floors, and of its
/// own folder.
const FLOORS: [&[&str]; 10] = [
    &["json"],
    &[
        "accept",
        "client",
        "log",
        "memory",
        "phrases",
        "process",
        "quota",
        "stamp",
        "statistics",
    ],
    &["config", "metrics", "refusal", "reply", "route", "live"],
    &["answer", "api_key", "question", "page"],
    &["render"],
    &["bulk"],
    &["endpoint", "national"],
    &["request"],
    &["command", "serve", "refresh"],
    &["main", "lib"],
];

/// Complaints about the manifests: path and text.
pub(crate) fn packages(manifests: &BTreeMap<String, String>) -> Vec<String> {
    let ours = [
        "certificate",
        "snapshot",
        "spreadsheet",
        "index-builder",
        "loadtest",
        "certq",
    ];
    let mut complaints = Vec::new();
    for (path, allowed) in PACKAGES {
        let Some(text) = manifests.get(path) else {
            complaints.push(format!("{path}: the manifest is missing"));
            continue;
        };
        for named in dependencies(text) {
            if ours.contains(&named.as_str()) && !allowed.contains(&named.as_str()) {
                complaints.push(format!("{path}: must not depend on {named}"));
            }
        }
    }
    let members = manifests
        .keys()
        .filter(|path| path.ends_with("Cargo.toml"))
        .count();
    if members != PACKAGES.len() && !manifests.contains_key("fuzz/Cargo.toml") {
        complaints.push(format!(
            "{members} packages; the design has {}",
            PACKAGES.len()
        ));
    }
    complaints
}

/// Names under `[dependencies]` (test-only dependencies do not ship and may point anywhere).
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && !line.trim_start().starts_with('#') {
            let name: String = line.chars().take_while(|c| !" .=".contains(*c)).collect();
            names.extend((!name.is_empty()).then_some(name));
        }
    }
    names
}

/// Complaints about one file of the server.
pub(crate) fn server(path: &str, text: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix("src/") else {
        return Vec::new();
    };
    let module = inside.split(['/', '.']).next().unwrap_or_default();
    let Some(floor) = floor_of(module) else {
        return vec![format!(
            "{path}: {module} has no floor; add it to the design first"
        )];
    };
    let mut complaints = Vec::new();
    for (number, line) in code_lines(text) {
        for named in named_modules(line) {
            let below = floor_of(&named).is_some_and(|other| other < floor);
            if named != module && !below {
                complaints.push(format!("{path}:{number}: {module} must not name {named}"));
            }
        }
    }
    complaints
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules a line names through `crate::` (also `crate::{a, b}`) or through the library's
/// name, `certq::`.
fn named_modules(line: &str) -> Vec<String> {
    let mut named = Vec::new();
    for prefix in ["crate::", "certq::"] {
        for rest in line.split(prefix).skip(1) {
            let group = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap_or_default(),
                None => rest
                    .split([';', ',', '(', ')', '<', '>', ' '])
                    .next()
                    .unwrap_or_default(),
            };
            for path in group.split(',') {
                let name: String = path
                    .trim()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let is_module = name.starts_with(|c: char| c.is_ascii_lowercase());
                named.extend((is_module && floor_of(&name).is_some()).then_some(name));
            }
        }
    }
    named
}

#[test]
fn a_planted_package_edge_is_found() {
    let mut manifests: BTreeMap<String, String> = PACKAGES
        .iter()
        .map(|(path, _)| ((*path).to_owned(), String::new()))
        .collect();
    assert_eq!(packages(&manifests), [""; 0]);
    let planted = "[dependencies]\nserde.workspace = true\nsnapshot = { path = \"x\" }\n";
    manifests.insert("certificate/Cargo.toml".to_owned(), planted.to_owned());
    assert_eq!(
        packages(&manifests),
        ["certificate/Cargo.toml: must not depend on snapshot"]
    );
}

#[test]
fn a_planted_server_edge_is_found() {
    for (path, line) in [
        ("src/route.rs", "use crate::endpoint::lookup;"),
        ("src/endpoint/lookup.rs", "use crate::request::Request;"),
        ("src/render.rs", "let x = crate::serve::run();"),
        ("src/live.rs", "use crate::{log::Log, request};"),
        ("src/metrics.rs", "use crate::refusal::Refusal;"),
    ] {
        assert_eq!(server(path, line).len(), 1, "{path}: {line}");
    }
    for (path, line) in [
        ("src/endpoint/lookup.rs", "use crate::answer::Answer;"),
        ("src/endpoint/page.rs", "use crate::{render, route::Route};"),
        ("src/route.rs", "// crate::endpoint is above us"),
        ("snapshot/src/find.rs", "use crate::layer::Layer;"),
    ] {
        assert_eq!(server(path, line), [""; 0], "{path}: {line}");
    }
    assert_eq!(server("src/util.rs", "").len(), 1);
}
