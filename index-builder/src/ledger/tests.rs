//! The ledger as a whole: what is accepted is read again, and nothing else is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::entry::tests::{issue, withdrawal};
use super::*;
use certificate::record::Change;
use certificate::{CertificateNumber, Date};
use serde_json::value::to_raw_value;

/// A ledger in a directory of its own.
struct Bench {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            path: dir.path().join("ledger"),
            _dir: dir,
        }
    }

    /// Accepts changes as one batch, from a file of this content.
    fn accept(&self, content: &str, changes: &[Change]) {
        let mut accepting = Accepting::begin(&self.path).unwrap();
        let sealed = {
            let mut staged = accepting.stage(&source(content), now(), "tester").unwrap();
            for change in changes {
                let before = staged.standing(&change.number).unwrap();
                staged.push(change, before).unwrap();
            }
            let report = to_raw_value(&content).unwrap();
            staged.seal(&report, changes.len() as u64 + 2, 1).unwrap()
        };
        accepting.commit(sealed).unwrap();
    }

    fn entries(&self) -> Vec<Entry> {
        let ledger = Ledger::open(&self.path).unwrap();
        let chunks = ledger.chunks().map(Result::unwrap);
        chunks
            .flat_map(|chunk| {
                chunk
                    .lines()
                    .map(|line| line.unwrap().into())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Names in a directory of the ledger, sorted.
    fn names(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path.join(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Replaces a batch, whose mode says that nobody should.
    fn overwrite(&self, batch: u32, bytes: &[u8]) {
        let path = layout::batch(&self.path, batch);
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

fn source(content: &str) -> SourceFile {
    SourceFile {
        file: format!("{content}.csv"),
        sha256: Digest::of(content.as_bytes()),
        bytes: content.len() as u64,
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_606_694_400).unwrap()
}

#[test]
fn what_is_accepted_is_read_again() {
    let bench = Bench::new();
    assert!(bench.entries().is_empty());
    bench.accept("first", &[issue(1), issue(2)]);
    bench.accept("second", &[withdrawal(2), issue(3), withdrawal(3)]);
    let entries = bench.entries();
    let told: Vec<(u64, u16)> = entries.iter().map(|e| (e.sequence, e.revision)).collect();
    assert_eq!(told, [(1, 1), (2, 1), (3, 2), (4, 1), (5, 2)]);
    assert_eq!(entries[2].change, withdrawal(2));
    let ledger = Ledger::open(&bench.path).unwrap();
    let head = ledger.verify(|_| ()).unwrap();
    assert_eq!((head.batches, head.rows), (2, 5));
    let summary = ledger.summary(1).unwrap().unwrap();
    assert_eq!(
        (summary.rows, summary.admitted, summary.last_sequence),
        (4, 2, 2)
    );
    assert_eq!(ledger.summary(2).unwrap().unwrap().digest, head.digest);
    assert_eq!(ledger.summary(3).unwrap(), None);
}

#[test]
fn it_is_private_and_its_batches_are_read_only() {
    let bench = Bench::new();
    fs::create_dir(&bench.path).unwrap();
    fs::set_permissions(&bench.path, fs::Permissions::from_mode(0o755)).unwrap();
    bench.accept("first", &[issue(1)]);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(bench.path.clone()), 0o700);
    assert_eq!(mode(layout::batches(&bench.path)), 0o700);
    assert_eq!(mode(layout::batch(&bench.path, 1)), 0o400);
    assert_eq!(bench.names(""), ["batches", "index", "lock"]);
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let bench = Bench::new();
    fs::create_dir(&bench.path).unwrap();
    fs::write(bench.path.join("letter.txt"), "dear").unwrap();
    assert!(matches!(
        Accepting::begin(&bench.path),
        Err(LedgerError::NotALedger { .. })
    ));
    assert_eq!(bench.names(""), ["letter.txt"]);
}

#[test]
fn the_same_file_is_known_again() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    bench.accept("second", &[issue(2)]);
    let accepting = Accepting::begin(&bench.path).unwrap();
    let batch = accepting.index().batch_of(&Digest::of(b"first"));
    assert_eq!(batch, Some(1));
    assert_eq!(accepting.index().batch_of(&Digest::of(b"other")), None);
    let first = accepting.ledger().first_report(1).unwrap();
    assert_eq!((first.exit, first.report.get()), (1, "\"first\""));
    assert_eq!(first.accepted_at, "2020-11-30T00:00:00Z");
}

#[test]
fn only_one_accepts_at_a_time() {
    let bench = Bench::new();
    let first = Accepting::begin(&bench.path).unwrap();
    assert!(matches!(
        Accepting::begin(&bench.path),
        Err(LedgerError::Busy { .. })
    ));
    drop(first);
    assert!(Accepting::begin(&bench.path).is_ok());
}

#[test]
fn an_abandoned_batch_leaves_nothing() {
    let bench = Bench::new();
    let accepting = Accepting::begin(&bench.path).unwrap();
    let mut staged = accepting.stage(&source("x"), now(), "tester").unwrap();
    staged.push(&issue(1), None).unwrap();
    drop(staged);
    assert_eq!(bench.names(""), ["batches", "lock"]);
    // A killed process drops nothing; the next one sweeps.
    fs::write(layout::staging(&bench.path), "half a ba").unwrap();
    drop(accepting);
    Accepting::begin(&bench.path).unwrap();
    assert_eq!(bench.names(""), ["batches", "lock"]);
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1), issue(2)]);
    bench.accept("second", &[withdrawal(1)]);
    let read = || Ledger::open(&bench.path)?.verify(|_| ());
    let whole = read().unwrap();
    for batch in [1, 2] {
        let bytes = fs::read(layout::batch(&bench.path, batch)).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            bench.overwrite(batch, &damaged);
            assert!(read().is_err(), "byte {at} of batch {batch}");
        }
        for length in 0..bytes.len() {
            bench.overwrite(batch, &bytes[..length]);
            assert!(read().is_err(), "{length} bytes of batch {batch}");
        }
        bench.overwrite(batch, &bytes);
    }
    assert_eq!(read().unwrap(), whole);
}

