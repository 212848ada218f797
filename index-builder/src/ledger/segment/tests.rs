//! A segment as it is written, found in, damaged and cut.

use super::super::merge::Records;
use super::*;
use certificate::Date;

fn standing(serial: u32) -> Numbered {
    let number = CertificateNumber::parse(&format!("J000044000001203{serial:06}")).unwrap();
    let standing = Standing {
        revision: u16::try_from(serial % 7).unwrap() + 1,
        withdrawn: serial.is_multiple_of(3),
        issued_on: Date::constant(2020, 3, 9),
        details_at: Place {
            batch: 3,
            offset_bytes: u64::from(serial) << 20,
        },
    };
    (number, standing)
}

/// A segment of every second serial below `2 * entries`.
fn write(entries: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("segment");
    let mut writer = SegmentWriter::new(File::create_new(&path).unwrap());
    for serial in 0..entries {
        writer.push(&pack(&standing(serial * 2))).unwrap();
    }
    let sources = [(Digest::of(b"a"), 2), (Digest::of(b"b"), 3)];
    writer
        .finish((2, 3), Digest::of(b"head"), &sources)
        .unwrap();
    (dir, path)
}

#[test]
fn every_number_is_found_and_no_other() {
    // One block, one full block, two levels, three levels.
    for entries in [1, 102, 103, 102 * 185, 102 * 185 + 1] {
        let (_dir, path) = write(entries);
        let segment = Segment::open(&path).unwrap().unwrap();
        assert_eq!(segment.footer.entries, u64::from(entries));
        for serial in 0..entries {
            let (number, expected) = standing(serial * 2);
            assert_eq!(segment.find(&number).unwrap(), Found::Standing(expected));
            let after = (serial + 1 < entries).then(|| standing(serial * 2 + 2).0);
            let between = Found::Between(Some(number), after);
            assert_eq!(segment.find(&standing(serial * 2 + 1).0).unwrap(), between);
        }
        let below = CertificateNumber::parse("J000044000001199999999").unwrap();
        let between = Found::Between(None, Some(standing(0).0));
        assert_eq!(segment.find(&below).unwrap(), between);
        let mut records = Records::of(&segment).unwrap();
        for serial in 0..entries {
            assert_eq!(unpack(records.head().unwrap()), standing(serial * 2));
            records.advance().unwrap();
        }
        assert_eq!(records.head(), None);
        assert_eq!(segment.sources().unwrap()[1], (Digest::of(b"b"), 3));
    }
}

#[test]
fn a_flipped_bit_is_never_an_unknown_number() {
    let (_dir, path) = write(400);
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let Some(segment) = Segment::open(&path).unwrap() else {
            continue;
        };
        let looked_up = (0..400).map(|serial| segment.find(&standing(serial * 2).0));
        let errors = looked_up.filter_map(Result::err).count();
        assert!(errors > 0 || segment.sources().is_err(), "byte {at}");
    }
}

#[test]
fn a_truncated_segment_is_not_opened() {
    let (_dir, path) = write(400);
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 1, 127, 128, 4096, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(Segment::open(&path).unwrap().is_none(), "{length}");
    }
}
