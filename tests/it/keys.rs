//! `certq keys` as an operator uses it: make, list, revoke; what is refused; and a file that stays
//! whole whoever else writes it and whenever the writer is killed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, certq, run};
use crate::register::Register;

struct Keys {
    folder: TempDir,
}

impl Keys {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("api-keys.json")
    }

    fn command(&self, verb: &str, more: &[&str]) -> Command {
        let path = self.path();
        let mut command = certq(&["keys", verb, "--keys-file", &path.to_string_lossy()]);
        command.args(more);
        command
    }

    fn run(&self, verb: &str, more: &[&str]) -> Output {
        self.command(verb, more).output().unwrap()
    }

    /// Makes a key and gives its id and itself.
    fn create(&self, name: &str) -> (String, String) {
        let output = self.run("create", &["--name", name]);
        assert_eq!(output.status.code(), Some(0));
        // The key alone, as a file for --key-file holds it; what else there is to say is elsewhere.
        let shown = String::from_utf8(output.stdout).unwrap();
        let key = shown.strip_suffix('\n').unwrap().to_owned();
        assert!(key.starts_with("certq_") && !key.contains(char::is_whitespace));
        let (id, said) = (
            key[6..14].to_owned(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert!(
            said.contains(&id) && said.contains(name) && !said.contains(&key),
            "{said}"
        );
        (id, key)
    }

    fn list(&self) -> Vec<Value> {
        let said = done(&self.run("list", &["--json"]));
        let list: Value = serde_json::from_str(&said).unwrap();
        list["keys"].as_array().unwrap().clone()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

#[track_caller]
fn done(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_key_is_made_listed_and_revoked() {
    let keys = Keys::new();
    let (id, key) = keys.create("甲公司");
    assert!(key.starts_with("certq_") && key.len() == 79, "{key}");
    let metadata = fs::metadata(keys.path()).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    let stored = fs::read_to_string(keys.path()).unwrap();
    assert!(!stored.contains(&key[15..]), "the key is stored");
    let more = ["--name", "乙公司", "--rows-per-day", "5000", "--json"];
    let second: Value = serde_json::from_str(&done(&keys.run("create", &more))).unwrap();
    assert!(second["key"].as_str().unwrap().starts_with("certq_"));

    let revoked = done(&keys.run("revoke", &["--id", &id]));
    assert!(revoked.contains("revoked; a running server"), "{revoked}");
    let again = done(&keys.run("revoke", &["--id", &id]));
    assert!(again.contains("was revoked before, 20"), "{again}");

    let list = keys.list();
    assert_eq!(list.len(), 2);
    assert_eq!(
        (&list[0]["id"], &list[0]["name"]),
        (&id.into(), &"甲公司".into())
    );
    assert!(list[0]["revoked_at"].is_string());
    assert_eq!(list[0]["rows_per_day"], 100_000);
    assert_eq!(list[1]["id"], second["id"]);
    assert_eq!(list[1]["rows_per_day"], 5000);
    assert!(list[1]["revoked_at"].is_null());
    let shown = done(&keys.run("list", &[]));
    assert_eq!(shown.lines().count(), 2);
    assert!(
        shown.lines().next().unwrap().contains("revoked 20"),
        "{shown}"
    );
    assert_eq!(keys.files(), ["api-keys.json"]);
}

#[test]
fn what_is_refused_and_changes_nothing() {
    let keys = Keys::new();
    refused(&keys.run("list", &[]), 64, &["certq keys create"]);
    refused(
        &keys.run("revoke", &["--id", "0"]),
        64,
        &["certq keys create"],
    );
    refused(
        &keys.run("create", &["--name", " "]),
        64,
        &["1 to 64 characters"],
    );
    refused(
        &keys.run("create", &["--name", "a", "--rows-per-day", "0"]),
        64,
        &["--rows-per-day"],
    );
    assert_eq!(keys.files(), [""; 0]);
    let (first, _) = keys.create("甲公司");
    let (second, _) = keys.create("甲公司");
    let before = fs::read(keys.path()).unwrap();
    let third = keys.run("create", &["--name", "甲公司"]);
    refused(&third, 2, &[&first, &second, "certq keys revoke --id"]);
    refused(
        &keys.run("revoke", &["--id", "ffffffff"]),
        64,
        &["ffffffff", "certq keys list"],
    );
    for mode in [0o644, 0o620, 0o604] {
        fs::set_permissions(keys.path(), fs::Permissions::from_mode(mode)).unwrap();
        for (verb, more) in [("list", &[][..]), ("create", &["--name", "b"])] {
            refused(&keys.run(verb, more), 64, &["chmod 0600"]);
        }
    }
    assert_eq!(fs::read(keys.path()).unwrap(), before);
    fs::set_permissions(keys.path(), fs::Permissions::from_mode(0o640)).unwrap();
    done(&keys.run("revoke", &["--id", &first]));
    let mode = fs::metadata(keys.path()).unwrap().mode();
    assert_eq!(
        mode & 0o7777,
        0o640,
        "the service's group can no longer read it"
    );
    fs::write(keys.path(), "{\"format\":1").unwrap();
    for (verb, more) in [("list", &[][..]), ("create", &["--name", "b"])] {
        refused(&keys.run(verb, more), 65, &["line 1, column", "good copy"]);
    }
    assert_eq!(fs::read(keys.path()).unwrap(), b"{\"format\":1");
}

#[test]
fn one_writer_at_a_time_and_no_key_is_lost() {
    let keys = Keys::new();
    let folder = fs::File::open(keys.folder.path()).unwrap();
    folder.lock().unwrap();
    refused(
        &keys.run("create", &["--name", "a"]),
        75,
        &["another process", "try again"],
    );
    drop(folder);

    let together: Vec<_> = (0..12)
        .map(|number| {
            let mut command = keys.command("create", &["--name", &format!("n{number}")]);
            command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    let mut made = Vec::new();
    for child in together {
        let output = child.wait_with_output().unwrap();
        match output.status.code() {
            Some(0) => {
                let said = String::from_utf8(output.stdout).unwrap();
                made.push(said[6..14].to_owned());
            }
            code => assert_eq!(code, Some(75)),
        }
    }
    let mut listed: Vec<_> = keys
        .list()
        .iter()
        .map(|key| key["id"].to_string())
        .collect();
    let mut made: Vec<_> = made.iter().map(|id| format!("\"{id}\"")).collect();
    listed.sort();
    made.sort();
    assert!(!made.is_empty());
    assert_eq!(listed, made);
}

/// Killed at every call that writes: the file is the old or the new one, and the next writer goes
/// on. `strace` is what kills at a call; `tests/all.sh` sees to it that there is one.
#[test]
fn a_killed_writer_leaves_the_old_file_or_the_new_one() {
    let mut both = [false; 2];
    for call in ["openat", "fchmod", "write", "fsync", "rename", "flock"] {
        for nth in 1..=12 {
            let keys = Keys::new();
            keys.create("a");
            let before = fs::read(keys.path()).unwrap();
            let path = keys.path();
            let output = Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e"])
                .arg(format!("trace={call}"))
                .arg("-e")
                .arg(format!("inject={call}:signal=SIGKILL:when={nth}"))
                .arg(env!("CARGO_BIN_EXE_certq"))
                .args(["keys", "create", "--name", "b", "--keys-file"])
                .arg(&path)
                .output()
                .unwrap();
            if output.status.success() {
                assert!(nth > 1, "{call} is never called");
                break;
            }
            let is_new = fs::read(&path).unwrap() != before;
            both[usize::from(is_new)] = true;
            assert_eq!(keys.list().len(), 1 + usize::from(is_new), "{call} {nth}");
            keys.create("c");
            assert_eq!(keys.list().len(), 2 + usize::from(is_new), "{call} {nth}");
            assert_eq!(keys.files(), ["api-keys.json"], "{call} {nth}");
        }
    }
    assert_eq!(both, [true; 2], "the kills missed the rename");
}

#[test]
fn the_server_checks_the_file_and_takes_it_when_it_changes() {
    let register = Register::empty();
    let path = register.path("keys/api-keys.json");
    let config = register.configure("[bulk]\nkeys_file = \"keys/api-keys.json\"");
    let check = ["check-config", "--config", &config.to_string_lossy()];
    let said = String::from_utf8(run(&check).stderr).unwrap();
    assert!(
        said.contains("no API key works until certq keys create"),
        "{said}"
    );
    fs::write(&path, "{}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    refused(&run(&check), 64, &["api-keys.json", "no file of API keys"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&run(&check), 64, &["api-keys.json", "chmod 0600"]);
    fs::remove_file(&path).unwrap();

    let program = Program::start(&register);
    program.wait_to_hear("no API key works until");
    let path = path.to_string_lossy();
    let create = ["keys", "create", "--keys-file", &path, "--name", "甲公司"];
    assert_eq!(run(&create).status.code(), Some(0));
    program.wait_to_hear("\"event\":\"api_keys_taken\",\"live\":\"1\"");
    fs::write(&*path, "{}").unwrap();
    program.wait_to_hear("\"event\":\"api_keys_kept\"");
    assert!(program.metric("certq_api_key_failures_total") >= 1.0);
    assert!(!program.said().contains("甲公司"));
}
