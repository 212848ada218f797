//! Runs the program under `strace`, which counts its system calls and makes one of them fail or
//! be the last.
//!
//! Counters are kept a name and a thread. So a point is a name, a count, and whether only the
//! main thread is watched; the worker's calls are reached by watching all threads.

use std::collections::BTreeMap;
use std::fs;

use crate::centre::{Run, Work};

/// Every call by which the program touches files, maps them, locks them or starts a thread.
const CALLS: &[&str] = &[
    "openat",
    "creat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "copy_file_range",
    "sendfile",
    "lseek",
    "close",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "fchmod",
    "chmod",
    "fchmodat",
    "flock",
    "fcntl",
    "statx",
    "newfstatat",
    "getdents64",
    "mmap",
    "munmap",
    "madvise",
    "clone3",
];

/// The first call of the program's own runtime; what comes before is the loader's.
const FIRST_OWN_CALL: &str = "poll";

/// Where to strike.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Point {
    pub(crate) call: String,
    /// Which one, from 1.
    pub(crate) nth: usize,
    /// Watch the worker too: the first thread that gets so far is hit.
    pub(crate) all_threads: bool,
}

/// What to do there.
#[derive(Clone, Debug)]
pub(crate) enum Strike {
    Kill,
    /// Stop until somebody continues it.
    Stop,
    /// Fail with this error, this once.
    Fail(&'static str),
    /// Fail with this error from now on.
    FailForEver(&'static str),
}

/// A run that was struck, if it came so far.
pub(crate) struct Struck {
    pub(crate) run: Run,
    pub(crate) fired: bool,
    /// The calls of that name.
    pub(crate) trace: String,
}

impl Point {
    /// Whether the call can change what is on the disk.
    pub(crate) fn changes_files(&self) -> bool {
        let reads = [
            "read",
            "pread64",
            "lseek",
            "close",
            "fcntl",
            "statx",
            "newfstatat",
            "getdents64",
            "mmap",
            "munmap",
            "madvise",
            "clone3",
            "flock",
        ];
        !reads.contains(&self.call.as_str())
    }
}

/// Counts the calls of an undisturbed run and gives every point that can be hit in it.
pub(crate) fn survey(work: &Work, line: &str) -> Vec<Point> {
    let calls = CALLS.iter().chain([&FIRST_OWN_CALL]);
    // The question mark lets pass a name that this machine does not have.
    let calls: Vec<String> = calls.map(|call| format!("?{call}")).collect();
    let trace = work.temporary().join("survey");
    let filter = format!("trace={}", calls.join(","));
    let arguments = ["-f", "-qq", "-o", trace.to_str().unwrap(), "-e", &filter];
    let survey = work.finish(work.under("strace", &arguments, line), line);
    survey.expect_code(0);
    let text = fs::read_to_string(&trace).unwrap();
    fs::remove_file(&trace).unwrap();
    points(&text)
}

/// The points in a trace of all threads.
fn points(trace: &str) -> Vec<Point> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut furthest: BTreeMap<&str, usize> = BTreeMap::new();
    let mut points = Vec::new();
    let mut main = None;
    let mut loading = true;
    for line in trace.lines() {
        let (thread, rest) = line.split_once(char::is_whitespace).unwrap();
        let Some((call, _)) = rest.trim_start().split_once('(') else {
            continue;
        };
        if call.starts_with('<') || call.starts_with('+') {
            continue;
        }
        let main = *main.get_or_insert(thread);
        let nth = counts.entry((thread, call)).or_default();
        *nth += 1;
        let furthest = furthest.entry(call).or_default();
        let is_first_so_far = *nth > *furthest;
        *furthest = (*furthest).max(*nth);
        loading &= call != FIRST_OWN_CALL;
        if !loading && call != FIRST_OWN_CALL && (thread == main || is_first_so_far) {
            points.push(Point {
                call: call.to_owned(),
                nth: *nth,
                all_threads: thread != main,
            });
        }
    }
    points
}

/// The arguments of `strace` for a strike; the trace goes to the file `trace` of the temporary
/// directory.
pub(crate) fn arguments(point: &Point, strike: &Strike) -> Vec<String> {
    let (call, nth) = (&point.call, point.nth);
    let strike = match strike {
        Strike::Kill => format!("signal=SIGKILL:when={nth}"),
        Strike::Stop => format!("signal=SIGSTOP:when={nth}"),
        Strike::Fail(error) => format!("error={error}:when={nth}"),
        Strike::FailForEver(error) => format!("error={error}:when={nth}+"),
    };
    let threads = point.all_threads.then(|| "-f".to_owned());
    let rest = ["-qq", "-y", "-o", "tmp/trace"].map(str::to_owned);
    let filters = [
        "-e".to_owned(),
        format!("trace={call}"),
        "-e".to_owned(),
        format!("inject={call}:{strike}"),
    ];
    threads.into_iter().chain(rest).chain(filters).collect()
}

/// Runs a command and strikes it.
pub(crate) fn strike(work: &Work, line: &str, point: &Point, strike: &Strike) -> Struck {
    let arguments = arguments(point, strike);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = work.finish(work.under("strace", &arguments, line), line);
    let path = work.temporary().join("trace");
    let trace = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let fired = match strike {
        // It passes the signal on to itself.
        Strike::Kill => run.code.is_none(),
        _ => trace.contains("(INJECTED)"),
    };
    Struck { run, fired, trace }
}

#[test]
fn points_are_those_that_a_counter_can_reach() {
    let trace = "\
1 openat(x) = 3
1 poll(x) = 0
1 openat(x) = 3
1 write(x) = 3
2 openat(x <unfinished ...>
1 write(x) = 3
2 <... openat resumed>) = 3
2 openat(x) = 3
2 openat(x) = 3
2 write(x) = 3
1 +++ exited with 0 +++
";
    let point = |call: &str, nth, all_threads| Point {
        call: call.to_owned(),
        nth,
        all_threads,
    };
    assert_eq!(
        points(trace),
        [
            point("openat", 2, false),
            point("write", 1, false),
            point("write", 2, false),
            // Its first two would hit the main thread.
            point("openat", 3, true),
        ]
    );
}
