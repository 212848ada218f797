//! What a command takes.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use peers::processor::TICK;

use crate::{Figure, Trouble};

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

const KIB: f64 = 1024.0;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The command and what it is told.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs it. `resident_bytes` is the most that it had in memory, pages of files that it maps
/// included; `anonymous_bytes` the most that was its own, seen every 5 ms.
pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Figure>, Trouble> {
    let (program, rest) = arguments.command.split_first().ok_or("no command")?;
    let began = Instant::now();
    let mut child = Command::new(program).args(rest).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let (mut resident, mut anonymous) = (0.0, 0.0);
    let code = loop {
        if let Some(code) = child.try_wait()? {
            break code;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        resident = f64::max(resident, kib(&text, "VmHWM:"));
        anonymous = f64::max(anonymous, kib(&text, "RssAnon:"));
        thread::sleep(LOOK);
    };
    let wall = began.elapsed().as_secs_f64();
    if !code.success() {
        return Err(format!("{program}: {code}").into());
    }
    Ok(vec![
        ("wall_s", wall),
        ("cpu_s", of_children()?.as_secs_f64()),
        ("resident_bytes", resident * KIB),
        ("anonymous_bytes", anonymous * KIB),
    ])
}

fn kib(status: &str, field: &str) -> f64 {
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let number = value.and_then(|it| it.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0.0)
}

/// Processor time of children that were waited for, theirs included: user and system.
fn of_children() -> Result<Duration, Trouble> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, which may have blanks, ends with the last bracket; cutime is the fourteenth after.
    let (_, rest) = stat.rsplit_once(") ").ok_or("a strange stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks: u32 = fields[13].parse::<u32>()? + fields[14].parse::<u32>()?;
    Ok(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_takes_is_its_own() {
        // It holds its memory while it counts, which is longer than any look at it lasts.
        let script = "x=$(head -c 20000000 /dev/zero | tr '\\0' x)
            for ((i = 0; i < 200000; i++)); do :; done";
        let command = ["bash", "-c", script].map(str::to_owned).to_vec();
        let figures = measure(&Arguments { command }).unwrap();
        let of = |name| figures.iter().find(|it| it.0 == name).unwrap().1;
        assert!(of("cpu_s") > 0.0 && of("wall_s") > 0.0, "{figures:?}");
        assert!(of("anonymous_bytes") > 20e6, "{figures:?}");
        assert!(of("resident_bytes") >= of("anonymous_bytes"), "{figures:?}");
        let command = vec!["false".to_owned()];
        assert!(measure(&Arguments { command }).is_err());
    }
}
