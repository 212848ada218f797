//! From a synthetic centre to a published store, through the program as a centre runs it.
//!
//! Exit codes are those of the contract; what the libraries promise is tested beside them.

// A test that cannot set up its centre has failed; `allow-unwrap-in-tests` sees only `#[test]`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A centre in a directory of its own.
struct Centre {
    dir: tempfile::TempDir,
}

/// How a run ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The JSON of a run that ended like this.
    fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The only line on stderr of a run that ended like this.
    fn line(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let line = self.err.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{line}");
        line
    }
}

fn builder(in_directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_index-builder"));
    command.current_dir(in_directory);
    command
}

impl Centre {
    /// With an accepted ledger and keys; nothing is published.
    fn new(certificates: u32) -> Self {
        let centre = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let made = centre.run(&format!(
            "sample --out . --certificates {certificates} --seed 8"
        ));
        assert_eq!(made.code, 0, "{}", made.err);
        centre.run("keys --out keys").line_free(0);
        let accepted = centre.run(&format!(
            "accept {} --registry registry --ledger ledger",
            centre.batches().join(" ")
        ));
        assert_eq!(accepted.code, 0, "{}", accepted.err);
        centre
    }

    fn published(certificates: u32) -> Self {
        let centre = Self::new(certificates);
        centre.run(PUBLISH).line_free(0);
        centre
    }

