//! Publishing into a store of one's own, with the time given: what is written, and when nothing is.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use certificate::LookupKey;
use certificate::record::Change;
use certificate::sample::Population;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use snapshot::{BlobRef, Publisher, PublisherKeys, keyfile};

use super::*;
use crate::compile::tests::{
    ACCEPTANCE, Centre, issues, lookup_key, restoration, withdrawal, withdrawals,
};
use crate::failure::Exit;

/// A centre with keys, a ledger of one batch, and a clock.
pub(super) struct Bench {
    pub(super) centre: Centre,
    pub(super) keys: Keys,
    pub(super) store: Store,
    pub(super) population: Population,
    pub(super) now: Timestamp,
}

impl Bench {
    pub(super) fn new() -> Self {
        let centre = Centre::new();
        let population = Population::new(300, 3);
        centre.accept(&ACCEPTANCE, &issues(&population));
        let store = centre.store();
        Self {
            centre,
            keys: keys(&[9; 32]),
            store,
            population,
            now: Timestamp::from_second(1_606_694_400).unwrap(),
        }
    }

    pub(super) fn publish(&self, layer: Layer) -> Result<Value, Failure> {
        self.publish_of(&self.centre, layer)
    }

    /// Publishes the ledger of some centre into this store.
    pub(super) fn publish_of(&self, centre: &Centre, layer: Layer) -> Result<Value, Failure> {
        self.publish_with(centre, |order| order.layer = layer)
    }

    /// As above, with the order changed before it is carried out.
    pub(super) fn publish_with(
        &self,
        centre: &Centre,
        change: impl FnOnce(&mut Order<'_>),
    ) -> Result<Value, Failure> {
        let lock = self.store.lock()?;
        let ledger = centre.ledger();
        let index = ledger.index().unwrap();
        let mut order = Order {
            lock: &lock,
            registry: &centre.registry(),
            ledger: &ledger,
            index: &index,
            keys: &self.keys,
            store: &self.store,
            channel: &Channel::parse("stable").unwrap(),
            layer: Layer::Auto,
            first_epoch: None,
            may_leave_pointed: true,
            guards: Guards::default(),
            means: &self.centre.means(),
            now: self.now,
        };
        change(&mut order);
        publish(&order).map(|report| report.json())
    }

    /// Outcome, generation and epoch of a run that succeeds.
    pub(super) fn published(&self, layer: Layer) -> (String, u64, u64) {
        let report = self.publish(layer).unwrap();
        (
            report["outcome"].as_str().unwrap().to_owned(),
            report["generation"].as_u64().unwrap(),
            report["epoch"].as_u64().unwrap(),
        )
    }

    /// An issue that the ledger does not have yet.
    pub(super) fn unissued(&self) -> Change {
        let numbers: BTreeSet<_> = issues(&self.population)
            .iter()
            .map(|issue| issue.number)
            .collect();
        let more = Population::new(2_000, 3);
        let mut new = (0..2_000).map(|i| more.change(i));
        new.find(|change| !numbers.contains(&change.number))
            .unwrap()
    }

    /// Every file of the store.
    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let mut folders = vec![self.store.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(files.insert(path)),
                }
            }
        }
        files
    }
}

/// The test's look-up key and the publisher of a seed, who believes itself alone.
pub(super) fn keys(seed: &[u8; 32]) -> Keys {
    let publisher = Publisher::new(seed);
    Keys {
        lookup: lookup_key(),
        publishers: PublisherKeys::new(vec![publisher.public().clone()]),
        publisher,
    }
}

pub(super) fn told(outcome: &str, generation: u64, epoch: u64) -> (String, u64, u64) {
    (outcome.to_owned(), generation, epoch)
}

