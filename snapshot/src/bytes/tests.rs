//! What `bytes` promises, and what it refuses.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_missing_folder_is_made_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("var/cache");
    let private = PrivateFolder::open(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
    private.create_folder(Path::new("blobs")).unwrap();
    let mode = fs::metadata(path.join("blobs")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
    let left: Vec<_> = fs::read_dir(&path).unwrap().collect();
    assert_eq!(left.len(), 1, "the probe is gone");
}

#[test]
fn a_folder_that_others_could_enter_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o701, 0o710, 0o750, 0o755, 0o770, 0o777] {
        chmod(folder.path(), mode);
        let refused = PrivateFolder::open(folder.path()).unwrap_err();
        let PrivateFolderError::Mode { mode: found, .. } = refused else {
            panic!("{mode:o} is looser than 0700");
        };
        assert_eq!(found, mode);
    }
    chmod(folder.path(), 0o700);
    PrivateFolder::open(folder.path()).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    chmod(&file, 0o600);
    let refused = PrivateFolder::open(&file);
    assert!(matches!(refused, Err(PrivateFolderError::NotFolder { .. })));
}

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let first = PrivateFolder::open(&path).unwrap();
    let second = PrivateFolder::open(&path);
    assert!(matches!(second, Err(PrivateFolderError::Busy { .. })));
    drop(first);
    PrivateFolder::open(&path).unwrap();
}

#[test]
fn a_map_is_the_file_and_outlives_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let private = PrivateFolder::open(&folder.path().join("cache")).unwrap();
    let path = private.path().join("file");
    let contents: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(&path, &contents).unwrap();
    let map = private
        .map(Path::new("file"), &BlobRef::of(&contents))
        .unwrap();
    fs::remove_file(&path).unwrap();
    assert!(map[..] == contents[..]);
    assert_eq!(format!("{map:?}"), "Map(400000 bytes)");
}

/// Bytes of a file's map, and how many of them are in memory for this process.
fn mapped_and_resident(path: &Path) -> (u64, u64) {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let (_, map) = maps.split_once(path.to_str().unwrap()).unwrap();
    let bytes = |key: &str| {
        let line = map.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kib.parse::<u64>().unwrap() << 10
    };
    (bytes("Size:"), bytes("Rss:"))
}

#[test]
fn a_map_has_all_its_pages_before_anybody_reads_it() {
    const BYTES: usize = 4 << 20;
    let folder = tempfile::tempdir().unwrap();
    let private = PrivateFolder::open(&folder.path().join("cache")).unwrap();
    let contents = vec![7; BYTES];
    let path = private.path().join("file");
    fs::write(&path, &contents).unwrap();
    let blob = BlobRef::of(&contents);
    let _map = private.map(Path::new("file"), &blob).unwrap();
    assert_eq!(mapped_and_resident(&path), (BYTES as u64, BYTES as u64));

    // Without being asked for, they are not there: what a builder maps in place shows it.
    let store = Store::create(&folder.path().join("store")).unwrap();
    let path = store.root().join(layout::blob(&blob.sha256));
    durable::create_folder(path.parent().unwrap(), 0o700).unwrap();
    fs::write(&path, &contents).unwrap();
    let lock = store.lock().unwrap();
    let map = Map::in_place(&store, &lock, &blob).unwrap();
    assert_eq!(mapped_and_resident(&path), (BYTES as u64, 0));

    // What was read is there until it is given back, and can be read again.
    for _ in 0..2 {
        assert!(map[..] == contents[..]);
        assert_eq!(mapped_and_resident(&path), (BYTES as u64, BYTES as u64));
        map.release();
        assert_eq!(mapped_and_resident(&path), (BYTES as u64, 0));
    }
}

#[test]
fn only_regular_files_of_the_right_contents_are_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let private = PrivateFolder::open(&folder.path().join("cache")).unwrap();
    fs::write(private.path().join("file"), b"1234").unwrap();
    symlink("file", private.path().join("link")).unwrap();
    let map = |name: &str, contents: &[u8]| private.map(Path::new(name), &BlobRef::of(contents));
    assert!(map("file", b"1234").is_ok());
    assert!(matches!(
        map("file", b"12345"),
        Err(FileError::Length { .. })
    ));
    assert!(matches!(
        map("file", b"1235"),
        Err(FileError::Digest { .. })
    ));
    assert!(matches!(
        map("link", b"1234"),
        Err(FileError::NotRegular { .. })
    ));
    assert!(map("missing", b"1234").unwrap_err().is_not_found());
    fs::write(private.path().join("empty"), b"").unwrap();
    assert!(map("empty", b"").unwrap().is_empty());
}
