//! Two writers at once: one wins, and nothing is half there.

use std::sync::Barrier;

use snapshot::{BlobRef, LayerKind, Outcome, Store, StoreError};

use crate::world::{World, assert_all_found, commit};

#[test]
fn one_of_two_committers_of_an_epoch_wins() {
    let world = World::published(20);
    let base = world.layer(LayerKind::Base, &world.certificates);
    for round in 2..52 {
        let publication = || {
            let manifest = world.manifest(round, vec![base.clone()], world.certificates.len());
            world.publication(round, manifest)
        };
        let both = [publication(), publication()];
        let barrier = Barrier::new(2);
        let commit = |publication: &snapshot::Publication| {
            let store = Store::open(world.store.root());
            barrier.wait();
            let manifest = store.create_manifest(publication.manifest()).unwrap();
            barrier.wait();
            let entry = store.create_channel_entry(publication.entry()).unwrap();
            (manifest, entry)
        };
        let outcomes = std::thread::scope(|scope| {
            let other = scope.spawn(|| commit(&both[1]));
            [commit(&both[0]), other.join().unwrap()]
        });
        let created = |outcomes: [Outcome; 2]| {
            let created = outcomes.map(|outcome| outcome == Outcome::Created);
            assert!(created[0] ^ created[1], "round {round}");
        };
        created(outcomes.map(|outcome| outcome.0));
        created(outcomes.map(|outcome| outcome.1));
        // What is there is whole, and somebody's.
        let manifest = world.store.read_manifest(round, &world.publishers());
        let manifest = manifest.unwrap().unwrap();
        let ours = both
            .iter()
            .filter(|p| p.manifest().digest() == manifest.digest());
        assert_eq!(ours.count(), 1);
    }
    assert_eq!(
        world.store.leftovers().unwrap().staged,
        [] as [std::path::PathBuf; 0]
    );
}

#[test]
fn writers_of_the_same_blob_both_have_it() {
    let world = World::new(1);
    let contents = vec![7; 100_000];
    let blobs: Vec<BlobRef> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| commit(&world.store, &contents)))
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    assert!(blobs.iter().all(|blob| *blob == BlobRef::of(&contents)));
    assert_eq!(
        std::fs::read(world.store.blob_path(&blobs[0])).unwrap(),
        contents
    );
}

#[test]
fn one_publishes_at_a_time() {
    let world = World::published(20);
    let lock = world.store.lock().unwrap();
    let other = Store::open(world.store.root());
    assert!(matches!(other.lock(), Err(StoreError::Busy { .. })));
    // Readers do not care.
    assert_all_found(&world.open(&world.cache(), 1).unwrap(), &world.certificates);
    drop(lock);
    drop(other.lock().unwrap());
}

/// A reader that opens while the store grows sees whole epochs only.
#[test]
fn readers_see_whole_epochs_while_a_writer_writes() {
    let world = World::published(30);
    let base = world.layer(LayerKind::Base, &world.certificates);
    let cache = world.cache();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for epoch in 2..30 {
                let all = world.certificates.len();
                world.publish(epoch, world.manifest(epoch, vec![base.clone()], all));
            }
        });
        let mut epoch = 1;
        while epoch < 30 {
            match world.open(&cache, epoch) {
                Ok(snapshot) => {
                    assert_eq!(snapshot.epoch(), epoch);
                    epoch += 1;
                }
                Err(crate::world::Refused::Missing) => std::thread::yield_now(),
                Err(error) => panic!("epoch {epoch}: {error:?}"),
            }
        }
    });
}
