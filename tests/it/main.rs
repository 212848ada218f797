//! The server as its clients and its operator meet it: the real program on free ports, over a
//! small register that is published through the same writers as a real one.
//!
//! `register` is the register, `program` the running program, `http` a client that shows every
//! byte. The contract is data, in `contract/*.txt`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod abuse;
mod asking;
mod attacks;
mod bulk;
mod bulk_page;
mod connections;
mod contract;
mod follow;
mod hostile;
mod http;
mod jobs;
mod keys;
mod living;
mod midnight;
mod openapi;
mod operations;
mod outage;
mod privacy;
mod program;
mod register;
mod room;
mod soak;
mod start;
mod swap;
mod tables;
mod verify_command;
mod workshop;
