//! Attempts with channel entries and manifests that nobody signed, that somebody else signed, or
//! that say what no builder says.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use snapshot::layout;

use super::{
    AnyEntry, AnyManifest, Attempt, EPOCH, GENERATION, Scene, attempt, replace, stranger, text,
};

const UNFIT: &str = "does not fit the document";
const UNPARSED: &str = "the document cannot be parsed";
const OUTSIDE: &str = "bytes outside what was signed";
const UNKNOWN: &str = "signed by the unknown publisher";

pub(super) const ENTRIES: &[Attempt] = &[
    attempt("an entry without a signature", UNPARSED, |it| {
        it.mangle_entry(|text| parts(&text).0 + "}\n");
    }),
    attempt("an entry with an empty signature", UNFIT, |it| {
        it.mangle_entry(|text| text.replace(signature(&text), ""));
    }),
    attempt("an entry with a signature of zeros", UNFIT, |it| {
        it.mangle_entry(|text| text.replace(signature(&text), &"0".repeat(128)));
    }),
    attempt("an entry with half a signature", UNFIT, |it| {
        it.mangle_entry(|text| text.replace(signature(&text), &signature(&text)[..64]));
    }),
    attempt("an entry with a signature one digit short", UNFIT, |it| {
        it.mangle_entry(|text| text.replace(signature(&text), &signature(&text)[..127]));
    }),
    attempt("an entry with its signature in capitals", UNFIT, |it| {
        it.mangle_entry(|text| text.replace(signature(&text), &signature(&text).to_uppercase()));
    }),
    attempt("an entry with the signature of another one", UNFIT, |it| {
        let other = fs::read_to_string(it.entry_path(108)).unwrap();
        it.mangle_entry(|text| parts(&text).0 + &parts(&other).1);
    }),
    attempt("an entry with the signature of a manifest", UNFIT, |it| {
        let signed =
            it.resign(|value| text(&it.register.publisher.sign(AnyManifest(value)).unwrap()));
        it.plant_entry(signed);
    }),
    attempt("an entry signed by a stranger", UNKNOWN, |it| {
        let signed = it.resign(|value| text(&stranger().sign(AnyEntry(value)).unwrap()));
        it.plant_entry(signed);
    }),
    attempt(
        "an entry signed by a stranger under our name",
        UNFIT,
        |it| {
            let ours = it.register.publisher.public().id().to_owned();
            let signed = it.resign(|value| text(&stranger().sign(AnyEntry(value)).unwrap()));
            it.plant_entry(signed.replace(stranger().public().id(), &ours));
        },
    ),
    attempt("our entry under a stranger's name", UNKNOWN, |it| {
        let ours = it.register.publisher.public().id().to_owned();
        it.mangle_entry(|text| text.replace(&ours, stranger().public().id()));
    }),
    attempt("an entry with a space", OUTSIDE, |it| {
        it.mangle_entry(|text| text.replacen("{\"signed\":", "{ \"signed\":", 1));
    }),
    attempt("an entry with a byte after it", OUTSIDE, |it| {
        it.mangle_entry(|text| text + "\n");
    }),
    attempt("an entry without its line feed", OUTSIDE, |it| {
        it.mangle_entry(|text| text.trim_end().to_owned());
    }),
    attempt("an entry with a field outside", UNPARSED, |it| {
        it.mangle_entry(|text| text.replacen("{\"signed\":", "{\"epoch\":110,\"signed\":", 1));
    }),
    attempt("an entry that is signed twice over", UNPARSED, |it| {
        it.mangle_entry(|text| text.replacen("{\"signed\":", "{\"signed\":{},\"signed\":", 1));
    }),
    attempt("half an entry", UNPARSED, |it| {
        it.mangle_entry(|text| text[..text.len() / 2].to_owned());
    }),
    attempt("an empty entry", UNPARSED, |it| it.plant_entry("")),
    attempt("an entry that is an empty object", UNPARSED, |it| {
        it.plant_entry("{}")
    }),
    attempt("an entry of NUL bytes", UNPARSED, |it| {
        it.plant_entry([0; 4096])
    }),
    attempt(
        "an entry without end",
        "has more than 16777216 bytes",
        |it| {
            it.plant_entry(vec![b' '; (16 << 20) + 1]);
        },
    ),
    attempt("a manifest as an entry", UNFIT, |it| {
        it.plant_entry(fs::read(it.manifest_path(43)).unwrap());
    }),
    attempt("an entry with its epoch changed", UNFIT, |it| {
        let live = fs::read_to_string(it.entry_path(108)).unwrap();
        it.plant_entry(live.replace("\"epoch\":108", "\"epoch\":109"));
    }),
    attempt("an entry with its generation changed", UNFIT, |it| {
        it.mangle_entry(|text| text.replace("\"generation\":44", "\"generation\":42"));
    }),
    attempt("an entry with its day changed", UNFIT, |it| {
        it.mangle_entry(|text| text.replace("2026-11-24", "2026-11-25"));
    }),
    attempt("an entry with its reason changed", UNFIT, |it| {
        it.mangle_entry(|text| text.replace("\"publish\"", "\"point\""));
    }),
    attempt("an entry with its channel changed", UNFIT, |it| {
        it.mangle_entry(|text| text.replace("\"stable\"", "\"test\""));
    }),
    attempt("an entry of the next format", "has format 2", |it| {
        it.forge_entry("format", layout::FORMAT + 1);
    }),
    attempt("an entry of format 0", "has format 0", |it| {
        it.forge_entry("format", 0)
    }),
    attempt("an entry without a time", UNPARSED, |it| {
        it.forge_entry("published_at", Value::Null);
    }),
    attempt("a directory as an entry", "is not a regular file", |it| {
        fs::create_dir(it.entry_path(EPOCH)).unwrap();
    }),
    attempt("a link to an entry", "is not a regular file", |it| {
        let entry = it.good();
        let elsewhere = it.register.path("elsewhere");
        replace(&elsewhere, entry.bytes());
        symlink(elsewhere, it.entry_path(EPOCH)).unwrap();
    }),
    attempt("a pipe as an entry", "is not a regular file", |it| {
        let made = std::process::Command::new("mkfifo")
            .arg(it.entry_path(EPOCH))
            .status();
        assert!(made.unwrap().success());
    }),
];

