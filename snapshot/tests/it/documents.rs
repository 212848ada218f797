//! Rollback, strangers, and files of two publications mixed.

use std::fs;

use snapshot::{
    Cache, CacheError, ChannelEntry, Digest, DocumentError, FileError, LayerKind, OpenError,
    Outcome, Publication, Publisher, Signed, StoreError,
};

use crate::world::{Refused, World, assert_all_found, stable};

/// Puts an entry under any name, as only a broken or hostile store would.
fn plant(world: &World, epoch: u64, bytes: &[u8]) {
    let path = world.path(&format!("store/channels/stable/{epoch:020}.json"));
    fs::write(path, bytes).unwrap();
}

fn plant_manifest(world: &World, generation: u64, bytes: &[u8]) {
    fs::write(
        world.path(&format!("store/manifests/{generation:020}.json")),
        bytes,
    )
    .unwrap();
}

fn refused(world: &World, cache: &Cache, epoch: u64) -> DocumentError {
    match world.open(cache, epoch) {
        Err(Refused::Store(StoreError::Document { source, .. })) => source,
        other => panic!("{other:?} is not a refused document"),
    }
}

fn next(world: &World, generation: u64, epoch: u64) -> Publication {
    let base = world.layer(LayerKind::Base, &world.certificates);
    world.publish(
        epoch,
        world.manifest(generation, vec![base], world.certificates.len()),
    )
}

#[test]
fn an_older_epoch_is_never_taken() {
    let world = World::published(20);
    next(&world, 2, 2);
    let cache = world.cache();
    drop(world.open(&cache, 2).unwrap());
    let rolled_back = |cache: &Cache| {
        let refused = world.open(cache, 1);
        assert!(matches!(
            refused,
            Err(Refused::Open(OpenError::Cache(CacheError::RolledBack {
                highest: 2,
                found: 1,
                ..
            })))
        ));
    };
    rolled_back(&cache);
    // After a restart.
    drop(cache);
    let cache = world.cache();
    rolled_back(&cache);
    // Also when somebody removes or damages what a running reader remembers.
    drop(world.open(&cache, 2).unwrap());
    let state = cache.path().join("state/stable.json");
    fs::write(&state, b"{\"format\":1}").unwrap();
    rolled_back(&cache);
    fs::remove_file(&state).unwrap();
    rolled_back(&cache);
    // The same epoch again is no step back.
    drop(world.open(&cache, 2).unwrap());
}

#[test]
fn two_entries_of_one_epoch_are_a_fork() {
    let world = World::published(20);
    let cache = world.cache();
    drop(world.open(&cache, 1).unwrap());
    let publication = next(&world, 2, 2);
    let mut other = (**publication.entry()).clone();
    other.epoch = 1;
    plant(&world, 1, world.publisher.sign(other).unwrap().bytes());
    let refused = world.open(&cache, 1);
    assert!(matches!(
        refused,
        Err(Refused::Open(OpenError::Cache(CacheError::Forked {
            epoch: 1,
            ..
        })))
    ));
}

#[test]
fn channels_do_not_bind_each_other() {
    let world = World::published(20);
    let cache = world.cache();
    drop(world.open(&cache, 1).unwrap());
    let publication = next(&world, 2, 2);
    drop(world.open(&cache, 2).unwrap());
    let mut entry = (**publication.entry()).clone();
    entry.channel = snapshot::Channel::parse("test").unwrap();
    entry.epoch = 1;
    let channel = entry.channel.clone();
    let entry = world.publisher.sign(entry).unwrap();
    assert_eq!(
        world.store.create_channel_entry(&entry).unwrap(),
        Outcome::Created
    );
    let publication = world
        .store
        .read_publication(&channel, 1, &world.publishers());
    drop(
        world
            .open_publication(&cache, publication.unwrap().unwrap())
            .unwrap(),
    );
    // The entry of another channel in our folder.
    plant(&world, 3, entry.bytes());
    assert!(matches!(
        refused(&world, &cache, 3),
        DocumentError::Channel { .. }
    ));
}

#[test]
fn strangers_are_refused() {
    let world = World::published(20);
    let cache = world.cache();
    let stranger = Publisher::new(&[9; 32]);
    let publication = world
        .store
        .read_publication(&stable(), 1, &world.publishers());
    let publication = publication.unwrap().unwrap();
    let mut entry: ChannelEntry = (**publication.entry()).clone();
    entry.epoch = 2;
    let foreign = stranger.sign(entry.clone()).unwrap();
    plant(&world, 2, foreign.bytes());
    assert!(matches!(
        refused(&world, &cache, 2),
        DocumentError::ForeignKey { .. }
    ));
    // Our entry for a stranger's manifest.
    let manifest = stranger.sign((**publication.manifest()).clone()).unwrap();
    entry.manifest = *manifest.digest();
    plant(&world, 2, world.publisher.sign(entry).unwrap().bytes());
    plant_manifest(&world, 1, manifest.bytes());
    assert!(matches!(
        refused(&world, &cache, 2),
        DocumentError::ForeignKey { .. }
    ));
}

