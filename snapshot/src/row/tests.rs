//! What `row` promises, and what it refuses.

use proptest::prelude::*;

use super::*;

fn number(serial: u32) -> CertificateNumber {
    CertificateNumber::parse(&format!("J000044000001203{serial:06}")).unwrap()
}

fn example() -> Row {
    Row {
        name_tag: Tag::from_bytes(*b"name tag"),
        id_tag: Tag::from_bytes(*b"id   tag"),
        initial: '张',
        occupation: 0x0102,
        direction: 0x0304,
        reason: Some(0x0506),
        review_centre: 7,
        issued_on: date::from_day_number(18_596),
        reviewed_on: date::from_day_number(18_586),
        status: Status::Withdrawn,
        status_on: Some(date::from_day_number(19_000)),
        revision: 2,
        sequence: 0x0a_0b0c_0d0e,
    }
}

prop_compose! {
    fn rows()(
        tags in any::<([u8; 8], [u8; 8])>(),
        initial in any::<char>(),
        codes in any::<(u16, u16, u8)>(),
        reason in proptest::option::of(0..NONE),
        days in any::<(u16, u16)>(),
        status_on in proptest::option::of(0..NONE),
        withdrawn in any::<bool>(),
        revision in 1..=u16::MAX,
        sequence in 1..=SEQUENCE_MAX,
    ) -> Row {
        Row {
            name_tag: Tag::from_bytes(tags.0),
            id_tag: Tag::from_bytes(tags.1),
            initial,
            occupation: codes.0,
            direction: codes.1,
            reason,
            review_centre: codes.2,
            issued_on: date::from_day_number(days.0),
            reviewed_on: date::from_day_number(days.1),
            status: if withdrawn { Status::Withdrawn } else { Status::Valid },
            status_on: status_on.map(date::from_day_number),
            revision,
            sequence,
        }
    }
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(row in rows(), serial in 0_u32..1_000_000) {
        let bytes = row.pack(&number(serial)).unwrap();
        prop_assert_eq!(Row::unpack(&number(serial), &bytes), Some(row));
        prop_assert_eq!(Row::unpack(&number((serial + 1) % 1_000_000), &bytes), None);
    }
}

/// The bytes of version 2. A change here is a new [`layout::ROWS_VERSION`].
#[test]
fn the_bytes_of_version_2() {
    let bytes = example().pack(&number(123)).unwrap();
    // Oracle for the checksum: a bitwise CRC-32C of the number and of what follows.
    let mut checked = number(123).as_bytes().to_vec();
    checked.extend_from_slice(&bytes[4..]);
    assert_eq!(bytes[..4], bitwise_crc32c(&checked).to_le_bytes());
    assert_eq!(&bytes[4..20], b"name tagid   tag");
    #[rustfmt::skip]
    let rest = [
        0x20, 0x5f, 0x20,             // 张, U+5F20; withdrawn
        0x02, 0x01, 0x04, 0x03,       // occupation, direction
        0x06, 0x05, 7,                // reason, centre
        0xa4, 0x48, 0x9a, 0x48,       // issued, reviewed
        0x38, 0x4a,                   // status on
        2, 0,                         // revision
        0x0e, 0x0d, 0x0c, 0x0b, 0x0a, // sequence
    ];
    assert_eq!(bytes[20..], rest);
}

fn bitwise_crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = crc & 1 == 1;
            (crc >> 1) ^ if carry { 0x82f6_3b78 } else { 0 }
        })
    })
}

#[test]
fn every_flipped_bit_is_seen() {
    let intact = example().pack(&number(123)).unwrap();
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Row::unpack(&number(123), &bytes), None, "bit {bit}");
    }
}

/// A row that a faulty writer made, with a checksum that fits.
#[test]
fn impossible_values_are_not_read() {
    // A status, a character twice; then a revision and a sequence of 0.
    for (offset, values) in [
        (22, &[0x40][..]),
        (22, &[0x11]),
        (21, &[0xd8]),
        (36, &[0; 2]),
        (38, &[0; 5]),
    ] {
        let mut bytes = example().pack(&number(123)).unwrap();
        bytes[offset..offset + values.len()].copy_from_slice(values);
        let fitting = checksum(&number(123), &bytes);
        bytes[..4].copy_from_slice(&fitting.to_le_bytes());
        assert!(PackedRow(&bytes).is_intact(&number(123)));
        assert_eq!(Row::unpack(&number(123), &bytes), None, "offset {offset}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let early = Date::constant(1969, 12, 31);
    let last = date::from_day_number(u16::MAX);
    let day = |field| RowError::Day { field };
    let example = example();
    for (row, error) in [
        (
            Row {
                issued_on: early,
                ..example
            },
            day("issued_on"),
        ),
        (
            Row {
                reviewed_on: early,
                ..example
            },
            day("reviewed_on"),
        ),
        (
            Row {
                status_on: Some(early),
                ..example
            },
            day("status_on"),
        ),
        (
            Row {
                status_on: Some(last),
                ..example
            },
            day("status_on"),
        ),
        (
            Row {
                reason: Some(NONE),
                ..example
            },
            RowError::Reason { code: NONE },
        ),
        (
            Row {
                revision: 0,
                ..example
            },
            RowError::Revision,
        ),
        (
            Row {
                sequence: 0,
                ..example
            },
            RowError::Sequence { sequence: 0 },
        ),
        (
            Row {
                sequence: 1 << 40,
                ..example
            },
            RowError::Sequence { sequence: 1 << 40 },
        ),
    ] {
        assert_eq!(row.pack(&number(1)), Err(error));
    }
    let edge = Row {
        issued_on: last,
        sequence: SEQUENCE_MAX,
        ..example
    };
    assert!(edge.pack(&number(1)).is_ok());
}
