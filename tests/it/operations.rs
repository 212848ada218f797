//! What docs/operations.md tells an operator to look at is there to be seen.

use std::collections::BTreeSet;

use crate::http::{get, lookup};
use crate::program::Program;
use crate::register::{Register, VALID, ZHANG};

const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("certq_"))
        .collect()
}

#[test]
fn every_metric_that_the_operations_name_is_exported() {
    let program = Program::ready(&Register::published());
    // A counter with labels is shown from its first count on.
    let json = format!(r#"{{"certificate_number":"{VALID}","name":"{ZHANG}"}}"#);
    assert_eq!(lookup(program.public, &json).status, 200);
    let metrics = get(program.admin, "/metrics").text();
    let named = names(OPERATIONS);
    assert!(!named.is_empty());
    let exported = names(&metrics);
    let absent: Vec<_> = named.difference(&exported).collect();
    assert!(absent.is_empty(), "not exported: {absent:?}");
}