#[test]
fn the_report_says_what_is_live() {
    let bench = Bench::new();
    let report = bench.publish(Layer::Auto).unwrap();
    assert_eq!(report["outcome"], "published");
    assert_eq!(report["certificates"], 300);
    assert_eq!(report["withdrawn"], 0);
    assert_eq!(report["asked"], 300);
    assert_eq!(report["ledger"]["rows"], 300);
    assert_eq!(report["bytes"]["rows"], 16 + 43 * 300);
    for phase in [
        "read", "sort", "rows", "holders", "texts", "trial", "commit", "total",
    ] {
        assert!(report["seconds"][phase].is_number(), "{phase}");
    }
}

#[test]
fn nothing_new_writes_nothing_until_a_day_has_passed() {
    let mut bench = Bench::new();
    assert_eq!(bench.published(Layer::Auto), told("published", 1, 1));
    let files = bench.files();
    bench.now += SignedDuration::from_hours(24);
    assert_eq!(bench.published(Layer::Auto), told("unchanged", 1, 1));
    assert_eq!(bench.files(), files);
    bench.now += SignedDuration::from_secs(1);
    assert_eq!(bench.published(Layer::Auto), told("renewed", 1, 2));
    let added: Vec<_> = bench.files().difference(&files).cloned().collect();
    assert_eq!(added.len(), 1, "only a channel entry: {added:?}");
    assert_eq!(bench.published(Layer::Auto), told("unchanged", 1, 2));
    // What a clock that was ahead has published is renewed as soon as the clock is right: as it
    // is, nobody could see it grow old.
    bench.now -= SignedDuration::from_hours(24 * 300);
    assert_eq!(bench.published(Layer::Auto), told("renewed", 1, 3));
    assert_eq!(bench.published(Layer::Auto), told("unchanged", 1, 3));
}

#[test]
fn whatever_is_new_makes_a_generation() {
    let mut bench = Bench::new();
    assert_eq!(bench.published(Layer::Auto), told("published", 1, 1));
    assert_eq!(bench.published(Layer::Base), told("published", 2, 2));

    let withdrawn = withdrawals(&bench.population);
    bench.centre.accept(&ACCEPTANCE, &withdrawn);
    let report = bench.publish(Layer::Auto).unwrap();
    assert_eq!(report["generation"], 3);
    assert_eq!(report["withdrawn"], withdrawn.len());

    let centres = bench.centre.path("registry/centres.csv");
    let text = fs::read_to_string(&centres).unwrap();
    fs::write(&centres, text + "440399,测试中心,440300,0755-0,测试路1号\n").unwrap();
    assert_eq!(bench.published(Layer::Auto), told("published", 4, 4));

    let secret = certificate::key::random_secret();
    bench.keys.lookup = LookupKey::new(certificate::key::MacAlgorithm::HmacSha256, &secret);
    assert_eq!(bench.published(Layer::Auto), told("published", 5, 5));
    assert_eq!(bench.published(Layer::Auto), told("unchanged", 5, 5));
}

#[test]
fn a_new_look_up_key_makes_a_new_base_that_only_it_opens() {
    let mut bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let old = bench.keys.lookup.clone();
    let secret = certificate::key::random_secret();
    let new = LookupKey::new(certificate::key::MacAlgorithm::HmacSha256, &secret);
    bench.keys.lookup = new.clone();
    bench.centre.accept(&ACCEPTANCE, &[bench.unissued()]);
    // Half a change would mix two keys in one generation.
    let failure = bench.publish(Layer::Fresh).err().unwrap();
    assert_eq!(failure.exit(), Exit::Usage, "{failure}");
    assert_eq!(bench.published(Layer::Auto), told("published", 2, 2));
    let channel = Channel::parse("stable").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = snapshot::Cache::open(&folder.path().join("cache")).unwrap();
    let open = |epoch, keys: &[LookupKey]| {
        let live = bench
            .store
            .read_publication(&channel, epoch, &bench.keys.publishers);
        let live = live.unwrap().unwrap();
        assert_eq!(live.manifest().layers.len(), 1);
        snapshot::Snapshot::open(&cache, &bench.store, live, keys, None)
    };
    // While keys change, a server has both.
    let both = [new, old.clone()];
    assert!(open(1, &both).is_ok());
    assert!(matches!(
        open(2, &[old]),
        Err(snapshot::OpenError::UnknownKey { .. })
    ));
    assert!(open(2, &both).is_ok());
}

