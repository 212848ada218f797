//! Garbage: what stays is what the rules say, whole; what goes leaves no trace; and whatever does
//! not fit together keeps everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use snapshot::{
    BlobRef, Channel, ChannelEntry, Digest, Garbage, LayerKind, Manifest, Origin, Outcome, Pointed,
    Status, StoreError, layout, verify,
};

use crate::world::{World, assert_all_found, published_files, stable};

/// A generation of a history, in random choices.
#[derive(Clone, Debug)]
struct Step {
    /// Certificates of its layer; two generations with as many share their blobs.
    certificates: usize,
    /// Which channel makes it live; none: its writer was killed.
    channel: Option<bool>,
    /// Whether its base is that of the generation before.
    continues: bool,
    /// Whether it is put together from older ones, chosen by these.
    pointed: Option<(usize, usize)>,
    /// Whether the channel is told again that it is live.
    is_renewed: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let channel = prop_oneof![4 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    let pointed = prop_oneof![3 => Just(None), 1 => (0..9_usize, 0..9_usize).prop_map(Some)];
    (1..6_usize, channel, any::<bool>(), pointed, any::<bool>()).prop_map(
        |(certificates, channel, continues, pointed, is_renewed)| Step {
            certificates,
            channel,
            continues,
            pointed,
            is_renewed,
        },
    )
}

/// A store with a history, and what the test knows of it without asking the store.
struct History {
    world: World,
    manifests: BTreeMap<u64, Manifest>,
    /// The generation of each entry, by channel.
    entries: [Vec<u64>; 2],
}

impl History {
    fn new(steps: &[Step]) -> Self {
        let mut history = Self {
            world: World::new(6),
            manifests: BTreeMap::new(),
            entries: [Vec::new(), Vec::new()],
        };
        for (generation, step) in (1..).zip(steps) {
            history.write(generation, step);
        }
        history
    }

    fn write(&mut self, generation: u64, step: &Step) {
        let world = &self.world;
        let layer = world.layer(LayerKind::Base, &world.certificates[..step.certificates]);
        let mut manifest = world.manifest(generation, vec![layer], step.certificates);
        let held = world.certificates[..step.certificates].iter();
        let withdrawn = held.filter(|it| it.row.status == Status::Withdrawn);
        manifest.counts.withdrawn = withdrawn.count() as u64;
        let before = |back: usize| generation.saturating_sub(1 + back as u64);
        if step.continues && generation > 1 {
            let origin = self.manifests[&(generation - 1)].base;
            manifest.base = Some(origin.unwrap_or(Origin {
                generation: generation - 1,
                created_at: manifest.created_at,
            }));
        }
        if let Some((rows, states)) = step.pointed {
            let chosen = (before(rows), before(states));
            manifest.pointed = (chosen.0 > 0 && chosen.1 > 0).then_some(Pointed {
                rows_of: chosen.0,
                states_of: chosen.1,
            });
        }
        let signed = world.publisher.sign(manifest.clone()).unwrap();
        assert_eq!(
            world.store.create_manifest(&signed).unwrap(),
            Outcome::Created
        );
        self.manifests.insert(generation, manifest);
        let Some(is_stable) = step.channel else {
            return;
        };
        for _ in 0..=u32::from(step.is_renewed) {
            let entries = &mut self.entries[usize::from(!is_stable)];
            entries.push(generation);
            let entry = self.world.publisher.sign(ChannelEntry {
                channel: match is_stable {
                    true => stable(),
                    false => Channel::parse("trial").unwrap(),
                },
                ..self.world.entry(entries.len() as u64, &signed)
            });
            let made = self.world.store.create_channel_entry(&entry.unwrap());
            assert_eq!(made.unwrap(), Outcome::Created);
        }
    }

    /// What has to stay, by the letter of the rules.
    fn expected(&self, keep: usize) -> BTreeSet<u64> {
        let published: BTreeSet<u64> = self.entries.iter().flatten().copied().collect();
        let mut stays: BTreeSet<u64> = published.iter().rev().take(keep).copied().collect();
        for entries in &self.entries {
            // What is live, and what was live before it, however often that was renewed.
            let newest = entries.last();
            stays.extend(newest);
            stays.extend(entries.iter().rev().find(|it| Some(*it) != newest));
        }
        loop {
            let more: BTreeSet<u64> = stays
                .iter()
                .flat_map(|generation| {
                    let manifest = &self.manifests[generation];
                    let pointed = manifest.pointed.map(|it| [it.rows_of, it.states_of]);
                    let base = manifest.base.map(|it| it.generation);
                    pointed.into_iter().flatten().chain(base)
                })
                .filter(|generation| !stays.contains(generation))
                .collect();
            if more.is_empty() {
                return stays;
            }
            stays.extend(more);
        }
    }

    fn mark(&self, keep: usize) -> Garbage {
        let lock = self.world.store.lock().unwrap();
        self.world.store.garbage(keep, &lock).unwrap()
    }

