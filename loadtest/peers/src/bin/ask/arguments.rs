//! What the command line says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;

/// Asks servers the same questions in turn and compares them.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// NAME=ADDRESS:PORT:PID[,PID...]: a server and the processes whose time is its own, with
    /// those that they start. The one named `floor` answers every question with the first answer,
    /// and the others are put in relation to it.
    #[arg(long = "target", required = true)]
    pub(crate) targets: Vec<Target>,
    /// The file of questions that `load questions` wrote.
    #[arg(long)]
    pub(crate) questions: PathBuf,
    /// NAME=COUNT: ask this target for files by GET, of which there are those of the first COUNT
    /// questions.
    #[arg(long = "files", value_parser = files)]
    pub(crate) files: Vec<(String, usize)>,
    /// Connections, all kept alive.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Requests at a time on one connection, in a closed loop.
    #[arg(long, default_value_t = 1)]
    pub(crate) pipelined: usize,
    /// Open loop at so many a second; may be given several times.
    #[arg(long)]
    pub(crate) open: Vec<f64>,
    /// Open loop at this share of what the floor can answer; may be given several times.
    #[arg(long)]
    pub(crate) share: Vec<f64>,
    /// Windows of each target.
    #[arg(long, default_value_t = 8)]
    pub(crate) windows: usize,
    /// Length of a window.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Where to write everything as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    /// Length of a window.
    pub(crate) fn seconds(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// How many files this target has, if it is one of files.
    pub(crate) fn files_of(&self, name: &str) -> Option<usize> {
        let files = self.files.iter().find(|(of, _)| of == name);
        files.map(|(_, count)| *count)
    }
}

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) pids: Vec<u32>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (name, rest) = text.split_once('=')?;
            let (address, pids) = rest.rsplit_once(':')?;
            let pids = pids.split(',').map(|pid| pid.parse().ok());
            Some(Self {
                name: name.to_owned(),
                address: address.parse().ok()?,
                pids: pids.collect::<Option<_>>()?,
            })
        };
        parts().ok_or_else(|| "write NAME=ADDRESS:PORT:PID[,PID...]".to_owned())
    }
}

fn files(text: &str) -> Result<(String, usize), String> {
    let parts = text.split_once('=');
    let parts = parts.and_then(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
    parts.ok_or_else(|| "write NAME=COUNT".to_owned())
}
