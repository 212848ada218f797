//! The store by itself: names are given once, listings pass over what is not ours.

use std::fs;
use std::io::Write;

use snapshot::{BlobRef, FileError, LayerKind, Leftovers, Outcome, Store, StoreError};

use crate::world::{World, commit, stable};

#[test]
fn a_blob_is_committed_once_and_checked_again() {
    let world = World::new(1);
    let blob = commit(&world.store, b"contents");
    assert_eq!(blob, BlobRef::of(b"contents"));
    let path = world.store.blob_path(&blob);
    let name = blob.sha256.to_string();
    assert_eq!(
        path,
        world
            .path("store/blobs/sha256")
            .join(&name[..2])
            .join(&name)
    );
    assert_eq!(commit(&world.store, b"contents"), blob);
    // A damaged blob of the same name is not overwritten, and not taken for ours.
    fs::write(&path, b"contentS").unwrap();
    let mut again = world.store.stage().unwrap();
    again.write_all(b"contents").unwrap();
    let refused = again.commit();
    assert!(matches!(
        refused,
        Err(StoreError::File(FileError::Digest { .. }))
    ));
    assert_eq!(fs::read(&path).unwrap(), b"contentS");
}

#[test]
fn a_name_that_exists_is_left_alone() {
    let world = World::published(10);
    let other = world.manifest(1, vec![world.layer(LayerKind::Base, &[])], 0);
    let other = world.publication(1, other);
    let before = fs::read(world.path("store/channels/stable/00000000000000000001.json"));
    let manifest = world.store.create_manifest(other.manifest()).unwrap();
    let entry = world.store.create_channel_entry(other.entry()).unwrap();
    assert_eq!([manifest, entry], [Outcome::AlreadyExists; 2]);
    let after = fs::read(world.path("store/channels/stable/00000000000000000001.json"));
    assert_eq!(before.unwrap(), after.unwrap());
    // Reading it tells a lost reply from a lost race.
    let live = world
        .store
        .read_channel_entry(&stable(), 1, &world.publishers());
    assert_ne!(live.unwrap().unwrap().publish_id, other.entry().publish_id);
}

#[test]
fn numbers_follow_the_highest() {
    let world = World::new(1);
    assert_eq!(world.store.next_generation().unwrap(), 1);
    assert_eq!(world.store.epochs(&stable()).unwrap(), [] as [u64; 0]);
    let base = world.layer(LayerKind::Base, &[]);
    for (epoch, generation) in [(1, 3), (2, 7)] {
        world.publish(epoch, world.manifest(generation, vec![base.clone()], 0));
    }
    // A killed writer leaves a manifest that no entry names; its number is not used again.
    let orphan = world.publication(9, world.manifest(8, vec![base], 0));
    assert_eq!(
        world.store.create_manifest(orphan.manifest()).unwrap(),
        Outcome::Created
    );
    assert_eq!(world.store.generations().unwrap(), [3, 7, 8]);
    assert_eq!(world.store.next_generation().unwrap(), 9);
    assert_eq!(world.store.epochs(&stable()).unwrap(), [1, 2]);
    assert_eq!(world.store.channels().unwrap(), [stable()]);
    let staged = world.path("store/staging/0123456789abcdef");
    fs::write(&staged, b"").unwrap();
    let leftovers = world.store.leftovers().unwrap();
    assert_eq!(
        leftovers,
        Leftovers {
            staged: vec![staged],
            manifests: vec![8]
        }
    );
    let lock = world.store.lock().unwrap();
    assert_eq!(world.store.clear_staging(&lock).unwrap(), 1);
    assert!(world.store.leftovers().unwrap().staged.is_empty());
}

#[test]
fn names_that_are_not_ours_are_passed_over() {
    let world = World::published(10);
    for name in [
        "manifests/README",
        "manifests/2.json",
        "channels/stable/.nfs0001",
    ] {
        fs::write(world.path("store").join(name), b"?").unwrap();
    }
    fs::create_dir(world.path("store/channels/lost+found")).unwrap();
    fs::create_dir(world.path("store/manifests/00000000000000000009.json.d")).unwrap();
    assert_eq!(world.store.generations().unwrap(), [1]);
    assert_eq!(world.store.epochs(&stable()).unwrap(), [1]);
    assert_eq!(world.store.channels().unwrap(), [stable()]);
    // A folder with the name of a document is an error, not a generation.
    fs::create_dir(world.path("store/manifests/00000000000000000009.json")).unwrap();
    let refused = world.store.read_manifest(9, &world.publishers());
    assert!(matches!(
        refused,
        Err(StoreError::File(FileError::NotRegular { .. }))
    ));
}

#[test]
fn a_store_that_is_away_is_an_error_and_an_empty_one_is_not() {
    let world = World::new(1);
    assert!(world.store.generations().unwrap().is_empty());
    let away = Store::open(&world.path("away"));
    for listed in [away.generations(), away.epochs(&stable())] {
        assert!(matches!(listed, Err(StoreError::File(error)) if error.is_not_found()));
    }
    assert!(away.channels().is_err());
    assert!(away.lock().is_err());
    assert!(
        away.read_channel_entry(&stable(), 1, &world.publishers())
            .unwrap()
            .is_none()
    );
    // An empty folder, such as a mount point whose disk is gone.
    fs::create_dir(world.path("empty")).unwrap();
    let empty = Store::open(&world.path("empty"));
    assert!(empty.epochs(&stable()).unwrap().is_empty());
    // Made with everything above it, twice.
    for _ in 0..2 {
        Store::create(&world.path("new/deep/store")).unwrap();
    }
}

#[test]
fn documents_are_shown_to_people_without_keys() {
    let world = World::published(10);
    let manifest = world.store.read_manifest_unverified(1).unwrap().unwrap();
    assert_eq!(manifest.counts.certificates, 10);
    let entry = world
        .store
        .read_channel_entry_unverified(&stable(), 1)
        .unwrap()
        .unwrap();
    assert_eq!(entry.generation, 1);
    assert!(world.store.read_manifest_unverified(2).unwrap().is_none());
}
