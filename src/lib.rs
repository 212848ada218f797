//! The read path of certq: the public query server.

#![forbid(unsafe_code)]

pub mod client;
pub mod config;
pub mod log;
pub mod metrics;
pub mod page;
pub mod refusal;
pub mod reply;
pub mod route;
