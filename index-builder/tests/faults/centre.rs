//! A synthetic centre of a few dozen certificates in memory, and the program run in it.
//!
//! ```text
//! registry/ keys/ inbox/     of the centre, which no scenario changes
//! NAME/ledger NAME/store     a work directory: what gets hurt; commands run in it
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::scenario::{Scenario, is_watch};
use crate::watching;

/// Three batches of issues and one of withdrawals.
const SAMPLE: &str = "sample --out . --certificates 36 --seed 8 --batches 3";

/// The centre; removed when dropped.
pub(crate) struct Centre {
    dir: tempfile::TempDir,
}

/// A directory with a ledger and a store, inside a centre.
pub(crate) struct Work {
    path: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A directory in memory: a kill does not need a disk, and `fsync` costs nothing there.
pub(crate) fn in_memory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("certq-faults-")
        .tempdir_in("/dev/shm")
        .expect("/dev/shm can be written")
}

impl Centre {
    pub(crate) fn new() -> Self {
        let centre = Self { dir: in_memory() };
        for line in [SAMPLE, "keys --out keys"] {
            Run::of(builder(centre.path(), line)).expect_code(0);
        }
        centre
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// An empty work directory.
    pub(crate) fn work(&self, name: &str) -> Work {
        let work = Work {
            path: self.path().join(name),
        };
        // For temporary files, so that what is left of them is seen.
        fs::create_dir_all(work.temporary()).unwrap();
        work
    }

    /// A work directory in the state before a scenario.
    pub(crate) fn before(&self, scenario: &Scenario, name: &str) -> Work {
        let work = self.work(name);
        for line in scenario.before {
            match line.strip_prefix("deliver ") {
                Some(batch) => work.deliver(&self.path().join("inbox"), batch),
                None => drop(work.run(line).expect_code(0)),
            }
        }
        work
    }
}

impl Work {
    /// A work directory that is there.
    pub(crate) fn at(path: &Path) -> Self {
        let work = Self {
            path: path.to_owned(),
        };
        fs::create_dir_all(work.temporary()).unwrap();
        work
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Becomes a copy of another one.
    pub(crate) fn reset(&self, template: &Self) {
        fs::remove_dir_all(&self.path).unwrap();
        copy_tree(&template.path, &self.path);
    }

    /// The program with a command line of words without spaces, ready to run here.
    pub(crate) fn command(&self, line: &str) -> Command {
        builder(&self.path, line)
    }

    /// The same, as the last words of another program's command line.
    pub(crate) fn under(&self, wrapper: &str, arguments: &[&str], line: &str) -> Command {
        let mut command = Command::new(wrapper);
        command.args(arguments).arg(BUILDER);
        command.args(line.split_whitespace());
        in_place(&mut command, &self.path);
        command
    }

    pub(crate) fn run(&self, line: &str) -> Run {
        self.finish(self.command(line), line)
    }

    /// Runs a command that runs this command line: to its end, or until `watch` has nothing to do.
    pub(crate) fn finish(&self, command: Command, line: &str) -> Run {
        match is_watch(line) {
            true => watching::until_settled(self, command),
            false => Run::of(command),
        }
    }

    /// Puts a batch into the inbox, and the marker that says that it is whole.
    fn deliver(&self, from: &Path, batch: &str) {
        let inbox = self.path.join("inbox");
        fs::create_dir_all(&inbox).unwrap();
        fs::copy(from.join(batch), inbox.join(batch)).unwrap();
        fs::write(inbox.join(format!("{batch}.ok")), "").unwrap();
    }
}

impl Run {
    /// Runs to the end. A program that cannot be started is named: it has to be installed.
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output();
        output
            .unwrap_or_else(|error| {
                let program = command.get_program().to_string_lossy();
                panic!("cannot run {program}, install it: {error}")
            })
            .into()
    }

    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// What was told, when it was told whole.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.out).ok()
    }

    /// How many files were said to be accepted, and publications to be live.
    pub(crate) fn acknowledged(&self) -> usize {
        match self.json() {
            // A file of which nothing was admitted leaves no trace.
            Some(Value::Array(reports)) => {
                let admitted = |report: &&Value| report["admitted"] != 0;
                reports.iter().filter(admitted).count()
            }
            Some(one) if one["event"].is_null() => 1,
            _ => self.out.lines().filter(|line| is_news(line)).count(),
        }
    }
}

/// Whether `watch` says in this line that something was accepted or published.
fn is_news(line: &str) -> bool {
    let event: Value = serde_json::from_str(line).unwrap_or_default();
    match event["event"].as_str() {
        Some("judged") => event["admitted"] != 0 && event["accepted_before"].is_null(),
        Some("published") => true,
        _ => false,
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program that is tested.
pub(crate) const BUILDER: &str = env!("CARGO_BIN_EXE_index-builder");

fn builder(directory: &Path, line: &str) -> Command {
    let mut command = Command::new(BUILDER);
    command.args(line.split_whitespace());
    in_place(&mut command, directory);
    command
}

/// One worker thread: calls are counted a thread, and shall come in the same order every time.
fn in_place(command: &mut Command, directory: &Path) {
    command
        .current_dir(directory)
        .env("RAYON_NUM_THREADS", "1")
        .env("TMPDIR", "tmp")
        .env("TZ", "UTC")
        // Cargo's, in which the loader would look for every library first.
        .env_remove("LD_LIBRARY_PATH");
}

/// Copies a directory with the modes of everything in it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}
