//! What a person types, and its bounds: nothing here runs for ever or asks a stranger.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use certificate::sample::Population;
use clap::Parser;

use crate::expected::Directory;
use crate::question::Source;

/// Wrong usage.
const USAGE: u8 = 64;

/// Drive a running certq server with questions whose answers are known, and judge every answer.
///
/// The server must serve the population of `index-builder sample` with the same --certificates and
/// --seed, with `[limits] enabled = false`. Latency counts from the intended start of a question.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Where the server listens; loopback only, plain HTTP.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = loopback)]
    pub(crate) server: SocketAddr,

    /// Certificates of the population that is served.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=Population::MOST_CERTIFICATES))]
    pub(crate) certificates: u64,

    /// Its seed.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Questions a second.
    #[arg(long, value_name = "R", default_value_t = 1_000, conflicts_with = "closed", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rate: u64,

    /// How long to ask.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,

    /// Keep-alive connections; each has one question under way at a time.
    #[arg(long, value_name = "C", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,

    /// Ask again as soon as an answer is there, to find the capacity; latency then counts from
    /// the sending and hides every stall.
    #[arg(long)]
    pub(crate) closed: bool,

    /// Process id of the server, to report its CPU time for each answer as well.
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,

    /// Ask three questions only, a match, a withdrawn certificate and a miss, and print them with
    /// their answers; with --json, what they are made of.
    #[arg(long, conflicts_with_all = ["closed", "rate"])]
    pub(crate) examples: bool,

    /// Ask about certificate I of the population until it is answered, for at most --seconds, and
    /// print how long that took.
    #[arg(long, value_name = "I", conflicts_with_all = ["closed", "rate", "examples"])]
    pub(crate) until: Option<u64>,

    /// Print a list of so many rows for POST /v1/bulk, nine in ten of them certificates, and ask
    /// nothing.
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["closed", "rate", "examples", "until"], value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) list: Option<u64>,

    /// Bytes of a row of that list.
    #[arg(long, value_name = "BYTES", default_value_t = 100, requires = "list")]
    pub(crate) row_bytes: usize,

    /// Send the CSV list FILE to POST /v1/bulk again and again for --seconds, and count.
    #[arg(long, value_name = "FILE", requires = "keys", conflicts_with_all = ["closed", "rate", "examples", "until", "list", "json"])]
    pub(crate) send: Option<PathBuf>,

    /// API keys, one a line; each line is an employer who sends one list at a time.
    #[arg(long, value_name = "FILE", requires = "send")]
    pub(crate) keys: Option<PathBuf>,

    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

const EXIT_CODES: &str = "Exit codes:
   0  every question was answered, and rightly
   1  a wrong answer, an error, or no server
  64  wrong usage";

impl Arguments {
    /// Reads the command line; help is an answer, anything else unreadable is wrong usage.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            // A closed pipe is the reader's choice.
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { USAGE } else { 0 })
        })
    }

    /// How many questions an open run asks.
    pub(crate) fn planned(&self) -> u64 {
        self.rate * self.seconds
    }

    /// Questions about the population, whose answers are the right ones.
    pub(crate) fn source(&self) -> Source {
        Source {
            population: Population::new(self.certificates, self.seed),
            seed: self.seed,
            directory: Directory::new(),
            address: self.server,
        }
    }
}

/// Load and made-up identity numbers must not reach a server that is not ours.
fn loopback(url: &str) -> Result<SocketAddr, String> {
    let authority = url
        .strip_prefix("http://")
        .ok_or("only http:// is spoken here")?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let address: SocketAddr = authority
        .replace("localhost:", "127.0.0.1:")
        .parse()
        .map_err(|_| "an address and a port, such as http://127.0.0.1:8080")?;
    if !address.ip().is_loopback() {
        return Err("only a loopback address may be driven".to_owned());
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback() {
        for url in [
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "http://127.9.9.9:1",
            "http://localhost:8080",
            "http://[::1]:8080",
        ] {
            assert!(loopback(url).is_ok(), "{url}");
        }
        for url in [
            "https://127.0.0.1:8080",
            "http://192.168.0.1:8080",
            "http://0.0.0.0:8080",
            "http://example.org:80",
            "http://localhost.example.org:80",
            "http://127.0.0.1",
            "http://127.0.0.1:8080/v1",
            "127.0.0.1:8080",
            "",
        ] {
            assert!(loopback(url).is_err(), "{url}");
        }
    }

    #[test]
    fn bounds() {
        let parse = |arguments: &[&str]| {
            let words = ["loadtest", "--certificates"].iter().chain(arguments);
            Arguments::try_parse_from(words)
        };
        assert_eq!(parse(&["1000"]).unwrap().planned(), 10_000);
        parse(&["10", "--send", "list.csv", "--keys", "keys"]).unwrap();
        for refused in [
            &["0"][..],
            &["100000001"],
            &["10", "--rate", "0"],
            &["10", "--seconds", "3601"],
            &["10", "--connections", "0"],
            &["10", "--closed", "--rate", "5"],
            &["10", "--examples", "--closed"],
            &["10", "--server", "http://10.0.0.1:80"],
            &["10", "--send", "list.csv", "--keys", "keys", "--json"],
        ] {
            assert!(parse(refused).is_err(), "{refused:?}");
        }
    }
}