pub(super) const MANIFESTS: &[Attempt] = &[
    attempt("a manifest signed by a stranger", UNKNOWN, |it| {
        let manifest = stranger().sign(it.manifest()).unwrap();
        it.forge_entry("manifest", manifest.digest().to_string());
        it.plant_manifest(manifest.bytes());
    }),
    attempt("a manifest without a signature", UNPARSED, |it| {
        it.mangle_manifest(|text| parts(&text).0 + "}\n");
    }),
    attempt(
        "a manifest with the signature of the old one",
        UNFIT,
        |it| {
            let old = fs::read_to_string(it.manifest_path(43)).unwrap();
            it.mangle_manifest(|text| parts(&text).0 + &parts(&old).1);
        },
    ),
    attempt("a manifest with its counts changed", UNFIT, |it| {
        it.mangle_manifest(|text| text.replace("\"withdrawn\":2", "\"withdrawn\":0"));
    }),
    attempt("half a manifest", UNPARSED, |it| {
        it.mangle_manifest(|text| text[..text.len() / 2].to_owned());
    }),
    attempt("an empty manifest", UNPARSED, |it| {
        it.mangle_manifest(|_| String::new())
    }),
    attempt("a missing manifest", "cannot open", |it| {
        it.plant_entry(it.good().bytes());
        fs::remove_file(it.manifest_path(GENERATION)).unwrap();
    }),
    attempt("an entry as a manifest", UNFIT, |it| {
        let entry = fs::read(it.entry_path(108)).unwrap();
        it.forge_entry("manifest", snapshot::Digest::of(&entry).to_string());
        it.plant_manifest(entry);
    }),
    attempt("a manifest of the next format", "has format 2", |it| {
        it.forge_manifest(|manifest| manifest["format"] = json!(2));
    }),
    attempt(
        "a manifest of other text rules",
        "was built with normalisation 99",
        |it| {
            it.forge_manifest(|manifest| manifest["normalisation"] = json!(99));
        },
    ),
    attempt(
        "a manifest of another generation",
        "is of generation 45, not 44",
        |it| {
            it.forge_manifest(|manifest| manifest["generation"] = json!(45));
        },
    ),
    attempt("a manifest without layers", "0 layers", |it| {
        it.forge_manifest(|manifest| manifest["layers"] = json!([]));
    }),
    attempt("a manifest with a fresh layer alone", "1 layers", |it| {
        it.forge_manifest(|manifest| drop(layers(manifest).pop()));
    }),
    attempt("a manifest with its layers swapped", "2 layers", |it| {
        it.forge_manifest(|manifest| layers(manifest).swap(0, 1));
    }),
    attempt("a manifest with two bases", "2 layers", |it| {
        it.forge_manifest(|manifest| layers(manifest)[0]["kind"] = json!("base"));
    }),
    attempt("a manifest with three layers", "3 layers", |it| {
        it.forge_manifest(|manifest| {
            let fresh = layers(manifest)[0].clone();
            layers(manifest).insert(0, fresh);
        });
    }),
    attempt(
        "a manifest with fewer certificates than its base",
        "cannot be in layers",
        |it| {
            it.forge_manifest(|manifest| manifest["counts"]["certificates"] = json!(3));
        },
    ),
    attempt(
        "a manifest with more certificates than its rows",
        "cannot be in layers",
        |it| {
            it.forge_manifest(|manifest| manifest["counts"]["certificates"] = json!(7));
        },
    ),
    attempt(
        "a manifest with more withdrawn than there are",
        "cannot be in layers",
        |it| {
            it.forge_manifest(|manifest| manifest["counts"]["withdrawn"] = json!(5));
        },
    ),
    attempt("a manifest with another key algorithm", UNPARSED, |it| {
        it.forge_manifest(|manifest| layers(manifest)[0]["algorithm"] = json!("none"));
    }),
];

/// A document up to its signature, and the rest.
fn parts(text: &str) -> (String, String) {
    let at = text.rfind(",\"signature\":").unwrap();
    (text[..at].to_owned(), text[at..].to_owned())
}

/// The 128 digits.
fn signature(text: &str) -> &str {
    let at = text.rfind("\"ed25519\":\"").unwrap() + "\"ed25519\":\"".len();
    &text[at..at + 128]
}

fn layers(manifest: &mut Value) -> &mut Vec<Value> {
    manifest["layers"].as_array_mut().unwrap()
}

impl Scene {
    /// The contents of a good entry, signed in another way.
    fn resign(&self, sign: impl FnOnce(Value) -> String) -> String {
        let good: Value = serde_json::from_str(&text(&self.good())).unwrap();
        sign(good["signed"].clone())
    }
}
