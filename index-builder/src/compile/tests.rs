//! The whole way from a ledger to a layer: what is in it, and that nothing else shows in it.

use std::fs;
use std::path::{Path, PathBuf};

use certificate::HolderName;
use certificate::key::{LookupKey, MacAlgorithm};
use certificate::record::{Change, Operation};
use certificate::sample::{Population, registry};
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use snapshot::{
    Cache, Channel, ChannelEntry, Digest, Found, LedgerHead, Manifest, Publication, PublishId,
    Publisher, Question, Snapshot, Status, layout, look_up,
};

use super::*;
use crate::ledger::{Accepting, SourceFile};

/// A centre in a directory of its own: registry, ledger, store.
pub(crate) struct Centre {
    pub(crate) dir: tempfile::TempDir,
}

/// Who accepts, and when: nothing of it may show in a layer.
pub(crate) struct Acceptance {
    pub(crate) operator: &'static str,
    pub(crate) at: Timestamp,
}

pub(crate) const ACCEPTANCE: Acceptance = Acceptance {
    operator: "tester",
    at: Timestamp::UNIX_EPOCH,
};

impl Centre {
    /// A centre with the synthetic registry and without batches.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("registry")).unwrap();
        for (name, text) in registry::files() {
            fs::write(dir.path().join("registry").join(name), text).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Accepts changes as the next batch.
    pub(crate) fn accept(&self, acceptance: &Acceptance, changes: &[Change]) {
        let mut accepting = Accepting::begin(&self.path("ledger")).unwrap();
        let content = format!("batch {}", accepting.ledger().head().batches + 1);
        let source = SourceFile {
            file: format!("{content}.csv"),
            sha256: Digest::of(content.as_bytes()),
            bytes: 1,
        };
        let sealed = {
            let staged = accepting.stage(&source, acceptance.at, acceptance.operator);
            let mut staged = staged.unwrap();
            for change in changes {
                let before = staged.standing(&change.number).unwrap();
                staged.push(change, before).unwrap();
            }
            let report = to_raw_value(&content).unwrap();
            staged.seal(&report, changes.len() as u64, 0).unwrap()
        };
        accepting.commit(sealed).unwrap();
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::open(&self.path("registry")).unwrap()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.path("ledger")).unwrap()
    }

    pub(crate) fn store(&self) -> Store {
        Store::create(&self.path("store")).unwrap()
    }

    pub(crate) fn means(&self) -> Means {
        Means {
            memory_bytes: MEMORY_BYTES_LEAST,
            threads: 2,
            spool: self.path("store/staging"),
        }
    }

    fn compile(&self, means: &Means) -> Result<Compiled, CompileError> {
        let (registry, ledger) = (self.registry(), self.ledger());
        let inputs = Inputs {
            ledger: &ledger,
            registry: &registry,
            key: &lookup_key(),
        };
        compile(&inputs, means, &self.store())
    }

    /// Opens what was compiled as a reader does.
    fn open(&self, compiled: &Compiled) -> Snapshot {
        let publisher = Publisher::new(&[7; 32]);
        let manifest = Manifest {
            format: layout::FORMAT,
            generation: 1,
            publish_id: PublishId::random(),
            created_at: Timestamp::UNIX_EPOCH,
            normalisation: certificate::NORMALISATION_VERSION,
            layers: vec![compiled.layers[0].clone()],
            texts: compiled.texts,
            counts: compiled.counts,
            ledger: LedgerHead {
                head: Digest::of(b""),
                batches: 0,
                rows: 0,
            },
            registry: Digest::of(b""),
            base: None,
            pointed: None,
        };
        let manifest = publisher.sign(manifest).unwrap();
        let entry = ChannelEntry {
            format: layout::FORMAT,
            channel: Channel::parse("stable").unwrap(),
            epoch: 1,
            generation: 1,
            manifest: *manifest.digest(),
            published_at: Timestamp::UNIX_EPOCH,
            publish_id: manifest.publish_id,
            reason: String::new(),
            overrides: Vec::new(),
        };
        let publication = Publication::new(publisher.sign(entry).unwrap(), manifest).unwrap();
        let cache = Cache::open(&self.path("cache")).unwrap();
        Snapshot::open(&cache, &self.store(), publication, &[lookup_key()], None).unwrap()
    }
}

pub(crate) fn lookup_key() -> LookupKey {
    LookupKey::new(MacAlgorithm::HmacSha256, &[3; 32])
}

pub(crate) fn issues(population: &Population) -> Vec<Change> {
    let all = 0..population.certificates();
    all.map(|i| population.change(i)).collect()
}

pub(crate) fn withdrawals(population: &Population) -> Vec<Change> {
    let all = 0..population.certificates();
    all.filter_map(|i| population.withdrawal(i)).collect()
}

/// The correction of a certificate to another name.
pub(crate) fn correction(issue: &Change, name: &str) -> Change {
    let mut details = issue.operation.details().unwrap().clone();
    details.name = HolderName::parse(name).unwrap();
    Change {
        operation: Operation::Correct(Box::new(details)),
        reason: "姓名登记有误".to_owned(),
        ..issue.clone()
    }
}