#[test]
fn the_same_ledger_gives_the_same_blobs_again() {
    let bench = Bench::new();
    let blobs = |generation: u64| -> Vec<BlobRef> {
        let publishers = bench.keys.publishers.clone();
        let manifest = bench.store.read_manifest(generation, &publishers);
        manifest.unwrap().unwrap().blobs().collect()
    };
    bench.publish(Layer::Base).unwrap();
    let files = bench.files();
    bench.publish(Layer::Base).unwrap();
    assert_eq!(blobs(1), blobs(2));
    // A manifest and an entry; the blobs are the ones that were there.
    assert_eq!(bench.files().difference(&files).count(), 2);
}

#[test]
fn another_ledger_is_refused_and_nothing_changes() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let files = bench.files();
    let shorter = Centre::new();
    let other = Centre::new();
    other.accept(&ACCEPTANCE, &issues(&Population::new(300, 4)));
    for centre in [&shorter, &other] {
        let failure = bench.publish_of(centre, Layer::Base).err().unwrap();
        assert_eq!(failure.exit(), Exit::Refused, "{failure}");
        assert_eq!(bench.files(), files);
    }
}

#[test]
fn a_stranger_may_not_go_on_from_what_is_live() {
    let mut bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let old = std::mem::replace(&mut bench.keys, keys(&[10; 32]));
    let failure = bench.publish(Layer::Base).err().unwrap();
    assert_eq!(failure.exit(), Exit::Input, "{failure}");
    // But a successor may, who believes the old one.
    let both = [&bench.keys, &old].map(|keys| keys.publisher.public().clone());
    bench.keys.publishers = PublisherKeys::new(both.to_vec());
    assert_eq!(bench.published(Layer::Base), told("published", 2, 2));
}

#[test]
fn what_was_withdrawn_or_restored_is_asked_about() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let issue = bench.population.change(3);
    let withdrawn: Vec<Change> = (0..3)
        .map(|i| withdrawal(&bench.population.change(i)))
        .collect();
    bench.centre.accept(&ACCEPTANCE, &withdrawn);
    // The base's others, and each that was withdrawn.
    assert_eq!(bench.publish(Layer::Fresh).unwrap()["asked"], 300);
    bench.centre.accept(&ACCEPTANCE, &[withdrawal(&issue)]);
    bench.centre.accept(&ACCEPTANCE, &[restoration(&issue)]);
    let asked = bench.publish(Layer::Fresh).unwrap()["asked"]
        .as_u64()
        .unwrap();
    // The layers have three numbers twice, so these may be drawn twice.
    assert!((300..=303).contains(&asked), "{asked}");
}

#[test]
fn what_somebody_pointed_to_is_left_only_by_somebody() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    bench.centre.accept(&ACCEPTANCE, &[bench.unissued()]);
    bench.publish(Layer::Auto).unwrap();
    bench.point(1).unwrap();
    let files = bench.files();
    let failure = bench.publish_with(&bench.centre, |order| order.may_leave_pointed = false);
    assert_eq!(failure.err().unwrap().exit(), Exit::Refused);
    assert_eq!(bench.files(), files);
}

#[test]
fn who_holds_the_lock_publishes_alone() {
    let bench = Bench::new();
    let lock = bench.store.lock().unwrap();
    let failure = bench.publish(Layer::Auto).err().unwrap();
    assert_eq!(failure.exit(), Exit::Busy);
    drop(lock);
    assert_eq!(bench.published(Layer::Auto), told("published", 1, 1));
}

