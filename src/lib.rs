//! The read path of certq: the public query server.
//!
//! A request goes down this list and its answer comes up again; a module names only modules below
//! it. [`serve`] accepts and drains; [`request`] is one request on one screen: [`route`], body,
//! one snapshot out of [`live`], an [`endpoint`], a [`reply`]. An endpoint reads what was typed
//! ([`question`]), asks the register ([`answer`]), and gives the answer its form ([`render`] for
//! JSON, [`page`] for people); what cannot be asked is a [`refusal`]. Whole lists are answered by [`bulk`]. Beside the requests,
//! [`refresh`] takes new generations and swaps them into [`live`]. [`metrics`] and [`log`] are
//! told what happened, never what was asked. [`api_key`] says who may ask for many rows and
//! [`quota`] how many; [`statistics`] adds up what a generation holds, [`phrases`] and [`stamp`] are
//! what its answers repeat, in [`json`] and in heads; [`command`] are the commands beside the server.
//! [`config`], [`client`], [`accept`], [`memory`] and [`process`] know nothing of the others.

#![forbid(unsafe_code)]

pub mod accept;
pub mod answer;
pub mod api_key;
pub mod bulk;
pub mod client;
pub mod command;
pub mod config;
pub mod endpoint;
pub mod json;
pub mod live;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod page;
pub mod phrases;
pub mod process;
pub mod question;
pub mod quota;
pub mod refresh;
pub mod refusal;
pub mod render;
pub mod reply;
pub mod request;
pub mod route;
pub mod serve;
pub mod stamp;
pub mod statistics;
