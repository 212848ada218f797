//! Bits that flip, files that are cut: refused, never a panic, never a wrong answer.
//!
//! `CERTQ_FLIPS` sets how many bits are flipped (2,000); a tenth as many files are cut.

use std::fs;
use std::path::{Path, PathBuf};

use snapshot::{
    BlobRef, Cache, CacheError, FileError, Found, LayerKind, Manifest, OpenError, Snapshot, Texts,
};

use crate::world::{
    Certificate, Random, Refused, World, ask_every_way, assert_all_found, commit, of_holder,
    published_files,
};

/// `fst` panics on bytes that it did not write; that is caught, and would only be printed.
fn quiet_fst() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let of_fst = |at: &std::panic::Location<'_>| at.file().contains("/fst-");
        if !panic.location().is_some_and(of_fst) {
            loud(panic);
        }
    }));
}

fn flips() -> usize {
    match std::env::var("CERTQ_FLIPS") {
        Ok(text) => text.parse().expect("CERTQ_FLIPS is a number"),
        Err(_) => 2_000,
    }
}

/// A file of the store, and what happens when it is damaged.
struct Target<'w> {
    world: &'w World,
    cache: &'w Cache,
    path: &'w Path,
    intact: &'w [u8],
}

impl Target<'_> {
    /// Puts other bytes in the place of the file; a reader must refuse them, and take the file
    /// again when it is whole.
    fn replaced(&self, bytes: &[u8], how: &str) {
        fs::write(self.path, bytes).unwrap();
        // A copy that the reader has already would spare it the damaged one.
        let copy = self.path.file_name().unwrap();
        let _ = fs::remove_file(self.cache.path().join("blobs").join(copy));
        let opened = self.world.open(self.cache, 1);
        let name = self.path.display();
        assert!(opened.is_err(), "{how} of {name} was taken");
        fs::write(self.path, self.intact).unwrap();
    }
}

