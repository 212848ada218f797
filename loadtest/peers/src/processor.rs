//! Who used how much of the processors, as Linux counts it.

use std::fs;
use std::time::Duration;

/// Hundredths of a second are what /proc/stat counts in.
pub const TICK: Duration = Duration::from_millis(10);

/// Time on a processor of these processes and all that descend from them, threads and the kernel's
/// work for them included. A process that is gone has used nothing.
pub fn used_by(pids: &[u32]) -> Duration {
    let mut used = 0;
    each_task(pids, |task| {
        used += first_number(&format!("{task}/schedstat"))
    });
    Duration::from_nanos(used)
}

/// The same of this process.
pub fn used_by_us() -> Duration {
    used_by(&[std::process::id()])
}

/// Time that all processors together were busy, for whomever. Counted in hundredths of a second.
pub fn used_by_all() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace();
    let fields: Vec<u32> = fields.filter_map(|it| it.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let busy = [0, 1, 2, 5, 6, 7].map(|index| fields.get(index).copied().unwrap_or(0));
    TICK * busy.iter().sum()
}

/// Memory of some processes in bytes; what several share is divided among them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// All that is resident, mapped files included.
    pub resident: u64,
    /// What no file backs: their own, and segments that they share.
    pub anonymous: u64,
}

/// Memory of these processes and their descendants.
pub fn memory_of(pids: &[u32]) -> Memory {
    let mut memory = Memory::default();
    each_process(pids, |process| {
        let rollup = fs::read_to_string(format!("{process}/smaps_rollup")).unwrap_or_default();
        let bytes = |field: &str| {
            let share = rollup.lines().find_map(|line| line.strip_prefix(field));
            let kib = share.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
            kib.unwrap_or(0) * 1024
        };
        memory.resident += bytes("Pss:");
        memory.anonymous += bytes("Pss_Anon:") + bytes("Pss_Shmem:");
    });
    memory
}

/// Pages that threads of a process waited for the disk for.
pub fn major_faults(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, which may have blanks, ends with the last bracket; majflt is the tenth after it.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = fields.split(' ').nth(9);
    field.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Calls `with` the directory of each of these processes and of all that descend from them.
fn each_process(pids: &[u32], mut with: impl FnMut(&str)) {
    let mut waiting = pids.to_vec();
    while let Some(pid) = waiting.pop() {
        let process = format!("/proc/{pid}");
        with(&process);
        for task in directory(&format!("{process}/task")) {
            let children = fs::read_to_string(format!("{process}/task/{task}/children"));
            let children = children.unwrap_or_default();
            waiting.extend(
                children
                    .split_whitespace()
                    .filter_map(|it| it.parse::<u32>().ok()),
            );
        }
    }
}

/// The same with the directory of each of their threads.
fn each_task(pids: &[u32], mut with: impl FnMut(&str)) {
    each_process(pids, |process| {
        for task in directory(&format!("{process}/task")) {
            with(&format!("{process}/task/{task}"));
        }
    });
}

fn directory(path: &str) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn first_number(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|it| it.parse().ok()).unwrap_or(0)
}
