//! The seeds of the fuzz targets, replayed, each with some hundred small changes that a seed
//! chooses: what the fuzzer would try first, without the fuzzer.

#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub, reason = "a library to the fuzzer")]
#[path = "../../../fuzz/src/targets.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};

/// Changes tried on each seed; files are made for some, so they get fewer.
const CHANGES: [(&str, u64); 8] = [
    ("manifest", 300),
    ("entry", 300),
    ("texts", 2_000),
    ("layer", 100),
    ("row", 2_000),
    ("csv", 200),
    ("xlsx", 200),
    ("words", 2_000),
];

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fuzz_folder().join("seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder:?} is empty");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Seeded, small (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }

    /// One to three small changes: a bit, a byte, a cut, a run that is doubled or left out.
    fn change(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = (at + self.below(16)).min(bytes.len());
            match (self.below(6), bytes.get_mut(at)) {
                (0 | 1, Some(byte)) => *byte ^= 1 << self.below(8),
                (2, Some(byte)) => *byte = u8::try_from(self.below(256)).unwrap(),
                (3, _) => bytes.truncate(at),
                (4, _) => drop(bytes.drain(at..end)),
                _ => bytes = [&bytes[..end], &bytes[at..]].concat(),
            }
        }
        bytes
    }
}

fn replay(name: &str) {
    let (_, target): (&str, Target) = *TARGETS.iter().find(|(it, _)| *it == name).unwrap();
    let (_, changes) = CHANGES.iter().find(|(it, _)| *it == name).unwrap();
    let mut random = Random(1);
    for seed in seeds(name) {
        target(&seed);
        for _ in 0..*changes {
            target(&random.change(&seed));
        }
    }
    target(b"");
}

#[test]
fn manifests_and_entries() {
    replay("manifest");
    replay("entry");
}

#[test]
fn texts_rows_and_words() {
    replay("texts");
    replay("row");
    replay("words");
}

#[test]
fn layers() {
    replay("layer");
}

#[test]
fn delivered_files() {
    replay("csv");
    replay("xlsx");
}

#[test]
fn every_target_has_seeds_a_binary_and_a_replay() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let below = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz_folder().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(below("seeds"), names);
    assert_eq!(below("targets"), names);
    let changed: BTreeSet<String> = CHANGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(changed, names);
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(
            manifest.contains(&format!("path = \"targets/{name}.rs\"")),
            "{name}"
        );
    }
}

/// The seeds are taken, so that the fuzzer begins behind the first check.
#[test]
fn seeds_are_good() {
    for seed in seeds("texts") {
        snapshot::Texts::parse(&seed).unwrap();
    }
    for seed in seeds("words") {
        std::str::from_utf8(&seed).unwrap();
    }
}
