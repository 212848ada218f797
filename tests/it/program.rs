//! The program `certq`, started as an operator starts it, with everything it says on stderr.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::http::{self, PATIENCE};
use crate::register::Register;

/// A running server; killed when dropped.
pub(crate) struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// `certq` with these arguments and nothing of our environment's `CERTQ_…`.
pub(crate) fn certq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certq"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CERTQ_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `certq` to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    certq(arguments).output().unwrap()
}

/// Waits until `done`, and fails after [`PATIENCE`].
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Program {
    /// Starts a server on a register and waits until it is ready.
    pub(crate) fn ready(register: &Register) -> Self {
        let program = Self::start(register);
        program.wait_for_epoch(107);
        program
    }

    /// Starts a server on a register and waits until it listens.
    pub(crate) fn start(register: &Register) -> Self {
        let config = register.path("certq.toml");
        Self::spawn(&mut certq(&[
            "serve",
            "--config",
            &config.to_string_lossy(),
        ]))
    }

    /// Starts a command that becomes a server.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, heard) = (
            BufReader::new(child.stderr.take().unwrap()),
            Arc::clone(&said),
        );
        let listening = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut heard = heard.lock().unwrap();
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Self {
            child,
            said,
            listening: Some(listening),
            public: nowhere,
            admin: nowhere,
        };
        wait_until("the server listens", || program.address("admin").is_some());
        program.public = program.address("public").unwrap();
        program.admin = program.address("admin").unwrap();
        program
    }

    /// Waits until this epoch is live.
    pub(crate) fn wait_for_epoch(&self, epoch: u64) {
        let expected = format!("ready: epoch {epoch}, ");
        wait_until(&expected, || {
            http::get(self.admin, "/readyz")
                .text()
                .starts_with(&expected)
        });
    }

    /// Waits until stderr has this text.
    pub(crate) fn wait_to_hear(&self, text: &str) {
        wait_until(text, || self.said().contains(text));
    }

    /// Everything on stderr so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// A number of the metrics; the name with its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = http::get(self.admin, "/metrics").text();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end; gives the exit status and all of stderr.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.listening.take().unwrap().join().unwrap();
        (status, self.said())
    }

    /// The limits that the system holds the process to.
    pub(crate) fn limits(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap()
    }

    /// The maps of the process, where the system shows them.
    pub(crate) fn maps(&self) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/maps", self.child.id())).ok()
    }

    /// Whether it still runs, under the process id it began with.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Bytes of memory in use, mapped files among them.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most bytes of memory that were in use since [`Self::forget_peak`].
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Begins anew to note the most memory in use.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    fn memory(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kib.parse::<u64>().unwrap() << 10
    }

    /// Open files, where the system shows them.
    pub(crate) fn open_files(&self) -> Option<usize> {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        Some(folder.ok()?.count())
    }

    fn address(&self, door: &str) -> Option<SocketAddr> {
        let said = self.said();
        let marker = format!("\"event\":\"listening\",\"door\":\"{door}\",\"address\":\"");
        let (_, rest) = said.split_once(&marker)?;
        rest.split_once('"')?.0.parse().ok()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