#[test]
fn what_a_killed_writer_left_is_passed_over() {
    let bench = Bench::new();
    let staging = bench.store.root().join(layout::staging());
    fs::write(staging.join("0123456789abcdef"), "half a blob").unwrap();
    fs::create_dir_all(staging.join("trial-x/blobs")).unwrap();
    bench.publish(Layer::Auto).unwrap();
    assert_eq!(fs::read_dir(&staging).unwrap().count(), 0);
    // A writer that was killed between manifest and entry: the number is not used again.
    let entry = bench
        .store
        .root()
        .join("channels/stable/00000000000000000001.json");
    fs::remove_file(entry).unwrap();
    assert_eq!(bench.published(Layer::Auto), told("published", 2, 1));
}

#[test]
fn a_name_that_is_taken_is_success_only_when_it_is_ours() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let publishers = bench.keys.publishers.clone();
    let channel = Channel::parse("stable").unwrap();
    let live = bench.store.read_publication(&channel, 1, &publishers);
    let live = live.unwrap().unwrap();
    // The same documents once more: the reply of the first try was lost.
    commit::manifest(&bench.store, live.manifest()).unwrap();
    commit::entry(&bench.store, live.entry()).unwrap();
    // Somebody else's for the same names.
    let publish_id = PublishId::random();
    let manifest = Manifest {
        publish_id,
        ..Manifest::clone(live.manifest())
    };
    let entry = ChannelEntry {
        publish_id,
        ..ChannelEntry::clone(live.entry())
    };
    let manifest = bench.keys.publisher.sign(manifest).unwrap();
    let entry = bench.keys.publisher.sign(entry).unwrap();
    for lost in [
        commit::manifest(&bench.store, &manifest),
        commit::entry(&bench.store, &entry),
    ] {
        assert_eq!(lost.unwrap_err().exit(), Exit::Busy);
    }
}

#[test]
fn a_generation_that_answers_wrongly_is_not_published() {
    let bench = Bench::new();
    let (registry, ledger) = (bench.centre.registry(), bench.centre.ledger());
    let means = bench.centre.means();
    let lock = bench.store.lock().unwrap();
    let index = ledger.index().unwrap();
    let order = Order {
        lock: &lock,
        registry: &registry,
        ledger: &ledger,
        index: &index,
        keys: &bench.keys,
        store: &bench.store,
        channel: &Channel::parse("stable").unwrap(),
        layer: Layer::Auto,
        first_epoch: None,
        may_leave_pointed: true,
        guards: Guards::default(),
        means: &means,
        now: bench.now,
    };
    let inputs = Inputs {
        ledger: &ledger,
        registry: &registry,
        key: &bench.keys.lookup,
    };
    let compiled = compile::compile(&inputs, &means, &bench.store).unwrap();
    // A register of other people: as if tags and rows had been mixed up.
    let other = Centre::new();
    other.accept(&ACCEPTANCE, &issues(&Population::new(300, 4)));
    let (registry, ledger) = (other.registry(), other.ledger());
    let inputs = Inputs {
        ledger: &ledger,
        registry: &registry,
        key: &bench.keys.lookup,
    };
    let mixed = compile::compile(&inputs, &means, &bench.store).unwrap();
    let publish_id = PublishId::random();
    let run = Run {
        order: &order,
        live: None,
    };
    for (written, expected) in [(&compiled, true), (&mixed, false)] {
        let manifest = run.manifest(&Plan::Ledger, written, publish_id).unwrap();
        let manifest = sign(order.keys, order.store, manifest).unwrap();
        let made = (publish_id, Vec::new());
        let publication = publication(&order, None, manifest, made).unwrap();
        let asked = run.ask(publication, &Plan::Ledger, &compiled.witnesses);
        match asked {
            Ok(asked) => assert!(expected && asked == 300),
            Err(failure) => assert!(!expected && failure.exit() == Exit::Refused, "{failure}"),
        }
    }
}

#[test]
fn keys_made_by_the_program_publish() {
    let mut bench = Bench::new();
    let folder = bench.centre.path("keys");
    keyfile::create_missing(&folder).unwrap();
    bench.keys = Keys::open(&folder).unwrap();
    assert_eq!(bench.published(Layer::Auto), told("published", 1, 1));
}
