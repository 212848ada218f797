//! A running `watch`, the events it tells, and batches to deliver to it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::centre::{Centre, Run, builder};

pub(crate) const WATCH: &str =
    "watch --inbox inbox --registry registry --ledger ledger --keys keys --store store --json";

/// Longer than any event takes on the slowest machine; a test that needs it has failed.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running `watch`. Killed when dropped.
pub(crate) struct Watcher {
    child: Child,
    events: Receiver<Value>,
}

impl Watcher {
    /// Starts it in a centre and waits until it watches.
    pub(crate) fn start(centre: &Centre) -> Self {
        let watcher = Self::spawn(centre);
        watcher.event("watching");
        watcher
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(centre: &Centre) -> Self {
        let mut child = builder(centre.dir.path())
            .args(WATCH.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (told, events) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap();
                if told.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, events }
    }

    /// The next event, whatever it is; `None` when it has ended.
    pub(crate) fn next(&self) -> Option<Value> {
        match self.events.recv_timeout(DEADLINE) {
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no event within {DEADLINE:?}"),
            event => event.ok(),
        }
    }

    /// The next event, which is of this kind.
    pub(crate) fn event(&self, kind: &str) -> Value {
        let event = self.next();
        let event = event.unwrap_or_else(|| panic!("it ended instead of {kind}"));
        assert_eq!(event["event"], kind, "{event}");
        event
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(self) -> Run {
        self.signal(Signal::TERM);
        self.end()
    }

    /// How it ended; what it told meanwhile was not asked for.
    pub(crate) fn end(mut self) -> Run {
        let mut err = String::new();
        let stderr = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        Run {
            code: status.code().unwrap(),
            out: self.events.iter().map(|event| event.to_string()).collect(),
            err,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended; that is what most tests wait for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Centre {
    /// With keys and batches in `made/`, none delivered and none accepted.
    pub(crate) fn waiting(certificates: u32, batches: u32) -> Self {
        let centre = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let made = centre.run(&format!(
            "sample --out . --certificates {certificates} --seed 8 --batches {batches}"
        ));
        assert_eq!(made.code, 0, "{}", made.err);
        centre.run("keys --out keys").silent(0);
        fs::rename(centre.path("inbox"), centre.path("made")).unwrap();
        fs::create_dir(centre.path("inbox")).unwrap();
        centre
    }

    /// The names of the batches in `made/`, in the order in which they can be accepted.
    pub(crate) fn made(&self) -> Vec<String> {
        self.names("made")
    }

    /// Names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Puts a batch of `made/` into the inbox under a name, whole at once.
    pub(crate) fn deliver(&self, batch: &str, name: &str) {
        let hidden = self.path(&format!("inbox/.{name}"));
        fs::copy(self.path(&format!("made/{batch}")), &hidden).unwrap();
        fs::rename(hidden, self.path(&format!("inbox/{name}"))).unwrap();
    }

    /// Says that a delivered file is whole.
    pub(crate) fn vouch(&self, name: &str) {
        fs::write(self.path(&format!("inbox/{name}.ok")), "").unwrap();
    }

    /// A report beside a batch that was filed away.
    pub(crate) fn report(&self, filed: &str) -> Value {
        let path = self.path(&format!("inbox/{filed}.report.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}
