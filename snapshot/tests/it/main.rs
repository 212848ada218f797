//! A register from its sorted rows to its answers, through files that fall to pieces.
//!
//! `world` publishes small registers; the other modules each ask one question of them.

// A test that cannot set up its world has failed; `allow-unwrap-in-tests` sees only `#[test]`.
#![allow(clippy::unwrap_used)]

mod answers;
mod damage;
mod documents;
mod garbage;
mod many;
mod million;
mod oracle;
mod past;
mod population;
mod races;
mod restart;
mod secrecy;
mod sharing;
mod store;
mod verify;
mod world;