    fn sweep(&self, garbage: &Garbage) {
        let lock = self.world.store.lock().unwrap();
        self.world.store.sweep(garbage, &lock).unwrap();
    }

    /// Everything that these generations consist of is there, every byte of it.
    fn assert_whole(&self, generations: &BTreeSet<u64>) {
        for generation in generations {
            let read = self
                .world
                .store
                .read_manifest(*generation, &self.world.publishers());
            let manifest = read.unwrap().unwrap();
            verify::generation(&self.world.store, &manifest, &mut |_| {}).unwrap();
        }
    }

    /// The blobs that are there are those of these generations.
    fn assert_nothing_else(&self, generations: &BTreeSet<u64>) {
        let named = generations.iter().flat_map(|it| self.manifests[it].blobs());
        let named: BTreeSet<PathBuf> = named
            .map(|blob| self.world.store.blob_path(&blob))
            .collect();
        let blobs = self.world.path("store/blobs");
        let files = published_files(&self.world.store).into_iter();
        let there: BTreeSet<PathBuf> = files.filter(|path| path.starts_with(&blobs)).collect();
        assert_eq!(there, named);
        let manifests = self.world.store.generations().unwrap();
        assert!(manifests.iter().eq(generations));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_stays_is_what_the_rules_say(
        steps in prop::collection::vec(step(), 1..10),
        keep in 1..5_usize,
    ) {
        let history = History::new(&steps);
        let expected = history.expected(keep);
        let garbage = history.mark(keep);
        let all: BTreeSet<u64> = history.manifests.keys().copied().collect();
        prop_assert_eq!(garbage.retained.iter().copied().collect::<BTreeSet<_>>(), expected.clone());
        history.assert_whole(&all);
        history.sweep(&garbage);
        history.assert_whole(&expected);
        history.assert_nothing_else(&expected);
        let again = history.mark(keep);
        prop_assert_eq!((again.generations.len(), again.blobs.len(), again.bytes), (0, 0, 0));
        prop_assert!(again.retained.iter().eq(&expected));
        // To keep more later asks for nothing that is gone.
        history.sweep(&history.mark(99));
        history.assert_whole(&expected);
    }
}

/// Five generations of 2 to 6 certificates, each live once; the last one is whole.
fn five() -> History {
    let steps = (2..=6).map(|certificates| Step {
        certificates,
        channel: Some(true),
        continues: false,
        pointed: None,
        is_renewed: false,
    });
    History::new(&steps.collect::<Vec<_>>())
}

#[test]
fn killed_between_any_two_files_it_leaves_what_the_next_one_finds() {
    let files = |garbage: &Garbage| -> Vec<PathBuf> {
        let manifests = garbage.generations.iter().map(|it| layout::manifest(*it));
        let others = garbage.blobs.iter().chain(&garbage.staged);
        manifests
            .chain(others.map(|waste| waste.path.clone()))
            .collect()
    };
    let count = files(&five().mark(1)).len();
    // Three manifests with three blobs each; the texts are those of all.
    assert_eq!(count, 3 + 3 * 3);
    for killed_after in 0..count {
        let history = five();
        let garbage = history.mark(1);
        for path in files(&garbage).iter().take(killed_after) {
            fs::remove_file(history.world.store.root().join(path)).unwrap();
        }
        let stays = BTreeSet::from([4, 5]);
        history.assert_whole(&stays);
        for generation in history.world.store.generations().unwrap() {
            history.assert_whole(&BTreeSet::from([generation]));
        }
        let rest = history.mark(1);
        assert_eq!(files(&rest), files(&garbage)[killed_after..]);
        history.sweep(&rest);
        history.assert_whole(&stays);
        history.assert_nothing_else(&stays);
    }
}

#[test]
fn a_reader_that_was_away_takes_the_newest() {
    let history = five();
    let world = &history.world;
    let cache = world.cache();
    let before = world.open(&cache, 2).unwrap();
    history.sweep(&history.mark(1));
    let snapshot = world.open(&cache, 5).unwrap();
    assert_all_found(&snapshot, &world.certificates[..6]);
    // What it had mapped it still answers from.
    assert_all_found(&before, &world.certificates[..3]);
    // The entry says which generation it was; that one cannot be opened any more.
    let swept = world
        .store
        .read_publication(&stable(), 2, &world.publishers());
    assert!(matches!(swept, Err(StoreError::File(error)) if error.is_not_found()));
}

#[test]
fn what_is_not_ours_stays() {
    let history = five();
    let root = history.world.store.root();
    let digest = "ab".repeat(32);
    let foreign = [
        "blobs/README".to_owned(),
        "blobs/sha256/notes".to_owned(),
        // A digest in another's folder, and a name that is none.
        format!("blobs/sha256/cd/{digest}"),
        "blobs/sha256/cd/cd".to_owned(),
        "manifests/README".to_owned(),
        "channels/README".to_owned(),
    ];
    for path in &foreign {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), "x").unwrap();
    }
    fs::create_dir_all(root.join("blobs/sha256/ab")).unwrap();
    let orphan = format!("blobs/sha256/ab/{digest}");
    fs::write(root.join(&orphan), "12345").unwrap();
    fs::write(root.join("staging/0123"), "123").unwrap();
    fs::create_dir_all(root.join("staging/trial-x/blobs")).unwrap();
    let garbage = history.mark(10);
    assert_eq!(garbage.generations, [] as [u64; 0]);
    assert_eq!(
        (garbage.blobs.len(), garbage.staged.len(), garbage.bytes),
        (1, 2, 8)
    );
    assert_eq!(garbage.blobs[0].path, Path::new(&orphan));
    history.sweep(&garbage);
    assert!(!root.join(&orphan).exists());
    assert!(fs::read_dir(root.join("staging")).unwrap().next().is_none());
    for path in foreign {
        assert!(root.join(&path).exists(), "{path}");
    }
}

