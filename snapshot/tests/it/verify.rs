//! Every damage is found by `verify`, and the file is named.

use std::fs;

use snapshot::verify::{self, Verified};
use snapshot::{BlobRef, LayerKind, Manifest};

use crate::world::{Random, World, commit};

fn manifest(world: &World) -> Manifest {
    world.store.read_manifest_unverified(1).unwrap().unwrap()
}

fn blobs(manifest: &Manifest) -> Vec<BlobRef> {
    manifest.blobs().collect()
}

#[test]
fn a_whole_generation_passes_and_every_byte_is_read() {
    let world = World::published(200);
    let manifest = manifest(&world);
    let mut read = 0;
    let verified = verify::generation(&world.store, &manifest, &mut |bytes| read += bytes);
    let bytes = blobs(&manifest).iter().map(|blob| blob.bytes).sum();
    let expected = Verified {
        blobs: 4,
        bytes,
        rows: 200,
    };
    assert_eq!(verified.unwrap(), expected);
    assert_eq!(read, bytes);
}

#[test]
fn two_layers_pass_with_their_counts() {
    let world = World::new(200);
    let base = world.layer(LayerKind::Base, &world.certificates[..150]);
    let fresh = world.layer(LayerKind::Fresh, &world.certificates[100..]);
    let right = world.manifest(1, vec![fresh.clone(), base.clone()], 200);
    verify::generation(&world.store, &right, &mut |_| {}).unwrap();
    let wrong = world.manifest(1, vec![fresh, base], 199);
    let refused = verify::generation(&world.store, &wrong, &mut |_| {}).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the manifest counts 199 certificates, the layers hold 200"
    );
    let empty = world.layer(LayerKind::Base, &[]);
    let mut withdrawn = world.manifest(1, vec![empty], 0);
    withdrawn.counts.withdrawn = 0;
    verify::generation(&world.store, &withdrawn, &mut |_| {}).unwrap();
}

#[test]
fn every_flipped_bit_is_found_in_its_file() {
    let world = World::published(100);
    let manifest = manifest(&world);
    let mut random = Random(5);
    for blob in blobs(&manifest) {
        let path = world.store.blob_path(&blob);
        let intact = fs::read(&path).unwrap();
        for _ in 0..100 {
            let bit = random.below(intact.len() * 8);
            let mut bytes = intact.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            let found = verify::generation(&world.store, &manifest, &mut |_| {}).unwrap_err();
            assert_eq!(found.path(), Some(path.as_path()), "bit {bit}: {found}");
        }
        for length in [0, intact.len() / 2, intact.len() - 1] {
            fs::write(&path, &intact[..length]).unwrap();
            let found = verify::generation(&world.store, &manifest, &mut |_| {}).unwrap_err();
            assert_eq!(found.path(), Some(path.as_path()));
            assert_eq!(found.offset(), length as u64, "where it was cut");
        }
        fs::remove_file(&path).unwrap();
        let found = verify::generation(&world.store, &manifest, &mut |_| {}).unwrap_err();
        assert_eq!(found.path(), Some(path.as_path()));
        fs::write(&path, &intact).unwrap();
    }
    verify::generation(&world.store, &manifest, &mut |_| {}).unwrap();
}

#[test]
fn damage_in_rows_and_holders_is_found_at_its_place() {
    let world = World::published(100);
    let manifest = manifest(&world);
    let offset_of = |blob: &BlobRef, at: usize| {
        let path = world.store.blob_path(blob);
        let intact = fs::read(&path).unwrap();
        let mut bytes = intact.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        let found = verify::generation(&world.store, &manifest, &mut |_| {}).unwrap_err();
        fs::write(&path, &intact).unwrap();
        usize::try_from(found.offset()).unwrap()
    };
    let layer = &manifest.layers[0];
    for row in [0, 1, 57, 99] {
        for within in [0, 4, 20, 42] {
            let begin = 16 + row * 43;
            assert_eq!(offset_of(&layer.rows, begin + within), begin);
        }
    }
    assert_eq!(offset_of(&layer.rows, 9), 9);
    assert_eq!(offset_of(&layer.holders, 16), 16);
    // A key is noticed in its bucket (of about 16 entries) at the latest.
    for entry in [0, 50, 99] {
        let at = 24 + entry * 16 + 5;
        let found = offset_of(&layer.holders, at);
        assert!(found.abs_diff(at) <= 32 * 16, "{entry}: {found} for {at}");
    }
}

/// Blobs that are whole in themselves and wrong together: faults of a writer.
#[test]
fn blobs_that_do_not_belong_together_are_found() {
    let world = World::published(100);
    let manifest = manifest(&world);
    let other = world.layer(LayerKind::Base, &world.certificates[..99]);
    let mut shifted = world.certificates.clone();
    shifted.remove(50);
    let shifted = world.layer(LayerKind::Base, &shifted);
    let message = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        let found = verify::generation(&world.store, &manifest, &mut |_| {}).unwrap_err();
        let source = std::error::Error::source(&found);
        source.map_or_else(|| found.to_string(), ToString::to_string)
    };
    // Rows of one layer, numbers of another: the number is part of each row's checksum.
    let rows = message(&|manifest| {
        manifest.layers[0] = shifted.clone();
        manifest.layers[0].rows = other.rows;
        manifest.counts.certificates = 99;
    });
    assert_eq!(
        rows,
        "damaged rows blob at byte 2166: checksum does not fit"
    );
    // Two holders that lead to one row.
    let holders = fs::read(world.store.blob_path(&manifest.layers[0].holders)).unwrap();
    let mut doubled = holders.clone();
    doubled.copy_within(24 + 12..24 + 16, 24 + 16 + 12);
    let doubled = commit(&world.store, &doubled);
    let twice = message(&|manifest| manifest.layers[0].holders = doubled);
    assert_eq!(
        twice,
        "damaged holders blob at byte 40: a row is not reached by exactly one holder"
    );
    let count = message(&|manifest| manifest.counts.withdrawn += 1);
    assert!(count.starts_with("the manifest counts"), "{count}");
}
