//! Rollback, files mixed from several publications, strangers, forged and missing signatures: each
//! attempt on its own copy of a store, against a reader that serves epoch 108. Each is refused,
//! the old answer is still given, and `/readyz` says why.
//!
//! `rollback`, `documents` and `blobs` are the attempts; this file makes them.

mod blobs;
mod documents;
mod rollback;

use std::fs;
use std::path::{Path, PathBuf};

use certificate::{CertificateNumber, Date, HolderName};
use certq::log::in_one_line;
use certq::refresh::Look;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapshot::signed::Document;
use snapshot::{DocumentError, LayerKind, Manifest, Publisher, Question, Signed, look_up};

use crate::follow::Follower;
use crate::register::{Certificate, Register, VALID, ZHANG, entry};
use crate::swap::withdrawn_on;

/// Epochs 107 and 108 are published as generations 42 and 43; 109 and 44 are the attacker's.
const EPOCH: u64 = 109;
const GENERATION: u64 = 44;

/// One attempt.
struct Attempt {
    /// What is tried.
    name: &'static str,
    /// Part of what the reader says; empty when there is nothing that it would look at.
    says: &'static str,
    attack: fn(&mut Scene),
}

const fn attempt(name: &'static str, says: &'static str, attack: fn(&mut Scene)) -> Attempt {
    Attempt { name, says, attack }
}

/// A store under attack and the reader that follows it.
struct Scene {
    register: Register,
    follower: Follower,
}

/// Any JSON under the label of channel entries, so that what no builder writes can be signed.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct AnyEntry(Value);

/// The same for manifests.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct AnyManifest(Value);

impl Document for AnyEntry {
    const LABEL: &'static str = snapshot::ChannelEntry::LABEL;

    fn check(&self) -> Result<(), DocumentError> {
        Ok(())
    }
}

impl Document for AnyManifest {
    const LABEL: &'static str = Manifest::LABEL;

    fn check(&self) -> Result<(), DocumentError> {
        Ok(())
    }
}

/// What the attacker would like to have published: one certificate less, another day.
fn wanted() -> Vec<Certificate> {
    let mut certificates = withdrawn_on(2);
    certificates.pop();
    certificates
}

fn stranger() -> Publisher {
    Publisher::new(&[7; 32])
}

fn text<T>(signed: &Signed<T>) -> String {
    String::from_utf8(signed.bytes().to_vec()).unwrap()
}

impl Scene {
    fn new(template: &Register) -> Self {
        let register = template.copy();
        let mut follower = Follower::new(&register);
        follower.look(0).unwrap();
        assert_eq!(follower.epoch(), 108);
        Self { register, follower }
    }

    fn entry_path(&self, epoch: u64) -> PathBuf {
        let below = format!("store/channels/stable/{epoch:020}.json");
        self.register.path(&below)
    }

    fn manifest_path(&self, generation: u64) -> PathBuf {
        let below = format!("store/manifests/{generation:020}.json");
        self.register.path(&below)
    }

    fn plant_entry(&self, bytes: impl AsRef<[u8]>) {
        replace(&self.entry_path(EPOCH), bytes);
    }

    fn plant_manifest(&self, bytes: impl AsRef<[u8]>) {
        replace(&self.manifest_path(GENERATION), bytes);
    }

    /// A good manifest for the wanted generation, with its blobs in the store.
    fn manifest(&self) -> Manifest {
        let fresh = self.register.layer(LayerKind::Fresh, &wanted()[..2]);
        let base = self.register.layer(LayerKind::Base, &wanted());
        self.register
            .manifest_of(GENERATION, vec![fresh, base], &wanted())
    }

    /// A good entry, not yet in the store, and its manifest, which is.
    fn good(&self) -> Signed<AnyEntry> {
        let manifest = self.register.publisher.sign(self.manifest()).unwrap();
        self.plant_manifest(manifest.bytes());
        let entry = serde_json::to_value(entry(EPOCH, &manifest)).unwrap();
        self.register.publisher.sign(AnyEntry(entry)).unwrap()
    }

    /// A good entry with its text changed after it was signed.
    fn mangle_entry(&self, mangle: impl FnOnce(String) -> String) {
        self.plant_entry(mangle(text(&self.good())));
    }

    /// A good entry with this field changed before it was signed, by the right key.
    fn forge_entry(&self, field: &str, value: impl Into<Value>) {
        let mut entry =
            serde_json::from_str::<Value>(&text(&self.good())).unwrap()["signed"].take();
        entry[field] = value.into();
        let signed = self.register.publisher.sign(AnyEntry(entry)).unwrap();
        self.plant_entry(signed.bytes());
    }

