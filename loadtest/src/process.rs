//! How much CPU a process has used, as Linux tells it.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in /proc; fixed for user space on every architecture Linux runs us on.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time of a process since its start, all threads, user and system; of this one for `None`.
/// `None` when there is no such process. Resolution: 10 ms.
pub(crate) fn cpu_time(pid: Option<u32>) -> Option<Duration> {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Fields 14 and 15. The second field is the name in parentheses and may hold anything, so fields
/// are counted from its end.
fn parse(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 90 0 0 0 150 25 0 0 20 0 3 0 7 8 9";
        assert_eq!(parse(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(parse("42 (short) S 1"), None);
        assert!(cpu_time(None).is_some());
        assert_eq!(cpu_time(Some(u32::MAX)), None);
    }
}
