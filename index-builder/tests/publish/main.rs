//! From a synthetic centre to a published store, through the program as a centre runs it.
//!
//! Exit codes are those of the contract; what the libraries promise is tested beside them.

// A test that cannot set up its centre has failed; `allow-unwrap-in-tests` sees only `#[test]`.
#![allow(clippy::unwrap_used)]

mod centre;
mod damage;
mod gc;
mod watch;
mod watch_kills;
mod watching;
mod way;
