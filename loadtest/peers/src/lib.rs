//! Our server measured against a floor and against what a centre would otherwise use: the same
//! answers, byte for byte, from the same core, to the same questions.
//!
//! `ask` is the generator. [`questions`] is what it asks and what must be answered, written once
//! by `load`; [`answered`] reads an answer off a connection; [`processor`] says who used how much
//! of the processors meanwhile. `floor` and `front` answer through [`serve`], which is hyper as it
//! comes; `front` looks the answer up in a database that `load` filled with [`record`]s.

pub mod answered;
pub mod processor;
pub mod questions;
pub mod record;
pub mod serve;
