//! What `verify` says about a store that is empty, damaged, or littered.

use std::fs;
use std::process::Stdio;

use crate::centre::{Centre, PUBLISH, VERIFY, builder, damage, files};

#[test]
fn a_store_without_a_generation_ends_with_65() {
    let centre = Centre {
        dir: tempfile::tempdir().unwrap(),
    };
    for store in ["missing", "empty"] {
        for verb in ["show", "verify"] {
            let run = centre.run(&format!("{verb} --store {store}"));
            let told = match store {
                "missing" => "missing is not there",
                _ => "empty has no generation",
            };
            assert!(run.line(65).contains(told), "{}", run.err);
            assert!(!centre.path("missing").exists());
        }
        fs::create_dir_all(centre.path("empty")).unwrap();
    }
}

#[test]
fn damage_is_named_by_file_and_offset() {
    let row_7 = 16 + 7 * 43 + 20;
    let entry_5 = 24 + 5 * 16;
    for (kind, at, told) in [
        ("rows", row_7, 16 + 7 * 43),
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
        centre.run(&format!("{PUBLISH} --layer base")).silent(0);
        centre.run(VERIFY).silent(0);
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
    centre.run("keys --out others").silent(0);
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
    centre.run(&format!("{PUBLISH} --layer base")).silent(0);
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
fn a_publish_that_is_killed_changes_nothing() {
    let centre = Centre::published(5_000);
    let live = files(&centre.path("store"));
    let mut command = builder(centre.dir.path());
    command
        .args(PUBLISH.split_whitespace())
        .args(["--layer", "base"])
        .stdout(Stdio::null());
    let mut publishing = command.spawn().unwrap();
    let staging = centre.path("store/staging");
    let at_work = || fs::read_dir(&staging).unwrap().next().is_some();
    while !at_work() && publishing.try_wait().unwrap().is_none() {}
    publishing.kill().unwrap();
    assert!(!publishing.wait().unwrap().success(), "killed at work");
    let left = files(&centre.path("store"));
    for (path, bytes) in &live {
        assert_eq!(left.get(path), Some(bytes), "{path:?}");
    }
    let report = centre.run("verify --store store --json").json(0);
    assert_eq!(report["generations"], 1);
    let again = centre.run(&format!("{PUBLISH} --layer base")).silent(0);
    assert!(
        again.out.contains("generation 2 as epoch 2"),
        "{}",
        again.out
    );
    assert_eq!(
        centre.run(VERIFY).silent(0).out.matches("notice").count(),
        0
    );
}