    fn batches(&self) -> Vec<String> {
        let inbox = fs::read_dir(self.path("inbox")).unwrap();
        let names = inbox.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.map(|name| format!("inbox/{name}")).collect();
        names.sort();
        names
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a command line of words without spaces.
    fn run(&self, line: &str) -> Run {
        let mut command = builder(self.dir.path());
        command.args(line.split_whitespace());
        command.output().unwrap().into()
    }

    /// The file of a blob of the live generation: `numbers`, `holders`, `rows`, `texts`.
    fn blob(&self, kind: &str) -> PathBuf {
        let shown = self.run("show --store store --json").json(0);
        let generation = &shown["generation"];
        let blob = match kind {
            "texts" => &generation["texts"],
            kind => &generation["layers"][0][kind],
        };
        let digest = blob["sha256"].as_str().unwrap();
        self.path("store/blobs/sha256")
            .join(&digest[..2])
            .join(digest)
    }
}

impl Run {
    /// A run that ended like this and had nothing to complain about.
    fn line_free(self, code: i32) -> Self {
        assert_eq!((self.code, self.err.as_str()), (code, ""), "{}", self.out);
        self
    }
}

const PUBLISH: &str = "publish --registry registry --ledger ledger --keys keys --store store";
const VERIFY: &str = "verify --store store --keys keys --ledger ledger";

/// Every file below a directory with its bytes.
fn files(below: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                files.insert(path.strip_prefix(below).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

/// Changes a published file, as nobody should.
fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_whole_way() {
    let centre = Centre::new(700);
    let report = centre.run(&format!("{PUBLISH} --json")).json(0);
    assert_eq!(report["outcome"], "published");
    assert_eq!(
        (&report["generation"], &report["epoch"]),
        (&1.into(), &1.into())
    );
    assert_eq!(report["certificates"], 700);
    assert_eq!(report["asked"], 700);
    assert!(report["withdrawn"].as_u64().unwrap() > 0);

    let again = centre.run(PUBLISH).line_free(0);
    assert!(
        again
            .out
            .starts_with("nothing new; generation 1 stays live"),
        "{}",
        again.out
    );
    let base = centre.run(&format!("{PUBLISH} --layer base")).line_free(0);
    assert!(
        base.out
            .starts_with("published generation 2 as epoch 2 of stable"),
        "{}",
        base.out
    );

    let verified = centre.run(&format!("{VERIFY} --json")).json(0);
    assert_eq!(verified["damage"], Value::Null);
    assert_eq!(
        (&verified["generations"], &verified["entries"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        verified["rows"], 700,
        "the blobs of both generations are the same"
    );
    assert_eq!(verified["ledger_rows"], report["ledger"]["rows"]);
    assert_eq!(verified["notices"], Value::Array(Vec::new()));
    assert!(centre.run(VERIFY).line_free(0).out.starts_with("whole: "));

    let shown = centre.run("show --store store --json").json(0);
    assert_eq!(shown["channels"][0]["epoch"], 2);
    assert_eq!(shown["generation"]["generation"], 2);
    assert_eq!(shown["generation"]["bytes"], report["bytes"]);
    let first = centre.run("show --store store --generation 1").line_free(0);
    assert!(first.out.contains("\ngeneration 1, made "), "{}", first.out);
    let url = format!(
        "show --store file://{} --json",
        centre.path("store").display()
    );
    assert_eq!(centre.run(&url).json(0), shown);
    let missing = centre.run("show --store store --generation 3");
    assert!(missing.line(65).contains("has no generation 3"));
}

#[test]
fn keys_are_made_once_and_kept() {
    let centre = Centre {
        dir: tempfile::tempdir().unwrap(),
    };
    let made = centre.run("keys --out deep/keys").line_free(0);
    assert_eq!(
        made.out
            .lines()
            .filter(|line| line.starts_with("made "))
            .count(),
        4
    );
    let keys = files(&centre.path("deep/keys"));
    let mode = |name: &str| {
        fs::metadata(centre.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(mode("deep/keys"), 0o700);
    for name in ["lookup.key", "exchange.key", "publisher.key"] {
        assert_eq!(mode(&format!("deep/keys/{name}")), 0o600, "{name}");
    }
    fs::remove_file(centre.path("deep/keys/exchange.key")).unwrap();
    let again = centre.run("keys --out deep/keys --json").json(0);
    assert_eq!(again["made"], serde_json::json!(["exchange.key"]));
    assert_eq!(again["kept"].as_array().unwrap().len(), 3);
    let now = files(&centre.path("deep/keys"));
    for (name, bytes) in keys {
        assert_eq!(
            now[&name] == bytes,
            name != Path::new("exchange.key"),
            "{name:?}"
        );
    }
}

#[test]
fn keys_that_cannot_be_used_end_with_64_and_say_what_to_do() {
    let centre = Centre::new(20);
    let lookup = centre.path("keys/lookup.key");
    fs::set_permissions(&lookup, fs::Permissions::from_mode(0o644)).unwrap();
    let loose = centre.run(PUBLISH);
    assert!(loose.line(64).contains("chmod 0600"), "{}", loose.err);
    fs::remove_file(&lookup).unwrap();
    let missing = centre.run(PUBLISH);
    assert!(
        missing.line(64).contains("index-builder keys --out keys"),
        "{}",
        missing.err
    );
    assert!(!centre.path("store").exists(), "nothing changed");
    fs::remove_file(centre.path("keys/publisher.key")).unwrap();
    assert_eq!(
        centre.run("keys --out keys").code,
        64,
        "publisher.pub has lost its key"
    );
}

#[test]
fn wrong_usage_ends_with_64() {
    let centre = Centre {
        dir: tempfile::tempdir().unwrap(),
    };
    for (flags, told) in [
        ("--memory 63MiB", "64MiB"),
        ("--memory lots", "512MiB"),
        ("--threads 0", "0"),
        ("--channel Stable", "a-z"),
        ("--layer fresh", "base"),
        ("--store s3://bucket/prefix", "directory"),
        ("--acknowledgements x", "--acknowledgements"),
    ] {
        let run =
            centre.run(&format!("{PUBLISH} {flags}").replace("--store store --store", "--store"));
        assert!(run.line(64).contains(told), "{flags}: {}", run.err);
    }
}

#[test]
fn a_store_without_a_generation_ends_with_65() {
    let centre = Centre {
        dir: tempfile::tempdir().unwrap(),
    };
    for store in ["missing", "empty"] {
        for verb in ["show", "verify"] {
            let run = centre.run(&format!("{verb} --store {store}"));
            assert!(run.line(65).contains(store), "{}", run.err);
            assert!(!centre.path("missing").exists());
        }
        fs::create_dir_all(centre.path("empty")).unwrap();
    }
}

#[test]
fn damage_is_named_by_file_and_offset() {
    let row_7 = 16 + 7 * 44 + 20;
    let entry_5 = 24 + 5 * 16;
    for (kind, at, told) in [
        ("rows", row_7, 16 + 7 * 44),
        ("rows", 3, 3),
        // Keys in the first bucket: the entries of a bucket share a checksum.
        ("holders", entry_5, entry_5),
        ("holders", 12, 12),
        ("numbers", 0, 0),
        ("numbers", 10, 8),
        ("texts", 0, 0),
    ] {
        let centre = Centre::published(200);
        let blob = centre.blob(kind);
        damage(&blob, |bytes| bytes[at] ^= 0x40);
        let name = blob.file_name().unwrap().to_str().unwrap();
        let run = centre.run("verify --store store");
        let line = run.line(65);
        assert!(line.contains(name), "{kind} {at}: {line}");
        if kind != "holders" || at < 24 {
            let place = format!(" is damaged at byte {told}: ");
            assert!(line.contains(&place), "{kind} {at}: {line}");
        }
        let report = centre.run("verify --store store --json").json(65);
        assert!(report["damage"]["file"].as_str().unwrap().ends_with(name));
        assert!(report["damage"]["offset"].is_u64());
    }
}

#[test]
fn what_is_cut_short_or_missing_is_damage() {
    for kind in ["rows", "holders", "numbers", "texts"] {
        let centre = Centre::published(50);
        let blob = centre.blob(kind);
        damage(&blob, |bytes| bytes.truncate(bytes.len() - 1));
        let cut = centre.run("verify --store store");
        let end = format!("at byte {}", fs::metadata(&blob).unwrap().len());
        assert!(cut.line(65).contains(&end), "{kind}: {}", cut.err);
        fs::remove_file(&blob).unwrap();
        let missing = centre.run("verify --store store");
        let name = blob.file_name().unwrap().to_str().unwrap();
        assert!(missing.line(65).contains(name), "{kind}: {}", missing.err);
        // The ledger makes it again.
        centre.run(&format!("{PUBLISH} --layer base")).line_free(0);
        centre.run(VERIFY).line_free(0);
    }
}

#[test]
fn documents_are_held_to_their_signatures() {
    let centre = Centre::published(20);
    let manifest = "store/manifests/00000000000000000001.json";
    let entry = "store/channels/stable/00000000000000000001.json";
    for document in [manifest, entry] {
        let whole = fs::read(centre.path(document)).unwrap();
        // A number that is signed: without the key it looks whole, unless its digest is known.
        damage(&centre.path(document), |bytes| {
            let at = bytes.iter().rposition(|byte| *byte == b'Z').unwrap();
            bytes[at - 1] = if bytes[at - 1] == b'1' { b'2' } else { b'1' };
        });
        let run = centre.run("verify --store store --keys keys");
        assert!(run.line(65).contains(document), "{}", run.err);
        assert!(run.err.contains("signature"), "{}", run.err);
        damage(&centre.path(document), |bytes| bytes.truncate(40));
        let cut = centre.run("verify --store store");
        assert!(
            cut.line(65).contains("is damaged at byte 40"),
            "{}",
            cut.err
        );
        assert_eq!(centre.run(PUBLISH).code, 65);
        damage(&centre.path(document), |bytes| *bytes = whole);
    }
    centre.run("keys --out others").line_free(0);
    let foreign = centre.run("verify --store store --keys others");
    assert!(
        foreign.line(65).contains("unknown publisher"),
        "{}",
        foreign.err
    );
    fs::copy(
        centre.path("others/lookup.key"),
        centre.path("keys/lookup.key"),
    )
    .unwrap();
    let key = centre.run(VERIFY);
    assert!(key.line(65).contains("lookup.key"), "{}", key.err);
}

#[test]
fn a_killed_writers_leftovers_are_notices() {
    let centre = Centre::published(20);
    fs::write(centre.path("store/staging/0123456789abcdef"), "half").unwrap();
    let first = centre.path("store/manifests/00000000000000000001.json");
    centre.run(&format!("{PUBLISH} --layer base")).line_free(0);
    fs::write(centre.path("store/staging/0123456789abcdef"), "half").unwrap();
    fs::remove_file(centre.path("store/channels/stable/00000000000000000002.json")).unwrap();
    let orphan = format!("store/blobs/sha256/ab/{}", "ab".repeat(32));
    fs::create_dir_all(centre.path("store/blobs/sha256/ab")).unwrap();
    fs::write(centre.path(&orphan), "a blob").unwrap();
    let report = centre.run("verify --store store --json").json(0);
    let notices = report["notices"].as_array().unwrap();
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert!(notices[2].as_str().unwrap().contains(&orphan));
    assert!(notices[0].as_str().unwrap().contains("0123456789abcdef"));
    assert!(notices[1].as_str().unwrap().contains("generation 2"));
    assert!(first.exists());
}

#[test]
fn another_ledger_ends_with_2_and_changes_nothing() {
    let centre = Centre::published(60);
    let other = Centre::new(61);
    let before = files(&centre.path("store"));
    let line = format!(
        "publish --registry registry --ledger {} --keys keys --store store --layer base",
        other.path("ledger").display()
    );
    assert!(centre.run(&line).line(2).contains("ledger"));
    assert_eq!(files(&centre.path("store")), before);
    let verify = format!(
        "verify --store store --ledger {}",
        other.path("ledger").display()
    );
    assert!(centre.run(&verify).line(65).contains("another ledger"));
}

#[test]
fn of_two_at_once_one_publishes_and_the_other_waits_its_turn() {
    let centre = Centre::new(400);
    for round in 1..=5_u64 {
        let start = || {
            let mut command = builder(centre.dir.path());
            command
                .args(PUBLISH.split_whitespace())
                .args(["--layer", "base"]);
            command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        };
        let both = [start(), start()].map(|child| Run::from(child.wait_with_output().unwrap()));
        let codes = both.each_ref().map(|run| run.code);
        assert!(codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
        assert!(codes.contains(&0), "{codes:?}");
        for run in both.iter().filter(|run| run.code == 75) {
            assert!(run.line(75).contains("somebody else is publishing"));
        }
        let shown = centre.run("show --store store --json").json(0);
        let live = &shown["channels"][0];
        assert_eq!(live["epoch"], live["epochs"], "dense from 1");
        assert!(live["epoch"].as_u64().unwrap() >= round);
        assert_eq!(centre.run(VERIFY).code, 0);
    }
}

#[test]
fn the_machine_does_not_show_in_the_blobs() {
    let centre = Centre::new(3_000);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut blobs = Vec::new();
    for (flags, zone, locale) in [
        ("", "UTC", "C"),
        ("--threads 1", "Asia/Shanghai", "zh_CN.GB18030"),
        (
            "--threads 2 --memory 64MiB",
            "America/New_York",
            "tr_TR.UTF-8",
        ),
        (
            "--threads 3 --memory 1GiB",
            "Pacific/Kiritimati",
            "en_US.UTF-8",
        ),
    ] {
        let store = tempfile::tempdir().unwrap();
        let mut command = builder(elsewhere.path());
        command.env("TZ", zone).env("LC_ALL", locale).arg("publish");
        for name in ["registry", "ledger", "keys"] {
            command.arg(format!("--{name}")).arg(centre.path(name));
        }
        command
            .arg("--store")
            .arg(store.path())
            .args(flags.split_whitespace());
        let run = Run::from(command.output().unwrap());
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        blobs.push(files(&store.path().join("blobs")));
    }
    assert_eq!(blobs[0].len(), 4);
    assert!(blobs.iter().all(|other| *other == blobs[0]));
}
