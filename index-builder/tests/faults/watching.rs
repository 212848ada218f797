//! Runs `watch`, which does not end by itself: until it has nothing more to do, or says that it
//! waits for something. Then it is asked to end.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::centre::{Run, Work};

/// How long it may take to do what it must, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn until_settled(work: &Work, mut command: Command) -> Run {
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(out.try_clone().unwrap());
    command.stderr(err.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    let mut is_asked = false;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if !is_asked && is_settled(work, &text(&out)) {
            ask_to_end(&child);
            is_asked = true;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            let left =
                ["inbox", "ledger", "store/staging"].map(|name| names(&work.path().join(name)));
            panic!("not settled, {left:?}: {}{}", text(&out), text(&err));
        }
        thread::sleep(Duration::from_millis(5));
    };
    Run {
        code: status.code().filter(|_| status.signal().is_none()),
        out: text(&out),
        err: text(&err),
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.flatten().map(|entry| entry.path()).collect()
}

fn text(mut file: &File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether it has begun, the inbox is empty and all that was accepted is live; and it has published
/// or swept away what was staged, unless that cannot be removed. Or something stands in its way.
fn is_settled(work: &Work, told: &str) -> bool {
    let is_waiting = told.contains("\"event\":\"waiting\"");
    let holds = |name: &str, what: fn(&Path) -> bool| {
        let names = names(&work.path().join(name));
        names.iter().filter(|path| what(path)).count()
    };
    let delivered = holds("inbox", |path| path.extension().is_some());
    let staged =
        holds("store/staging", |_| true) + holds("ledger", |path| path.ends_with("staging"));
    let batches = holds("ledger/batches", |_| true);
    let has_swept = staged == 0 || told.contains("\"event\":\"published\"");
    let is_done = delivered == 0 && has_swept && published_batches(work) == Some(batches);
    !told.is_empty() && (is_waiting || is_done)
}

/// How many batches are in what is live, if that can be read.
fn published_batches(work: &Work) -> Option<usize> {
    let store = work.path().join("store");
    let entries = fs::read_dir(store.join("channels/stable")).ok()?;
    let newest: PathBuf = entries.flatten().map(|entry| entry.path()).max()?;
    let signed = |path: &Path| {
        let document: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        Some(document["signed"].clone())
    };
    let generation = signed(&newest)?["generation"].as_u64()?;
    let manifest = signed(&store.join(format!("manifests/{generation:020}.json")))?;
    usize::try_from(manifest["ledger"]["batches"].as_u64()?).ok()
}

/// Sends SIGTERM to the program, which may be the child of a tracer. When it is no more, all the
/// better.
fn ask_to_end(child: &Child) {
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let traced = fs::read_to_string(children).unwrap_or_default();
    let program = match traced.split_whitespace().next() {
        Some(program) => program.to_owned(),
        None => child.id().to_string(),
    };
    let mut kill = Command::new("kill");
    Run::of({
        kill.args(["-s", "TERM", &program]);
        kill
    });
}
