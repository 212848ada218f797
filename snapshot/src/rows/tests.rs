//! What `rows` promises, and what it refuses.

use certificate::{Date, Tag};

use super::*;
use crate::row::{RowError, Status};
use crate::store::StoreError;

fn number(serial: u32) -> CertificateNumber {
    CertificateNumber::parse(&format!("J000044000001203{serial:06}")).unwrap()
}

fn row(sequence: u64) -> Row {
    Row {
        name_tag: Tag::from_bytes([1; 8]),
        id_tag: Tag::from_bytes([2; 8]),
        initial: '李',
        occupation: 0,
        direction: 0,
        reason: None,
        review_centre: 0,
        issued_on: Date::constant(2020, 11, 30),
        reviewed_on: Date::constant(2020, 11, 20),
        status: Status::Valid,
        status_on: None,
        revision: 1,
        sequence,
    }
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let mut writer = NumbersAndRows::new(&store).unwrap();
    for serial in 0..50 {
        writer
            .push(&number(serial * 2), &row(u64::from(serial) + 1))
            .unwrap();
    }
    let (numbers, rows, count) = writer.finish().unwrap();
    assert_eq!(count, 50);
    let bytes = std::fs::read(store.blob_path(&rows)).unwrap();
    assert_eq!(bytes.len(), 16 + 50 * 43);
    assert_eq!(&bytes[..16], b"certqrow\x02\0\x2b\0\0\0\0\0");
    let table = RowTable::open(bytes, 50).unwrap();
    for serial in 0..50 {
        let packed = table.row(serial).unwrap();
        assert!(packed.is_intact(&number(serial * 2)));
        assert_eq!(packed.row(), Some(row(u64::from(serial) + 1)));
    }
    assert!(table.row(50).is_none());
    assert!(table.row(u32::MAX).is_none());
    assert!(store.blob_path(&numbers).exists());
    assert!(store.leftovers().unwrap().staged.is_empty());
}

#[test]
fn equal_input_gives_equal_bytes() {
    let write = || {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let mut writer = NumbersAndRows::new(&store).unwrap();
        for serial in 0..500 {
            writer.push(&number(serial), &row(1)).unwrap();
        }
        writer.finish().unwrap()
    };
    assert_eq!(write(), write());
}

#[test]
fn the_writer_refuses_what_is_unsorted_or_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let mut writer = NumbersAndRows::new(&store).unwrap();
    writer.push(&number(5), &row(1)).unwrap();
    for serial in [5, 4] {
        let refused = writer.push(&number(serial), &row(1)).unwrap_err();
        assert!(matches!(refused, WriteError::Order { position: 1 }));
        assert!(!refused.to_string().contains("J0000"));
    }
    let refused = writer.push(&number(6), &row(0));
    let unfit = RowError::Sequence { sequence: 0 };
    assert!(matches!(refused, Err(WriteError::Row { position: 1, source }) if source == unfit));
    writer.push(&number(6), &row(1)).unwrap();
    assert_eq!(writer.finish().unwrap().2, 2);
}

#[test]
fn a_store_without_folders_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("away"));
    let Err(WriteError::Store(StoreError::File(FileError::Io { path, .. }))) =
        NumbersAndRows::new(&store)
    else {
        panic!("a store that is away cannot be written");
    };
    assert!(path.starts_with(folder.path()));
}

#[test]
fn the_door_checks_header_and_length() {
    let mut intact = header().to_vec();
    intact.extend_from_slice(&row(1).pack(&number(1)).unwrap());
    assert!(RowTable::open(intact.clone(), 1).is_ok());
    for bit in 0..layout::ROWS_HEADER * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let damaged = RowTable::open(bytes, 1).err().unwrap();
        assert_eq!(damaged.offset, bit as u64 / 8);
    }
    for length in 0..intact.len() {
        let damaged = RowTable::open(intact[..length].to_vec(), 1).err().unwrap();
        assert!(matches!(damaged.fault, Fault::Length { .. }));
    }
    assert!(RowTable::open(intact, 2).is_err());
}
