//! From a delivered file to the ledger, through the program as a centre runs it.
//!
//! [`centre`] runs it, [`delivery`] makes files; the rest are tests: [`codes`] has a bad row for
//! every rejection code, [`formats`] one batch in every format, [`operations`] what operations do,
//! [`files`] bad files, [`accepting`] what `accept` keeps and leaves, [`registry`] bad registries.

// A test that cannot go on says so by a panic.
#![allow(clippy::unwrap_used)]

mod accepting;
mod centre;
mod codes;
mod delivery;
mod files;
mod formats;
mod operations;
mod registry;