#[test]
fn files_under_a_wrong_name_are_refused() {
    let world = World::published(20);
    let cache = world.cache();
    let publication = next(&world, 2, 2);
    // A replayed entry under the next name; a manifest in the place of another.
    plant(&world, 3, publication.entry().bytes());
    assert!(matches!(
        refused(&world, &cache, 3),
        DocumentError::Epoch {
            expected: 3,
            found: 2
        }
    ));
    plant_manifest(&world, 1, publication.manifest().bytes());
    assert!(matches!(
        refused(&world, &cache, 1),
        DocumentError::Generation {
            expected: 1,
            found: 2
        }
    ));
}

#[test]
fn publications_cannot_be_mixed() {
    let world = World::published(20);
    let cache = world.cache();
    let publication = next(&world, 2, 2);
    // Another manifest of the same generation, as two builders would make it.
    let base = world.layer(LayerKind::Base, &world.certificates[..10]);
    let other = world.manifest(2, vec![base], 10);
    let other = world.publisher.sign(other).unwrap();
    plant_manifest(&world, 2, other.bytes());
    assert!(matches!(
        refused(&world, &cache, 2),
        DocumentError::ManifestDigest { .. }
    ));
    let mixed = Publication::new(publication.entry().clone(), other);
    assert!(matches!(mixed, Err(DocumentError::ManifestDigest { .. })));
    // A blob of one generation under the name of another's.
    plant_manifest(&world, 2, publication.manifest().bytes());
    let ours = world
        .store
        .blob_path(&publication.manifest().layers[0].rows);
    let theirs = world
        .store
        .blob_path(&publication.manifest().layers[0].holders);
    fs::copy(&theirs, &ours).unwrap();
    let mixed = world.open(&cache, 2);
    assert!(matches!(
        mixed,
        Err(Refused::Open(OpenError::Cache(CacheError::File(
            FileError::Length { .. } | FileError::Digest { .. }
        ))))
    ));
}

#[test]
fn a_manifest_that_is_missing_is_an_error() {
    let world = World::published(20);
    let cache = world.cache();
    fs::remove_file(world.path("store/manifests/00000000000000000001.json")).unwrap();
    let Err(Refused::Store(StoreError::File(error))) = world.open(&cache, 1) else {
        panic!("the entry names a manifest");
    };
    assert!(error.is_not_found());
    assert!(matches!(world.open(&cache, 2), Err(Refused::Missing)));
}

/// Counts that are signed and do not fit the blobs.
#[test]
fn counts_that_do_not_fit_are_refused() {
    let world = World::published(20);
    let cache = world.cache();
    let mut base = world.layer(LayerKind::Base, &world.certificates);
    base.certificates = 19;
    world.publish(2, world.manifest(2, vec![base], 19));
    assert!(matches!(
        world.open(&cache, 2),
        Err(Refused::Open(OpenError::Layer {
            layer: LayerKind::Base,
            ..
        }))
    ));
    let base = world.layer(LayerKind::Base, &world.certificates);
    let mut manifest = world.manifest(3, vec![base], 20);
    manifest.texts.bytes = u64::MAX;
    world.publish(3, manifest);
    assert!(matches!(
        world.open(&cache, 3),
        Err(Refused::Open(OpenError::TextsTooLong { .. }))
    ));
    // A refusal is not remembered: the old epoch goes on being served.
    assert!(
        cache
            .remembered(&stable(), &world.publishers())
            .unwrap()
            .is_none()
    );
    assert_all_found(&world.open(&cache, 1).unwrap(), &world.certificates);
}

#[test]
fn what_is_remembered_is_checked_again() {
    let world = World::published(20);
    let cache = world.cache();
    drop(world.open(&cache, 1).unwrap());
    let state = cache.path().join("state/stable.json");
    let intact = fs::read(&state).unwrap();
    for bit in (0..intact.len() * 8).step_by(31) {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&state, &bytes).unwrap();
        let remembered = cache.remembered(&stable(), &world.publishers());
        assert!(
            remembered.is_err() || bit / 8 + 1 == intact.len(),
            "bit {bit}"
        );
    }
    // Under keys that do not believe the publisher any more.
    fs::write(&state, &intact).unwrap();
    let nobody = snapshot::PublisherKeys::new(Vec::new());
    assert!(matches!(
        cache.remembered(&stable(), &nobody),
        Err(CacheError::Document {
            source: DocumentError::ForeignKey { .. },
            ..
        })
    ));
    let signed: &Signed<ChannelEntry> = &world
        .store
        .read_channel_entry(&stable(), 1, &world.publishers())
        .unwrap()
        .unwrap();
    assert_eq!(*signed.digest(), Digest::of(signed.bytes()));
}