/// Changes the text of a batch and gives it the digest that fits.
fn forge(bench: &Bench, batch: u32, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let text = fs::read_to_string(layout::batch(&bench.path, batch)).unwrap();
    let (before, _) = text.split_at(text.len() - 72);
    assert!(before.contains(from));
    let before = before.replacen(from, to, 1);
    let forged = format!("{before}sha256 {}\n", Digest::of(before.as_bytes()));
    bench.overwrite(batch, forged.as_bytes());
}

#[test]
fn sequences_are_dense_across_batches() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    bench.accept("second", &[issue(2)]);
    forge(&bench, 2, "\"first_sequence\":2", "\"first_sequence\":3");
    forge(&bench, 2, "\n2\t1\tissue", "\n3\t1\tissue");
    let ledger = Ledger::open(&bench.path).unwrap();
    let error = ledger.verify(|_| ()).unwrap_err();
    assert!(
        error.to_string().contains("sequence does not continue"),
        "{error}"
    );
}

#[test]
fn revisions_are_counted_when_the_index_is_rebuilt() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    bench.accept("second", &[withdrawal(1)]);
    forge(&bench, 2, "2\t2\twithdraw", "2\t3\twithdraw");
    let error = Accepting::begin(&bench.path).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("does not fit what the rows before it left"),
        "{error}"
    );
}

#[test]
fn a_batch_of_another_chain_is_refused() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    bench.accept("second", &[issue(2)]);
    let other = Bench::new();
    other.accept("other", &[issue(1)]);
    other.accept("second", &[issue(2)]);
    bench.overwrite(2, &fs::read(layout::batch(&other.path, 2)).unwrap());
    let ledger = Ledger::open(&bench.path).unwrap();
    let error = ledger.verify(|_| ()).unwrap_err();
    assert!(error.to_string().contains("does not continue"), "{error}");
}

#[test]
fn a_gap_in_the_chain_is_named() {
    let bench = Bench::new();
    for serial in 1..=3 {
        bench.accept(&serial.to_string(), &[issue(serial)]);
    }
    fs::remove_file(layout::batch(&bench.path, 2)).unwrap();
    let error = Ledger::open(&bench.path).err().unwrap();
    assert!(
        error.to_string().contains("0000000002.batch is missing"),
        "{error}"
    );
}

#[test]
fn a_lost_last_batch_is_noticed() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    bench.accept("second", &[issue(2)]);
    fs::remove_file(layout::batch(&bench.path, 2)).unwrap();
    let error = Accepting::begin(&bench.path).err().unwrap();
    assert!(
        error.to_string().contains("0000000002.batch is missing"),
        "{error}"
    );
}

/// Every standing that the index tells, against a replay of the rows.
fn assert_index_agrees(bench: &Bench) {
    let accepting = Accepting::begin(&bench.path).unwrap();
    let mut standings = std::collections::HashMap::new();
    for chunk in accepting.ledger().chunks() {
        for placed in chunk.unwrap().placed_entries() {
            let (place, entry) = placed.unwrap();
            let before = standings.get(&entry.change.number).copied();
            let after = Standing::after(before, standing::Step::of(&entry.change), place).unwrap();
            standings.insert(entry.change.number, after);
        }
    }
    for (number, standing) in &standings {
        assert_eq!(accepting.index().find(number).unwrap(), Some(*standing));
    }
    let never = CertificateNumber::parse("J000044000001203999999").unwrap();
    assert_eq!(accepting.index().find(&never).unwrap(), None);
}

