//! A reader whose store goes away, rots, or is overwritten under it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use snapshot::{Cache, CacheError, FileError, LayerKind, OpenError};

use crate::world::{Refused, World, assert_all_found, published_files, stable};

#[test]
fn a_restart_works_with_the_store_away() {
    let world = World::published(100);
    drop(world.open(&world.cache(), 1).unwrap());
    fs::rename(world.path("store"), world.path("away")).unwrap();
    let cache = world.cache();
    let snapshot = world.reopen(&cache).unwrap();
    assert_eq!(snapshot.epoch(), 1);
    assert_all_found(&snapshot, &world.certificates);
    // A reader that has never seen the store cannot.
    drop(cache);
    fs::remove_dir_all(world.path("cache")).unwrap();
    let cache = world.cache();
    assert!(matches!(world.reopen(&cache), Err(Refused::Missing)));
    assert!(matches!(world.open(&cache, 1), Err(Refused::Missing)));
}

#[test]
fn what_happens_to_the_store_does_not_matter_to_who_has_a_copy() {
    let world = World::published(100);
    let cache = world.cache();
    let snapshot = world.open(&cache, 1).unwrap();
    let files = published_files(&world.store);
    for path in &files {
        let length = fs::metadata(path).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(0).unwrap();
        assert_all_found(&snapshot, &world.certificates);
        file.set_len(length * 2).unwrap();
        assert_all_found(&snapshot, &world.certificates);
        fs::write(path, vec![0xff; 100]).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        assert_all_found(&snapshot, &world.certificates);
        fs::remove_file(path).unwrap();
    }
    assert_all_found(&snapshot, &world.certificates);
    assert_all_found(&world.reopen(&cache).unwrap(), &world.certificates);
}

#[test]
fn copies_that_are_swept_stay_mapped() {
    let world = World::published(50);
    let cache = world.cache();
    let first = world.open(&cache, 1).unwrap();
    let base = world.layer(LayerKind::Base, &world.certificates[..30]);
    world.publish(2, world.manifest(2, vec![base], 30));
    let second = world.open(&cache, 2).unwrap();
    fs::write(
        cache.path().join("staging/0123"),
        b"left by a killed reader",
    )
    .unwrap();
    let copies = || fs::read_dir(cache.path().join("blobs")).unwrap().count();
    // Three blobs a layer, and texts that both share.
    assert_eq!(copies(), 7);
    let removed = cache.sweep(&[second.manifest(), first.manifest()]).unwrap();
    assert_eq!((removed, copies()), (1, 7));
    let removed = cache.sweep(&[second.manifest()]).unwrap();
    assert_eq!((removed, copies()), (3, 4));
    assert_all_found(&first, &world.certificates);
    assert_all_found(&second, &world.certificates[..30]);
    assert_all_found(&world.reopen(&cache).unwrap(), &world.certificates[..30]);
}

#[test]
fn only_regular_files_are_taken_from_the_store() {
    let world = World::published(20);
    let cache = world.cache();
    let files = published_files(&world.store);
    for path in files
        .iter()
        .filter(|path| path.starts_with(world.path("store/blobs")))
    {
        cache.sweep(&[]).unwrap();
        let moved = world.path("moved");
        fs::rename(path, &moved).unwrap();
        symlink(&moved, path).unwrap();
        assert!(matches!(
            world.open(&cache, 1),
            Err(Refused::Open(OpenError::Cache(CacheError::File(
                FileError::NotRegular { .. }
            ))))
        ));
        fs::remove_file(path).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(path).status();
        assert!(pipe.unwrap().success());
        assert!(world.open(&cache, 1).is_err());
        fs::remove_file(path).unwrap();
        fs::rename(&moved, path).unwrap();
    }
    world.open(&cache, 1).unwrap();
}

#[test]
fn a_cache_is_private() {
    let world = World::published(20);
    let path = world.path("loose");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(Cache::open(&path), Err(CacheError::Folder(_))));
    let cache = world.cache();
    assert!(matches!(
        Cache::open(cache.path()),
        Err(CacheError::Folder(_))
    ));
    drop(world.open(&cache, 1).unwrap());
    for (below, expected) in [
        ("", 0o700),
        ("blobs", 0o700),
        ("staging", 0o700),
        ("state", 0o700),
        ("state/stable.json", 0o600),
    ] {
        let mode = fs::metadata(cache.path().join(below))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected, "{below}");
    }
    assert!(
        cache
            .remembered(&stable(), &world.publishers())
            .unwrap()
            .is_some()
    );
}