pub(crate) fn withdrawal(issue: &Change) -> Change {
    Change {
        operation: Operation::Withdraw,
        reason: "成绩复核不合格".to_owned(),
        ..issue.clone()
    }
}

pub(crate) fn restoration(issue: &Change) -> Change {
    Change {
        operation: Operation::Restore,
        reason: "复核后恢复".to_owned(),
        ..issue.clone()
    }
}

/// What identifies a register: the digests of all its blobs.
fn digests(compiled: &Compiled) -> [Digest; 4] {
    let layer = &compiled.layers[0];
    [layer.numbers, layer.holders, layer.rows, compiled.texts].map(|blob| blob.sha256)
}

fn ask(snapshot: &Snapshot, change: &Change, name: &HolderName) -> Vec<Found> {
    let question = Question::new(Some(change.number), Some(name.clone()), None).unwrap();
    look_up(snapshot, &question).unwrap()
}

#[test]
fn every_certificate_is_answered_as_the_population_says() {
    let population = Population::new(2_000, 5);
    let centre = Centre::new();
    let issues = issues(&population);
    centre.accept(&ACCEPTANCE, &issues);
    centre.accept(&ACCEPTANCE, &withdrawals(&population));
    let compiled = centre.compile(&centre.means()).unwrap();
    assert_eq!(compiled.counts.certificates, 2_000);
    assert_eq!(compiled.witnesses.iter().count(), 2_000);
    let snapshot = centre.open(&compiled);
    for (i, issue) in (0..).zip(&issues) {
        let found = ask(&snapshot, issue, &population.name(i));
        let [found] = found[..] else {
            panic!("certificate {i} is not found");
        };
        let withdrawal = population.withdrawal(i);
        assert_eq!(found.row.status == Status::Withdrawn, withdrawal.is_some());
        assert_eq!(
            found.row.status_on,
            withdrawal.as_ref().map(|w| w.review.on)
        );
        let reason = found.row.reason.map(|code| {
            let reasons = &snapshot.texts().reasons;
            reasons[usize::from(code)].clone()
        });
        assert_eq!(reason, withdrawal.map(|w| w.reason));
        let holder = Question::new(
            None,
            Some(population.name(i)),
            Some(population.id_number(i)),
        );
        let mut same = look_up(&snapshot, &holder.unwrap()).unwrap();
        same.sort_by_key(|found| found.number);
        let mut expected: Vec<_> = population.of_same_holder(i);
        expected.sort_by_key(|&i| population.number(i));
        let expected: Vec<_> = expected.iter().map(|&i| population.number(i)).collect();
        assert_eq!(
            same.iter().map(|found| found.number).collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn a_corrected_name_answers_and_the_old_one_does_not() {
    let population = Population::new(10, 5);
    let centre = Centre::new();
    let issues = issues(&population);
    let i = (0..10)
        .find(|&i| population.of_same_holder(i).len() == 1)
        .unwrap();
    let issue = &issues[usize::try_from(i).unwrap()];
    centre.accept(&ACCEPTANCE, &issues);
    let withdrawal = Change {
        operation: Operation::Withdraw,
        reason: "持证人申请注销".to_owned(),
        ..issue.clone()
    };
    let corrected = correction(issue, "甲乙丙");
    centre.accept(&ACCEPTANCE, &[withdrawal, corrected, restoration(issue)]);
    let compiled = centre.compile(&centre.means()).unwrap();
    let snapshot = centre.open(&compiled);
    let new_name = HolderName::parse("甲乙丙").unwrap();
    let [found] = ask(&snapshot, issue, &new_name)[..] else {
        panic!("the corrected name is not found");
    };
    assert_eq!((found.row.revision, found.row.sequence), (4, 13));
    assert_eq!(found.row.status, Status::Valid);
    assert!(ask(&snapshot, issue, &population.name(i)).is_empty());
    let by_holder = |name: HolderName| {
        let question = Question::new(None, Some(name), Some(population.id_number(i)));
        look_up(&snapshot, &question.unwrap()).unwrap()
    };
    assert_eq!(by_holder(new_name).len(), 1);
    assert!(by_holder(population.name(i)).is_empty());
}

#[test]
fn threads_memory_place_clock_and_batches_do_not_show() {
    let population = Population::new(3_000, 11);
    let one_batch = Centre::new();
    one_batch.accept(&ACCEPTANCE, &issues(&population));
    one_batch.accept(&ACCEPTANCE, &withdrawals(&population));
    let expected = digests(&one_batch.compile(&one_batch.means()).unwrap());

    let many_batches = Centre::new();
    let rows = [issues(&population), withdrawals(&population)].concat();
    for (batch, changes) in (1..).zip(rows.chunks(700)) {
        let acceptance = Acceptance {
            operator: "somebody else",
            at: Timestamp::from_second(batch * 86_400).unwrap(),
        };
        many_batches.accept(&acceptance, changes);
    }
    for threads in [1, 2, 3] {
        // Room for one record, for a few hundred, for all.
        for sort_bytes in [0, 1 << 16, 64 << 20] {
            let means = Means {
                memory_bytes: FIXED_BYTES + sort_bytes,
                threads,
                spool: many_batches.path("store"),
            };
            let compiled = many_batches.compile(&means).unwrap();
            assert_eq!(digests(&compiled), expected, "{threads} {sort_bytes}");
        }
    }
}

#[test]
fn the_order_of_the_ledger_and_the_key_do_show() {
    let population = Population::new(50, 11);
    let centre = Centre::new();
    centre.accept(&ACCEPTANCE, &issues(&population));
    let first = digests(&centre.compile(&centre.means()).unwrap());
    let reversed = Centre::new();
    let mut changes = issues(&population);
    changes.reverse();
    reversed.accept(&ACCEPTANCE, &changes);
    let second = digests(&reversed.compile(&reversed.means()).unwrap());
    assert_eq!(first[0], second[0], "the numbers are the same");
    assert_ne!(first[2], second[2], "codes and sequences are not");
}

#[test]
fn an_empty_ledger_makes_an_empty_register() {
    let centre = Centre::new();
    let compiled = centre.compile(&centre.means()).unwrap();
    assert_eq!(compiled.counts.certificates, 0);
    let snapshot = centre.open(&compiled);
    let change = Population::new(1, 1).change(0);
    let name = HolderName::parse("张三").unwrap();
    assert!(ask(&snapshot, &change, &name).is_empty());
    assert!(!snapshot.texts().centres.is_empty());
}

#[test]
fn an_institution_that_vanished_from_the_registry_is_named() {
    let population = Population::new(200, 2);
    let centre = Centre::new();
    centre.accept(&ACCEPTANCE, &issues(&population));
    let code = population.number(0).institution();
    for file in ["institutions.csv", "programmes.csv", "plans.csv"] {
        let path = centre.path("registry").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let kept = text.lines().filter(|line| !line.contains(code.as_str()));
        let kept: String = kept.map(|line| format!("{line}\n")).collect();
        fs::write(&path, kept).unwrap();
    }
    let error = centre.compile(&centre.means()).err().unwrap();
    assert!(
        matches!(error, CompileError::InstitutionMissing { code: missing, .. } if missing == code)
    );
    assert_eq!(error.exit(), crate::failure::Exit::Input);
}

#[test]
fn a_review_centre_that_vanished_from_the_registry_is_named() {
    let population = Population::new(200, 2);
    let centre = Centre::new();
    centre.accept(&ACCEPTANCE, &issues(&population));
    let path = centre.path("registry").join("centres.csv");
    let text = fs::read_to_string(&path).unwrap();
    let kept = text.lines().filter(|line| !line.starts_with("440000"));
    fs::write(
        &path,
        kept.map(|line| format!("{line}\n")).collect::<String>(),
    )
    .unwrap();
    let error = centre.compile(&centre.means()).err().unwrap();
    assert!(matches!(&error, CompileError::CentreMissing { code } if code == "440000"));
    assert_eq!(error.exit(), crate::failure::Exit::Input);
}

#[test]
fn sort_files_hold_no_clear_text() {
    let population = Population::new(3_000, 11);
    let centre = Centre::new();
    centre.accept(&ACCEPTANCE, &issues(&population));
    let (registry, ledger) = (centre.registry(), centre.ledger());
    let inputs = Inputs {
        ledger: &ledger,
        registry: &registry,
        key: &lookup_key(),
    };
    let spool = centre.path("spool");
    fs::create_dir(&spool).unwrap();
    let means = Means {
        memory_bytes: FIXED_BYTES + (1 << 16),
        threads: 2,
        spool: spool.clone(),
    };
    let after = (&Head::empty(), Tables::new());
    let reading = read(&inputs, &means, after).unwrap();
    let sorted = reading.sorter.finish().unwrap();
    let spooled = open_files_below(&spool);
    assert!(spooled.len() as u64 >= sorted.records() * record::WIDTH as u64);
    let holds = |needle: &[u8]| spooled.windows(needle.len()).any(|window| window == needle);
    let initial = u32::from(population.name(7).initial()).to_be_bytes();
    assert!(holds(&initial), "the search works");
    for i in (0..population.certificates()).step_by(50) {
        let name = population.name(i);
        let id_number = population.id_number(i);
        for text in [name.expose(), id_number.expose()] {
            assert!(!holds(text.as_bytes()), "clear text of certificate {i}");
        }
    }
}

/// The bytes of every file below a directory that this process has open, named or not.
fn open_files_below(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for descriptor in fs::read_dir("/proc/self/fd").unwrap() {
        let descriptor = descriptor.unwrap().path();
        let target = fs::read_link(&descriptor).unwrap_or_default();
        if target.starts_with(directory) {
            bytes.extend(fs::read(&descriptor).unwrap());
        }
    }
    bytes
}
