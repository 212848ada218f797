//! A register from its sorted rows to its answers, through files that fall to pieces.
//!
//! `world` publishes small registers; the other modules each ask one question of them.

mod answers;
mod damage;
mod documents;
mod million;
mod races;
mod restart;
mod store;
mod verify;
mod world;
