//! Attempts to bring back an older state of the register, or another history of it.

use std::fs;

use jiff::SignedDuration;
use serde_json::json;

use super::{Attempt, EPOCH, GENERATION, Scene, attempt, replace, text};
use crate::register::entry;

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

const WENT_BACK: &str = "the channel went back to epoch 107 after epoch 108 was served";

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("the live entry is removed", WENT_BACK, |it| it.go_back()),
    attempt("the channel is emptied", "publish a generation", |it| {
        it.go_back();
        fs::remove_file(it.entry_path(107)).unwrap();
    }),
    attempt("the channel is removed", "publish a generation", |it| {
        fs::remove_dir_all(it.register.path("store/channels/stable")).unwrap();
    }),
    attempt("an older copy of the whole store", WENT_BACK, |it| {
        it.go_back();
        fs::remove_file(it.manifest_path(43)).unwrap();
    }),
    attempt("the old entry in the place of the live one", "", |it| {
        replace(&it.entry_path(108), it.entry(107));
    }),
    attempt("another entry for the live epoch", "", |it| {
        let forked = it.entry(107).replace("\"epoch\":107", "\"epoch\":108");
        replace(&it.entry_path(108), forked);
    }),
    attempt("an older epoch is added", "", |it| {
        fs::copy(it.entry_path(107), it.entry_path(50)).unwrap();
    }),
    attempt(
        "the old entry under the next name",
        "is of epoch 107, not 109",
        |it| {
            it.plant_entry(it.entry(107));
        },
    ),
    attempt(
        "the live entry under the next name",
        "is of epoch 108, not 109",
        |it| {
            it.plant_entry(it.entry(108));
        },
    ),
    attempt(
        "the old entry far ahead",
        "is of epoch 107, not 5000",
        |it| {
            fs::copy(it.entry_path(107), it.entry_path(5_000)).unwrap();
        },
    ),
    attempt(
        "the old entry at the end of time",
        "is of epoch 107",
        |it| {
            fs::copy(it.entry_path(107), it.entry_path(u64::MAX)).unwrap();
        },
    ),
    attempt(
        "the state is removed, and the channel goes back",
        WENT_BACK,
        |it| {
            fs::remove_file(it.state()).unwrap();
            it.go_back();
        },
    ),
    attempt(
        "the state is damaged, and the channel goes back",
        WENT_BACK,
        |it| {
            replace(&it.state(), "{\"format\":1}");
            it.go_back();
        },
    ),
    attempt("the state is that of another channel", WENT_BACK, |it| {
        let state = fs::read_to_string(it.state()).unwrap();
        replace(&it.state(), state.replace("stable", "test"));
        it.go_back();
    }),
    attempt("the state folder is removed", WENT_BACK, |it| {
        fs::remove_dir_all(it.state().parent().unwrap()).unwrap();
        it.go_back();
    }),
    attempt("the clock is put back a year", WENT_BACK, |it| {
        it.follower.time -= YEAR;
        it.go_back();
    }),
    attempt("the clock is put forward a year", WENT_BACK, |it| {
        it.follower.time += YEAR;
        it.go_back();
    }),
    attempt(
        "the old manifest under the next name",
        "is of generation 43, not 44",
        |it| {
            it.plant_entry(it.good().bytes());
            fs::copy(it.manifest_path(43), it.manifest_path(GENERATION)).unwrap();
        },
    ),
    attempt(
        "an entry for the old manifest under the next name",
        "is of generation 43",
        |it| {
            let old = fs::read(it.manifest_path(43)).unwrap();
            it.forge_entry("manifest", snapshot::Digest::of(&old).to_string());
            it.plant_manifest(old);
        },
    ),
    attempt(
        "the old manifest in the place of the live one",
        "is of generation 42, not 43",
        |it| {
            it.forge_entry("generation", 43);
            fs::copy(it.manifest_path(42), it.manifest_path(43)).unwrap();
        },
    ),
    attempt(
        "the next entry names an older manifest",
        "the channel entry names",
        |it| {
            it.forge_entry("generation", 42);
        },
    ),
    attempt(
        "another build of the generation",
        "the channel entry names",
        |it| {
            it.plant_entry(it.good().bytes());
            let mut other = it.manifest();
            other.publish_id = snapshot::PublishId::random();
            let other = it.register.publisher.sign(other).unwrap();
            it.plant_manifest(other.bytes());
        },
    ),
    attempt(
        "a generation that nobody has",
        "00000000000000000099.json",
        |it| {
            it.forge_entry("generation", 99);
        },
    ),
    attempt(
        "the next entry of another channel",
        "is of channel test, not stable",
        |it| {
            it.forge_entry("channel", "test");
        },
    ),
    attempt(
        "another channel in the place of ours",
        "is of channel test",
        |it| {
            let manifest = it.register.publisher.sign(it.manifest()).unwrap();
            it.plant_manifest(manifest.bytes());
            let mut theirs = entry(200, &manifest);
            theirs.channel = snapshot::Channel::parse("test").unwrap();
            let theirs = it.register.publisher.sign(theirs).unwrap();
            fs::remove_dir_all(it.register.path("store/channels/stable")).unwrap();
            fs::create_dir(it.register.path("store/channels/stable")).unwrap();
            replace(&it.entry_path(200), text(&theirs));
        },
    ),
    attempt("an epoch that is no number", "cannot be parsed", |it| {
        it.forge_entry("epoch", json!("109"));
    }),
    attempt("an epoch below zero", "cannot be parsed", |it| {
        it.forge_entry("epoch", json!(-1));
    }),
    attempt(
        "the epoch after the next under its name",
        "is of epoch 110, not 109",
        |it| {
            it.forge_entry("epoch", EPOCH + 1);
        },
    ),
];

impl Scene {
    /// Takes the live entry away.
    fn go_back(&self) {
        fs::remove_file(self.entry_path(108)).unwrap();
    }

    fn entry(&self, epoch: u64) -> String {
        fs::read_to_string(self.entry_path(epoch)).unwrap()
    }

    /// What the reader remembers.
    fn state(&self) -> std::path::PathBuf {
        self.register.path("cache/state/stable.json")
    }
}