fn with_every_file(world: &World, cache: &Cache, mut damage: impl FnMut(&Target<'_>)) {
    for path in published_files(&world.store) {
        let intact = fs::read(&path).unwrap();
        damage(&Target {
            world,
            cache,
            path: &path,
            intact: &intact,
        });
    }
}

#[test]
fn flipped_bits_in_the_store_are_refused() {
    let world = World::published(120);
    let cache = world.cache();
    let files = published_files(&world.store).len();
    let mut random = Random(1);
    with_every_file(&world, &cache, |target| {
        for _ in 0..flips().div_ceil(files) {
            let bit = random.below(target.intact.len() * 8);
            let mut bytes = target.intact.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            target.replaced(&bytes, &format!("bit {bit}"));
        }
    });
    let snapshot = world.open(&cache, 1).unwrap();
    assert_all_found(&snapshot, &world.certificates);
}

#[test]
fn cut_and_mangled_files_in_the_store_are_refused() {
    let world = World::published(120);
    let cache = world.cache();
    let files = published_files(&world.store).len();
    let mut random = Random(2);
    with_every_file(&world, &cache, |target| {
        let intact = target.intact;
        for _ in 0..(flips() / 10).div_ceil(files) {
            let length = random.below(intact.len());
            target.replaced(&intact[..length], &format!("first {length} bytes"));
        }
        target.replaced(b"", "nothing");
        target.replaced(&[intact, b"\0"].concat(), "one byte more");
        target.replaced(&vec![0; intact.len()], "zeros");
        let mut hole = intact.to_vec();
        let at = random.below(intact.len() - 64);
        hole[at..at + 64].fill(0);
        target.replaced(&hole, "a hole");
        let mut turned = intact.to_vec();
        turned.rotate_left(intact.len() / 2);
        target.replaced(&turned, "swapped halves");
    });
    let snapshot = world.open(&cache, 1).unwrap();
    assert_all_found(&snapshot, &world.certificates);
}

/// The reader's own copies: refused with the store away, healed with the store there.
#[test]
fn flipped_bits_in_the_cache_are_found_at_the_next_start() {
    let world = World::published(120);
    let cache = world.cache();
    drop(world.open(&cache, 1).unwrap());
    let (there, away) = (world.path("store"), world.path("away"));
    let copies: Vec<PathBuf> = fs::read_dir(cache.path().join("blobs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let mut random = Random(3);
    for flip in 0..flips() / 20 {
        let path = &copies[flip % copies.len()];
        let mut bytes = fs::read(path).unwrap();
        let bit = random.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::rename(&there, &away).unwrap();
        fs::write(path, &bytes).unwrap();
        let refused = world.reopen(&cache);
        let Err(Refused::Open(OpenError::Cache(CacheError::Copy { copy, .. }))) = refused else {
            panic!("bit {bit}: {refused:?} is not a damaged copy");
        };
        assert!(matches!(*copy, FileError::Digest { .. }));
        fs::rename(&away, &there).unwrap();
        world.reopen(&cache).unwrap();
    }
    assert_all_found(&world.reopen(&cache).unwrap(), &world.certificates);
}

/// Which blob is damaged and signed all the same.
#[derive(Clone, Copy, PartialEq)]
enum Blob {
    Numbers,
    Holders,
    Rows,
    Texts,
}

/// Damage that has the right digest: a fault of the writer, or memory that rots under the map.
/// A row or a holder is then damaged or right; a number may be unknown; nobody is told wrong.
#[test]
fn damage_behind_the_digest_is_never_a_wrong_answer() {
    quiet_fst();
    let world = World::published(120);
    let cache = world.cache();
    let intact = world.store.read_manifest(1, &world.publishers());
    let intact: &Manifest = &intact.unwrap().unwrap();
    let mut random = Random(4);
    let (mut refused, mut damaged, mut opened) = (0, 0, 0);
    for flip in 0..flips() / 4 {
        let kind = [Blob::Numbers, Blob::Holders, Blob::Rows, Blob::Texts][flip % 4];
        let mut manifest = intact.clone();
        damage(&world, &mut manifest, kind, &mut random);
        let publication = world.publication(flip as u64 + 2, manifest);
        match world.open_publication(&cache, publication) {
            Err(_) => refused += 1,
            Ok(snapshot) => {
                opened += 1;
                damaged += assert_never_wrong(&snapshot, &world.certificates, kind);
            }
        }
    }
    assert!(
        refused > 0 && opened > 0 && damaged > 0,
        "the test reaches all three"
    );
}

/// Puts a blob with one flipped bit into a manifest, under its true digest.
fn damage(world: &World, manifest: &mut Manifest, kind: Blob, random: &mut Random) {
    let layer = &mut manifest.layers[0];
    let blob: &mut BlobRef = match kind {
        Blob::Numbers => &mut layer.numbers,
        Blob::Holders => &mut layer.holders,
        Blob::Rows => &mut layer.rows,
        Blob::Texts => &mut manifest.texts,
    };
    let mut bytes = fs::read(world.store.blob_path(blob)).unwrap();
    let bit = random.below(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    *blob = commit(&world.store, &bytes);
}

/// Asks for everybody; says how often the answer was "damaged".
fn assert_never_wrong(snapshot: &Snapshot, certificates: &[Certificate], kind: Blob) -> usize {
    let mut damaged = 0;
    for certificate in certificates {
        let right = Found {
            number: certificate.number,
            row: certificate.row,
        };
        let [by_name, by_id, by_all, by_holder] = ask_every_way(snapshot, certificate);
        for answer in [by_name, by_id, by_all] {
            match answer {
                Ok(found) if found == [right] => {}
                Ok(found) => assert!(found.is_empty() && kind == Blob::Numbers, "{found:?}"),
                Err(_) => damaged += 1,
            }
        }
        match by_holder {
            Ok(found) => assert_eq!(found, of_holder(certificates, certificate)),
            Err(_) => damaged += 1,
        }
    }
    if kind == Blob::Numbers {
        assert!(snapshot.scrub().is_err());
    }
    damaged
}

/// The signed texts may say anything, but no code may lead out of them.
#[test]
fn a_code_without_a_text_is_damage() {
    let mut world = World::new(120);
    let full = world.texts.clone();
    let cut = |cut: fn(&mut Texts)| {
        let mut texts = full.clone();
        cut(&mut texts);
        texts
    };
    let cuts = [
        cut(|texts| texts.directions.truncate(1)),
        cut(|texts| texts.reasons.clear()),
        cut(|texts| texts.centres.clear()),
        cut(|texts| texts.institutions.clear()),
        cut(|texts| {
            texts.statistics.clear();
            texts.occupations.clear();
        }),
    ];
    let base = world.layer(LayerKind::Base, &world.certificates);
    let cache = world.cache();
    for (epoch, texts) in (1..).zip(cuts) {
        world.texts = texts;
        let manifest = world.manifest(epoch, vec![base.clone()], world.certificates.len());
        world.publish(epoch, manifest);
        let snapshot = world.open(&cache, epoch).unwrap();
        let answers = world
            .certificates
            .iter()
            .map(|c| ask_every_way(&snapshot, c));
        let damaged = answers.filter(|answers| answers.iter().any(Result::is_err));
        assert!(damaged.count() > 0, "epoch {epoch}");
    }
}
