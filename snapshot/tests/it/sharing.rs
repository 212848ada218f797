//! A second generation over a base that is open already: it costs what has changed, and changes
//! nothing else.

use std::fs;

use snapshot::{
    Cache, CacheError, FileError, LayerKind, Manifest, OpenError, Publication, Snapshot,
};

use crate::world::{Refused, World, assert_all_found};

/// Certificates in the base; the others come with the fresh layers.
const BASE: usize = 60;

/// A base as epoch 1, open; then a fresh layer over the same base as epoch 2, not yet open.
fn base_and_fresh(world: &World, cache: &Cache) -> (Snapshot, Publication) {
    let base = world.layer(LayerKind::Base, &world.certificates[..BASE]);
    world.publish(1, world.manifest(1, vec![base.clone()], BASE));
    let live = world.open(cache, 1).unwrap();
    let fresh = world.layer(LayerKind::Fresh, &world.certificates[BASE..]);
    let all = world.certificates.len();
    let publication = world.publish(2, world.manifest(2, vec![fresh, base], all));
    (live, publication)
}

/// Changes a byte of every blob of the base, in the cache and in the store: under new files, so
/// that what is mapped stays as it was.
fn damage_base(world: &World, cache: &Cache, manifest: &Manifest) {
    let base = manifest.layers.last().unwrap();
    for blob in [base.numbers, base.holders, base.rows] {
        let cached = cache.path().join(format!("blobs/{}", blob.sha256));
        for path in [cached, world.store.blob_path(&blob)] {
            let mut bytes = fs::read(&path).unwrap();
            bytes[20] ^= 1;
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn a_base_that_is_open_is_not_read_again() {
    let world = World::new(100);
    let cache = world.cache();
    let (live, publication) = base_and_fresh(&world, &cache);
    damage_base(&world, &cache, live.manifest());
    assert!(matches!(
        world.open_beside(&cache, publication.clone(), None),
        Err(Refused::Open(OpenError::Cache(CacheError::Copy { .. })))
    ));
    let next = world.open_beside(&cache, publication, Some(&live)).unwrap();
    assert_eq!(next.epoch(), 2);
    assert_all_found(&next, &world.certificates);
    assert_all_found(&live, &world.certificates[..BASE]);
    // What is shared outlives the snapshot that opened it.
    drop(live);
    cache.sweep(&[next.manifest()]).unwrap();
    assert_all_found(&next, &world.certificates);
    next.scrub().unwrap();
}

#[test]
fn only_what_is_equal_is_shared() {
    let world = World::new(100);
    let cache = world.cache();
    let (live, publication) = base_and_fresh(&world, &cache);
    damage_base(&world, &cache, live.manifest());
    let manifest = publication.manifest();
    // Equal but for one reference: a layer is shared whole or not at all.
    for mixed in 0..3 {
        let mut layers = manifest.layers.clone();
        let (fresh, base) = (layers[0].clone(), &mut layers[1]);
        match mixed {
            0 => base.numbers = fresh.numbers,
            1 => base.holders = fresh.holders,
            _ => base.rows = fresh.rows,
        }
        let other = world.manifest(3 + mixed, layers, world.certificates.len());
        let other = world.publication(3 + mixed, other);
        let refused = world.open_beside(&cache, other, Some(&live));
        assert!(
            matches!(refused, Err(Refused::Open(OpenError::Cache(_)))),
            "{mixed}"
        );
    }
}

#[test]
fn a_fresh_layer_is_checked_beside_a_shared_base() {
    let world = World::new(100);
    let cache = world.cache();
    let (live, publication) = base_and_fresh(&world, &cache);
    let rows = world
        .store
        .blob_path(&publication.manifest().layers[0].rows);
    let mut bytes = fs::read(&rows).unwrap();
    bytes[40] ^= 1;
    fs::remove_file(&rows).unwrap();
    fs::write(&rows, bytes).unwrap();
    assert!(matches!(
        world.open_beside(&cache, publication, Some(&live)),
        Err(Refused::Open(OpenError::Cache(CacheError::File(
            FileError::Digest { .. }
        ))))
    ));
    assert_all_found(&live, &world.certificates[..BASE]);
}

#[test]
fn layers_pass_through_many_generations() {
    let world = World::new(100);
    let cache = world.cache();
    let (mut live, publication) = base_and_fresh(&world, &cache);
    let base = publication.manifest().layers[1].clone();
    damage_base(&world, &cache, live.manifest());
    for epoch in 2..20 {
        let until = BASE + usize::try_from(epoch).unwrap();
        let fresh = world.layer(LayerKind::Fresh, &world.certificates[BASE..until]);
        let manifest = world.manifest(10 + epoch, vec![fresh, base.clone()], until);
        let publication = world.publication(10 + epoch, manifest);
        live = world.open_beside(&cache, publication, Some(&live)).unwrap();
        assert_all_found(&live, &world.certificates[..until]);
    }
}
