//! What a centre does day by day: keys, publish, look; and what it must not do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::centre::{Centre, PUBLISH, Run, VERIFY, builder, files};

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

    let again = centre.run(PUBLISH).silent(0);
    assert!(
        again
            .out
            .starts_with("nothing new; generation 1 stays live"),
        "{}",
        again.out
    );
    let base = centre.run(&format!("{PUBLISH} --layer base")).silent(0);
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
    assert!(centre.run(VERIFY).silent(0).out.starts_with("whole: "));

    let shown = centre.run("show --store store --json").json(0);
    assert_eq!(shown["channels"][0]["epoch"], 2);
    assert_eq!(shown["generation"]["generation"], 2);
    assert_eq!(shown["generation"]["bytes"], report["bytes"]);
    let first = centre.run("show --store store --generation 1").silent(0);
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
    let made = centre.run("keys --out deep/keys").silent(0);
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
        ("--layer newest", "base"),
        ("--store s3://bucket/prefix", "directory"),
        ("--acknowledgements x", "--acknowledgements"),
    ] {
        let run =
            centre.run(&format!("{PUBLISH} {flags}").replace("--store store --store", "--store"));
        assert!(run.line(64).contains(told), "{flags}: {}", run.err);
    }
}

#[test]
fn a_ledger_that_is_not_there_is_never_an_empty_register() {
    let centre = Centre::new(100);
    let run = centre.run(&PUBLISH.replace("--ledger ledger", "--ledger legder"));
    assert!(run.line(65).contains("legder is not there"), "{}", run.err);
    assert!(!centre.path("store/manifests").exists());
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
