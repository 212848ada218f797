//! Attempts under documents that are good: contents that are not what they name, and references
//! to contents that do not belong together.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use snapshot::{BlobRef, Manifest};

use super::{Attempt, Scene, attempt, replace};
use crate::register::flip;

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("numbers with a flipped bit", "has digest", |it| {
        it.damage(numbers, flipped)
    }),
    attempt("holders with a flipped bit", "has digest", |it| {
        it.damage(holders, flipped)
    }),
    attempt("rows with a flipped bit", "has digest", |it| {
        it.damage(rows, flipped)
    }),
    attempt("texts with a flipped bit", "has digest", |it| {
        it.damage(texts, flipped)
    }),
    attempt("numbers cut short", "bytes, expected", |it| {
        it.damage(numbers, cut)
    }),
    attempt("holders cut short", "bytes, expected", |it| {
        it.damage(holders, cut)
    }),
    attempt("rows cut short", "bytes, expected", |it| {
        it.damage(rows, cut)
    }),
    attempt("texts cut short", "bytes, expected", |it| {
        it.damage(texts, cut)
    }),
    attempt("numbers with a byte more", "bytes, expected", |it| {
        it.damage(numbers, longer)
    }),
    attempt("holders with a byte more", "bytes, expected", |it| {
        it.damage(holders, longer)
    }),
    attempt("rows with a byte more", "bytes, expected", |it| {
        it.damage(rows, longer)
    }),
    attempt("texts with a byte more", "bytes, expected", |it| {
        it.damage(texts, longer)
    }),
    attempt("empty rows", "has 0 bytes", |it| {
        it.damage(rows, |path| replace(path, ""))
    }),
    attempt("missing numbers", "cannot open", |it| {
        it.damage(numbers, remove)
    }),
    attempt("missing holders", "cannot open", |it| {
        it.damage(holders, remove)
    }),
    attempt("missing rows", "cannot open", |it| it.damage(rows, remove)),
    attempt("missing texts", "cannot open", |it| {
        it.damage(texts, remove)
    }),
    attempt("rows that are a directory", "is not a regular file", |it| {
        it.damage(rows, |path| {
            remove(path);
            fs::create_dir(path).unwrap();
        });
    }),
    attempt("rows that are a link", "is not a regular file", |it| {
        it.damage(rows, |path| {
            let elsewhere = path.with_extension("elsewhere");
            fs::rename(path, &elsewhere).unwrap();
            symlink(elsewhere, path).unwrap();
        });
    }),
    attempt("the rows of the live generation", "bytes, expected", |it| {
        it.exchange(rows, |it| it.live_blob(rows));
    }),
    attempt("the numbers of the live generation", "expected", |it| {
        it.exchange(numbers, |it| it.live_blob(numbers));
    }),
    attempt("the texts of the live generation", "expected", |it| {
        it.exchange(texts, |it| it.live_blob(texts));
    }),
    attempt("older rows of as many certificates", "has digest", |it| {
        it.exchange(rows, |it| {
            let older = it
                .register
                .manifest(1, &crate::register::certificates()[..4]);
            rows(&older)
        });
    }),
    attempt(
        "the rows of the fresh layer in the base",
        "bytes, expected",
        |it| {
            it.exchange(rows, |it| it.manifest().layers[0].rows);
        },
    ),
    attempt(
        "signed: numbers of the fresh layer in the base",
        "numbers",
        |it| {
            it.forge_manifest(|manifest| mix(manifest, "numbers"));
        },
    ),
    attempt(
        "signed: holders of the fresh layer in the base",
        "holders",
        |it| {
            it.forge_manifest(|manifest| mix(manifest, "holders"));
        },
    ),
    attempt(
        "signed: rows of the fresh layer in the base",
        "rows",
        |it| {
            it.forge_manifest(|manifest| mix(manifest, "rows"));
        },
    ),
    attempt(
        "signed: rows as holders",
        "the base layer is refused",
        |it| {
            it.forge_manifest(|manifest| {
                let base = &mut manifest["layers"][1];
                base["holders"] = base["rows"].clone();
            });
        },
    ),
    attempt(
        "signed: rows as texts",
        "the texts cannot be parsed",
        |it| {
            it.forge_manifest(|manifest| manifest["texts"] = manifest["layers"][1]["rows"].clone());
        },
    ),
    attempt(
        "signed: texts as numbers",
        "the base layer is refused",
        |it| {
            it.forge_manifest(|manifest| {
                manifest["layers"][1]["numbers"] = manifest["texts"].clone()
            });
        },
    ),
    attempt(
        "signed: texts without end",
        "at most 268435456 are read",
        |it| {
            it.forge_manifest(|manifest| manifest["texts"]["bytes"] = json!((256_u64 << 20) + 1));
        },
    ),
    attempt("signed: a base without end", "of memory", |it| {
        it.forge_manifest(|manifest| manifest["layers"][1]["rows"]["bytes"] = json!(1_u64 << 60));
    }),
    attempt("signed: a length one too small", "bytes, expected", |it| {
        it.forge_manifest(|manifest| {
            let bytes = manifest["layers"][1]["rows"]["bytes"].as_u64().unwrap();
            manifest["layers"][1]["rows"]["bytes"] = json!(bytes - 1);
        });
    }),
    attempt(
        "signed: one row too few",
        "the fresh layer is refused",
        |it| {
            it.forge_manifest(|manifest| manifest["layers"][0]["certificates"] = json!(1));
        },
    ),
    attempt(
        "signed: a look-up key that nobody has",
        "needs the look-up key",
        |it| {
            it.forge_manifest(|manifest| {
                manifest["layers"][0]["key_id"] = json!("0123456789abcdef")
            });
        },
    ),
];

fn numbers(manifest: &Manifest) -> BlobRef {
    manifest.layers.last().unwrap().numbers
}

fn holders(manifest: &Manifest) -> BlobRef {
    manifest.layers.last().unwrap().holders
}

fn rows(manifest: &Manifest) -> BlobRef {
    manifest.layers.last().unwrap().rows
}

fn texts(manifest: &Manifest) -> BlobRef {
    manifest.texts
}

fn flipped(path: &Path) {
    flip(path, 30);
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    replace(path, &bytes[..bytes.len() - 1]);
}

fn longer(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.push(0);
    replace(path, bytes);
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// The base takes a blob of the fresh layer.
fn mix(manifest: &mut Value, blob: &str) {
    manifest["layers"][1][blob] = manifest["layers"][0][blob].clone();
}

impl Scene {
    /// Damages a blob of a good publication.
    fn damage(&self, which: fn(&Manifest) -> BlobRef, damage: fn(&Path)) {
        let entry = self.good();
        damage(&self.register.blob_path(&which(&self.manifest())));
        self.plant_entry(entry.bytes());
    }

    /// Puts the contents of one blob under the name of another one of a good publication.
    fn exchange(&self, which: fn(&Manifest) -> BlobRef, other: impl FnOnce(&Self) -> BlobRef) {
        let entry = self.good();
        let (place, other) = (which(&self.manifest()), other(self));
        let other = fs::read(self.register.blob_path(&other)).unwrap();
        replace(&self.register.blob_path(&place), other);
        self.plant_entry(entry.bytes());
    }

    fn live_blob(&self, which: fn(&Manifest) -> BlobRef) -> BlobRef {
        which(
            self.follower
                .live
                .current()
                .as_ref()
                .unwrap()
                .snapshot
                .manifest(),
        )
    }
}