    /// A good manifest with its text changed after it was signed; the entry stays.
    fn mangle_manifest(&self, mangle: impl FnOnce(String) -> String) {
        let entry = self.good();
        self.plant_entry(entry.bytes());
        let path = self.manifest_path(GENERATION);
        let text = fs::read_to_string(&path).unwrap();
        replace(&path, mangle(text));
    }

    /// A manifest changed before it was signed by the right key, and an entry that names it.
    fn forge_manifest(&self, forge: impl FnOnce(&mut Value)) {
        let mut manifest = serde_json::to_value(self.manifest()).unwrap();
        forge(&mut manifest);
        let manifest = self.register.publisher.sign(AnyManifest(manifest)).unwrap();
        let digest = manifest.digest().to_string();
        self.forge_entry("manifest", digest);
        self.plant_manifest(manifest.bytes());
    }

    /// Makes the attempt, and says what went wrong with it; nothing when it was refused.
    fn complaint(&mut self, attempt: &Attempt) -> Option<String> {
        (attempt.attack)(self);
        // The second look is a listing, the third comes while what was refused rests.
        let said = [1, 61, 61].map(|seconds| match self.follower.look(seconds) {
            Ok(Look::UpToDate) => String::new(),
            Ok(Look::Waiting) => "waiting".to_owned(),
            Err(error) => in_one_line(&error),
        });
        let readiness = self.follower.readiness();
        let heard = match attempt.says {
            "" => said.iter().all(String::is_empty),
            says => said.iter().any(|it| it.contains(says)) && readiness.contains(says),
        };
        let answer = self.answer();
        let kept = self.follower.epoch() == 108 && answer == Some(Date::constant(2026, 9, 1));
        let live = readiness.starts_with("ready: epoch 108, generation 43\n");
        (!heard || !kept || !live)
            .then(|| format!("{}: {said:?}, {answer:?}, {readiness}", attempt.name))
    }

    /// Since when the certificate that epoch 108 withdrew is withdrawn.
    fn answer(&self) -> Option<Date> {
        let current = self.follower.live.current();
        let number = CertificateNumber::parse(VALID).unwrap();
        let name = HolderName::parse(ZHANG).unwrap();
        let question = Question::new(Some(number), Some(name), None).unwrap();
        let found = look_up(&current.as_ref().unwrap().snapshot, &question).unwrap();
        found.first()?.row.status_on
    }
}

/// Puts a new file in the place of another one.
fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

/// Makes each attempt on a store of its own.
fn attack(attempts: &[Attempt]) {
    let template = Register::published();
    template.publish(108, &withdrawn_on(1));
    let complaints: Vec<String> = attempts
        .iter()
        .filter_map(|attempt| Scene::new(&template).complaint(attempt))
        .collect();
    println!(
        "{} attempts, {} not refused",
        attempts.len(),
        complaints.len()
    );
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn what_the_attacks_are_made_of_is_taken_when_it_is_left_alone() {
    let template = Register::published();
    template.publish(108, &withdrawn_on(1));
    let mut scene = Scene::new(&template);
    scene.plant_entry(scene.good().bytes());
    scene.follower.look(1).unwrap();
    assert_eq!(scene.follower.epoch(), EPOCH);
    assert_eq!(scene.answer(), Some(Date::constant(2026, 9, 2)));

    let mut scene = Scene::new(&template);
    scene.forge_manifest(|_| {});
    scene.follower.look(1).unwrap();
    assert_eq!(scene.follower.epoch(), EPOCH);
}

#[test]
fn the_channel_is_not_rolled_back() {
    attack(rollback::ATTEMPTS);
}

#[test]
fn forged_and_foreign_entries_are_refused() {
    attack(documents::ENTRIES);
}

#[test]
fn forged_and_foreign_manifests_are_refused() {
    attack(documents::MANIFESTS);
}

#[test]
fn mixed_and_damaged_blobs_are_refused() {
    attack(blobs::ATTEMPTS);
}

#[test]
fn there_are_many_attempts_and_no_two_are_called_the_same() {
    let groups = [
        rollback::ATTEMPTS,
        documents::ENTRIES,
        documents::MANIFESTS,
        blobs::ATTEMPTS,
    ];
    let names: Vec<&str> = groups.iter().copied().flatten().map(|it| it.name).collect();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    println!("{} distinct attempts", distinct.len());
    assert_eq!(distinct.len(), names.len());
    assert!(distinct.len() >= 50);
}