#[test]
fn whatever_does_not_fit_together_ends_it() {
    let manifest = |generation| layout::manifest(generation);
    let entry = |epoch| layout::channel_entry(&stable(), epoch);
    let history = five();
    let root = history.world.store.root();
    let refused = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let whole = fs::read(root.join(path)).unwrap();
        let mut changed = whole.clone();
        change(&mut changed);
        assert_ne!(changed, whole);
        fs::write(root.join(path), changed).unwrap();
        let lock = history.world.store.lock().unwrap();
        let marked = history.world.store.garbage(1, &lock);
        assert!(
            matches!(marked, Err(StoreError::Document { .. })),
            "{path:?}: {marked:?}"
        );
        fs::write(root.join(path), whole).unwrap();
    };
    for path in [manifest(1), manifest(5), entry(1), entry(5)] {
        refused(&path, &|bytes| bytes.truncate(bytes.len() / 2));
        refused(&path, &Vec::clear);
    }
    // Every digit of a digest: the one that would be retained instead is nobody's.
    for generation in [1, 4, 5] {
        let texts = history.manifests[&generation].texts.sha256.to_string();
        refused(&manifest(generation), &|bytes| flip_digit(bytes, &texts));
    }
    for epoch in [1, 4, 5] {
        let bytes = fs::read(root.join(manifest(epoch))).unwrap();
        let digest = Digest::of(&bytes).to_string();
        refused(&entry(epoch), &|bytes| flip_digit(bytes, &digest));
    }
    // An entry that names another generation, which was swept, or one that is there.
    for other in ["\"generation\":9", "\"generation\":2"] {
        refused(&entry(4), &|bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.replace("\"generation\":4", other).into_bytes();
        });
    }
    history.assert_whole(&history.manifests.keys().copied().collect());
}

/// Changes the last digit of a digest in a document.
fn flip_digit(bytes: &mut Vec<u8>, digest: &str) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    let last = if digest.ends_with('0') { "1" } else { "0" };
    let other = format!("{}{last}", &digest[..digest.len() - 1]);
    *bytes = text.replace(digest, &other).into_bytes();
}

#[test]
fn a_generation_that_is_needed_and_missing_ends_it() {
    // What is live, the base of what is live, and what it was pointed from.
    let steps = |continues, pointed| {
        [(2, false, None), (3, continues, pointed)].map(|(certificates, continues, pointed)| Step {
            certificates,
            channel: Some(true),
            continues,
            pointed,
            is_renewed: true,
        })
    };
    for (steps, missing) in [
        (steps(false, None), 2),
        (steps(true, None), 1),
        (steps(false, Some((0, 0))), 1),
    ] {
        let history = History::new(&steps);
        let root = history.world.store.root();
        fs::remove_file(root.join(layout::manifest(missing))).unwrap();
        let before = published_files(&history.world.store);
        let lock = history.world.store.lock().unwrap();
        let error = history.world.store.garbage(1, &lock).unwrap_err();
        assert!(matches!(&error, StoreError::Needed { .. }), "{error}");
        let name = layout::manifest(missing).display().to_string();
        assert!(error.to_string().contains(&name), "{error}");
        assert_eq!(published_files(&history.world.store), before);
    }
    // Nobody needs it: swept before, by somebody who kept fewer.
    let history = History::new(&steps(false, None));
    fs::remove_file(history.world.store.root().join(layout::manifest(1))).unwrap();
    let garbage = history.mark(5);
    assert_eq!(garbage.retained, [2]);
    let swept: BTreeSet<Digest> = history.manifests[&1].blobs().map(|it| it.sha256).collect();
    let kept: BTreeSet<Digest> = history.manifests[&2].blobs().map(|it| it.sha256).collect();
    let expected = swept.difference(&kept).count();
    assert_eq!(garbage.blobs.len(), expected);
    let path = |blob: BlobRef| layout::blob(&blob.sha256);
    let goes: BTreeSet<PathBuf> = garbage.blobs.into_iter().map(|waste| waste.path).collect();
    assert!(
        history.manifests[&2]
            .blobs()
            .all(|blob| !goes.contains(&path(blob)))
    );
}
