//! What `keyfile` promises, and what it refuses.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_missing_is_made_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let made = create_missing(&keys).unwrap();
    let names: Vec<_> = made.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(
        names,
        [
            "lookup.key",
            "exchange.key",
            "publisher.key",
            "publisher.pub"
        ]
    );
    assert_eq!(fs::metadata(&keys).unwrap().mode() & 0o777, 0o700);
    for path in &made[..3] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    }
    let before: Vec<_> = made.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(create_missing(&keys).unwrap().is_empty());
    fs::remove_file(&made[3]).unwrap();
    assert_eq!(create_missing(&keys).unwrap(), [made[3].clone()]);
    let after: Vec<_> = made.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(
        before == after,
        "the public key follows from the private one"
    );

    read_lookup(&made[0]).unwrap();
    read_exchange(&made[1]).unwrap();
    let publisher = read_publisher(&made[2]).unwrap();
    assert_eq!(
        *publisher.public(),
        read_publisher_public(&made[3]).unwrap()
    );
}

#[test]
fn a_key_is_what_its_line_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lookup.key");
    let secret = std::array::from_fn(|index| u8::try_from(index).unwrap());
    for end in ["\n", ""] {
        write(
            &path,
            format!("certq lookup key 1 hmac-sha-256 {HEX}{end}"),
            0o600,
        );
        let id = LookupKey::new(MacAlgorithm::HmacSha256, &secret).id();
        assert!(read_lookup(&path).unwrap().id() == id);
    }
    write(
        &path,
        format!("certq exchange key 1 aes-256-gcm-siv {HEX}\n"),
        0o640,
    );
    assert!(*read_exchange(&path).unwrap() == secret);
}

#[test]
fn modes_that_let_others_in_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lookup.key");
    let line = format!("certq lookup key 1 hmac-sha-256 {HEX}\n");
    for mode in [0o400, 0o600, 0o440, 0o640, 0o700, 0o740] {
        write(&path, &line, 0o600);
        write(&path, &line, mode);
        assert!(read_lookup(&path).is_ok(), "{mode:o}");
    }
    for mode in [0o601, 0o602, 0o604, 0o610, 0o620, 0o644, 0o666, 0o777] {
        write(&path, &line, mode);
        let Err(KeyFileError::Mode { mode: found, .. }) = read_lookup(&path) else {
            panic!("{mode:o} lets others in");
        };
        assert_eq!(found, mode);
    }
    // Public keys may be read by anybody, and a secret store hands out links.
    let public = folder.path().join("publisher.pub");
    write(
        &public,
        format!("certq publisher public-key 1 ed25519 {HEX}\n"),
        0o666,
    );
    read_publisher_public(&public).unwrap();
    write(&path, &line, 0o600);
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    read_lookup(&link).unwrap();
}

#[test]
fn other_lines_are_refused_without_being_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lookup.key");
    let good = format!("certq lookup key 1 hmac-sha-256 {HEX}\n");
    for bad in [
        String::new(),
        HEX.to_owned(),
        good.replace("lookup", "exchange"),
        good.replace(" 1 ", " 2 "),
        good.replace("hmac-sha-256", "hmac-sm3"),
        good.replace("0a0b", "0A0B"),
        good.replace("1e1f", "1e1"),
        good.replace("1e1f", "1e1f20"),
        format!("{good}{good}"),
        format!("{good}\n"),
        format!(" {good}"),
        good.replace('\n', "\r\n"),
    ] {
        write(&path, &bad, 0o600);
        let error = read_lookup(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Malformed { .. }), "{bad}");
        assert!(!error.to_string().contains("0405"), "{error}");
    }
    write(&path, [0xff; 80], 0o600);
    assert!(matches!(
        read_lookup(&path),
        Err(KeyFileError::Malformed { .. })
    ));
    let missing = read_lookup(&folder.path().join("missing")).unwrap_err();
    assert!(matches!(missing, KeyFileError::File(error) if error.is_not_found()));
}

#[test]
fn halves_of_two_pairs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("publisher.pub");
    write(
        &public,
        format!("certq publisher public-key 1 ed25519 {HEX}\n"),
        0o644,
    );
    let orphan = create_missing(folder.path());
    assert!(matches!(orphan, Err(KeyFileError::PrivateMissing { .. })));
    assert!(!folder.path().join("publisher.key").exists());
    let private = folder.path().join("publisher.key");
    write(
        &private,
        format!("certq publisher key 1 ed25519 {HEX}\n"),
        0o600,
    );
    let mismatch = create_missing(folder.path());
    assert!(matches!(mismatch, Err(KeyFileError::Mismatch { .. })));
}
