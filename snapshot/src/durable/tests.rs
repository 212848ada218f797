//! What `durable` promises, and what it refuses.

use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let paths = list(folder).unwrap().unwrap();
    let mut names: Vec<String> = paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn staged(folder: &Path, bytes: &[u8]) -> Sealed {
    let mut staged = Staged::create(folder, 0o600).unwrap();
    staged.write_all(bytes).unwrap();
    staged.seal().unwrap()
}

#[test]
fn a_name_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("name");
    let first = staged(folder.path(), b"first");
    assert_eq!(first.blob(), BlobRef::of(b"first"));
    first.read_back().unwrap();
    assert_eq!(first.link(&path).unwrap(), Outcome::Created);
    let second = staged(folder.path(), b"second");
    assert_eq!(second.link(&path).unwrap(), Outcome::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(names(folder.path()), ["name"]);
    staged(folder.path(), b"third").replace(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"third");
    assert_eq!(names(folder.path()), ["name"]);
}

#[test]
fn what_is_not_published_disappears() {
    let folder = tempfile::tempdir().unwrap();
    drop(Staged::create(folder.path(), 0o600).unwrap());
    drop(staged(folder.path(), b"sealed"));
    let nowhere = folder.path().join("no/such/folder");
    let error = staged(folder.path(), b"lost").link(&nowhere).unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn reading_back_sees_what_the_disk_did() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = staged(folder.path(), b"as it was meant");
    fs::write(&sealed.name.0, b"as it was meanT").unwrap();
    assert!(matches!(sealed.read_back(), Err(FileError::Digest { .. })));
    fs::write(&sealed.name.0, b"as it was").unwrap();
    let Err(FileError::Length {
        expected, found, ..
    }) = sealed.read_back()
    else {
        panic!("a short file has another length");
    };
    assert_eq!((expected, found), (15, 9));
}

#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), b"file").unwrap();
    fs::create_dir(path("folder")).unwrap();
    symlink(path("file"), path("link")).unwrap();
    symlink(path("nothing"), path("dangling")).unwrap();
    // Opening a pipe for reading would wait for a writer.
    assert!(
        Command::new("mkfifo")
            .arg(path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    for name in ["folder", "link", "dangling", "pipe"] {
        let refused = open_regular(&path(name));
        assert!(
            matches!(refused, Err(FileError::NotRegular { .. })),
            "{name}"
        );
    }
    assert!(matches!(
        open_regular(Path::new("/dev/null")),
        Err(FileError::NotRegular { .. })
    ));
    assert!(open_regular(&path("missing")).unwrap_err().is_not_found());
    assert!(open_of_length(&path("file"), 4).is_ok());
    assert!(matches!(
        open_of_length(&path("file"), 5),
        Err(FileError::Length { found: 4, .. })
    ));
}

#[test]
fn documents_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document");
    assert!(read_document(&path, 8).unwrap().is_none());
    fs::write(&path, b"12345678").unwrap();
    assert_eq!(read_document(&path, 8).unwrap().unwrap(), b"12345678");
    assert!(matches!(
        read_document(&path, 7),
        Err(FileError::TooLong { limit: 7, .. })
    ));
}

#[test]
fn a_copy_is_checked_while_it_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let copy = |contents: &[u8], blob: &BlobRef| {
        fs::write(&path, contents).unwrap();
        let mut copied = Vec::new();
        let mut file = open_regular(&path).unwrap();
        copy_checked(&mut file, &path, blob, &mut copied).map(|()| copied)
    };
    let blob = BlobRef::of(b"0123456789");
    assert_eq!(copy(b"0123456789", &blob).unwrap(), b"0123456789");
    assert!(matches!(
        copy(b"012345678", &blob),
        Err(FileError::Length { found: 9, .. })
    ));
    // However long the file has grown, one byte too many is enough to know.
    let longer = [b"0123456789".as_slice(), &[0; 100_000]].concat();
    assert!(matches!(
        copy(&longer, &blob),
        Err(FileError::Length { found: 11, .. })
    ));
    assert!(matches!(
        copy(b"0123456780", &blob),
        Err(FileError::Digest { .. })
    ));
}

#[test]
fn folders_are_made_once_and_listed_when_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("folder");
    assert!(list(&path).unwrap().is_none());
    create_folder(&path, 0o700).unwrap();
    create_folder(&path, 0o700).unwrap();
    assert_eq!(list(&path).unwrap(), Some(Vec::new()));
    create_folder(&path.join("a/b/c"), 0o700).unwrap();
    let mode = |below| fs::metadata(path.join(below)).unwrap().mode() & 0o777;
    assert_eq!(mode("a/b/c"), 0o700);
    assert_ne!(mode("a/b"), 0o700, "only the folder itself is private");
    fs::write(path.join("file"), b"").unwrap();
    assert!(create_folder(&path.join("file/below"), 0o700).is_err());
}