#[test]
fn segments_grow_geometrically_and_tell_the_truth() {
    let bench = Bench::new();
    let mut serial = 0;
    for batch in 0..33_u32 {
        let mut changes = Vec::new();
        for _ in 0..=(batch % 3) {
            serial += 1;
            changes.push(issue(serial));
        }
        if batch % 4 == 3 {
            changes.push(withdrawal(batch));
        }
        bench.accept(&batch.to_string(), &changes);
    }
    let untidy = bench.names("index");
    assert!(untidy.len() > 6, "{untidy:?}");
    assert_index_agrees(&bench);
    let mut accepting = Accepting::begin(&bench.path).unwrap();
    // Somebody delivers: everything stays as it was.
    assert!(!accepting.tidy(&|| true).unwrap());
    assert_eq!(bench.names("index"), untidy);
    assert!(accepting.tidy(&|| false).unwrap());
    assert!(accepting.tidy(&|| true).unwrap(), "nothing is left to do");
    drop(accepting);
    let tidy = bench.names("index");
    assert!(tidy.len() <= 6, "{tidy:?}");
    assert_index_agrees(&bench);
}

#[test]
fn the_index_is_rebuilt_when_missing_damaged_or_behind() {
    let bench = Bench::new();
    for serial in 1..=5 {
        bench.accept(&serial.to_string(), &[issue(serial), withdrawal(serial)]);
    }
    fs::remove_dir_all(layout::index(&bench.path)).unwrap();
    assert_index_agrees(&bench);
    // A crash after the batch was linked and before its segment was written.
    let newest = bench.names("index").pop().unwrap();
    fs::remove_file(layout::index(&bench.path).join(newest)).unwrap();
    assert_index_agrees(&bench);
    for name in bench.names("index") {
        fs::write(layout::index(&bench.path).join(name), "no segment").unwrap();
    }
    assert_index_agrees(&bench);
    let accepting = Accepting::begin(&bench.path).unwrap();
    assert_eq!(accepting.index().batch_of(&Digest::of(b"4")), Some(4));
}

#[test]
fn an_index_of_another_ledger_is_not_believed() {
    let (bench, other) = (Bench::new(), Bench::new());
    bench.accept("first", &[issue(1)]);
    other.accept("first", &[issue(2)]);
    let name = &bench.names("index")[0];
    let from = layout::index(&other.path).join(name);
    fs::copy(from, layout::index(&bench.path).join(name)).unwrap();
    assert_index_agrees(&bench);
}

#[test]
fn the_holder_is_found_in_this_batch_and_in_older_ones() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    bench.accept("second", &[withdrawal(1)]);
    let accepting = Accepting::begin(&bench.path).unwrap();
    let mut staged = accepting.stage(&source("third"), now(), "tester").unwrap();
    staged.push(&issue(2), None).unwrap();
    for serial in [1, 2] {
        let standing = staged.standing(&issue(serial).number).unwrap().unwrap();
        assert_eq!(standing.issued_on, Date::constant(2020, 11, 30));
        let holder = staged.holder(&standing).unwrap();
        assert_eq!(holder.expose(), "买买提·艾力");
    }
}

#[test]
fn a_rehearsal_sees_the_ledger_and_keeps_nothing() {
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    let ledger = Ledger::open(&bench.path).unwrap();
    let index = ledger.index().unwrap();
    assert!(ledger.is_covered_by(&index));
    let mut staged = Staged::rehearse(Some((&ledger, &index))).unwrap();
    let before = staged.standing(&issue(1).number).unwrap();
    staged.push(&withdrawal(1), before).unwrap();
    assert!(
        staged
            .standing(&issue(1).number)
            .unwrap()
            .unwrap()
            .withdrawn
    );
    drop(staged);
    assert_eq!(bench.entries().len(), 1);
}

#[test]
fn the_digest_of_a_batch_is_that_of_the_bytes_before_its_last_line() {
    // Oracle: what docs/ledger.md tells an auditor to do with sha256sum.
    let bench = Bench::new();
    bench.accept("first", &[issue(1)]);
    let text = fs::read_to_string(layout::batch(&bench.path, 1)).unwrap();
    let (before, trailer) = text.split_at(text.len() - 72);
    let digest = Digest::of(before.as_bytes());
    assert_eq!(trailer, format!("sha256 {digest}\n"));
    assert_eq!(Ledger::open(&bench.path).unwrap().head().digest, digest);
    let lines: Vec<&str> = before.lines().collect();
    assert_eq!(lines[0], "certq ledger batch 1");
    assert!(lines[1].starts_with("{\"batch\":1,\"previous\":\"0000"));
    assert!(lines[2].starts_with("1\t1\tissue\tJ000044000001203000001\t440000\t"));
    assert_eq!(lines[3], "{\"report\":\"first\"}");
    assert!(lines[4].starts_with("{\"rows\":3,\"admitted\":1,\"exit\":1,\"report_at\":"));
    assert_eq!(lines.len(), 5);
}
