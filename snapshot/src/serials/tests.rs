//! What `serials` promises, and what it refuses.

use fst::raw::Builder;
use proptest::prelude::*;

use super::*;
use crate::layout;

fn number(group: &str, serial: u32) -> CertificateNumber {
    CertificateNumber::parse(&format!("{group}{serial:06}")).unwrap()
}

fn index(keys: &[(Vec<u8>, u64)]) -> NumberIndex<Vec<u8>> {
    let mut builder = Builder::new_type(Vec::new(), layout::NUMBERS_TYPE).unwrap();
    for (key, value) in keys {
        builder.insert(key, *value).unwrap();
    }
    NumberIndex::open(builder.into_inner().unwrap(), keys.len() as u64).unwrap()
}

fn ranked(numbers: &[CertificateNumber]) -> NumberIndex<Vec<u8>> {
    let keys = numbers.iter().map(|number| number.as_bytes().to_vec());
    index(&keys.zip(0..).collect::<Vec<_>>())
}

const GROUPS: [&str; 4] = [
    "J000044000001203",
    "J000044000001204",
    "S00004400000221T",
    "Y000044000003205",
];

/// Every number is found and leads back; every other one of those asked is unknown, as the `fst`
/// says.
fn assert_agrees(numbers: &[CertificateNumber], asked: &[CertificateNumber]) {
    let index = ranked(numbers);
    let serials = Serials::of(&index).unwrap();
    serials.check_sum().unwrap();
    for (number, ordinal) in numbers.iter().zip(0..) {
        assert_eq!(serials.ordinal(number), Some(ordinal));
        assert!(serials.number(ordinal) == Some(*number));
    }
    for number in asked {
        assert_eq!(Ok(serials.ordinal(number)), index.ordinal(number));
    }
    let count = u32::try_from(numbers.len()).unwrap();
    for beyond in [count, count + 1, u32::MAX] {
        assert!(serials.number(beyond).is_none());
    }
}

#[test]
fn dense_groups_groups_with_holes_and_edges() {
    let mut numbers = Vec::new();
    numbers.extend(
        (0..2_500)
            .filter(|it| it % 50 != 7)
            .map(|it| number(GROUPS[0], it)),
    );
    numbers.extend([0, 99, 100, 199, 5_000, 5_063, 5_064, 999_999].map(|it| number(GROUPS[1], it)));
    numbers.push(number(GROUPS[2], 123_456));
    numbers.extend((999_800..=999_999).map(|it| number(GROUPS[3], it)));
    let groups = GROUPS
        .into_iter()
        .chain(["J000044000001193", "Y999999999999999"]);
    let asked = groups.flat_map(|group| {
        let serials = (0..3_000).chain(4_900..5_200).chain(999_700..1_000_000);
        serials
            .map(|serial| number(group, serial))
            .collect::<Vec<_>>()
    });
    assert_agrees(&numbers, &asked.collect::<Vec<_>>());
}

#[test]
fn an_empty_layer_knows_nothing() {
    assert_agrees(&[], &[number(GROUPS[0], 0), number(GROUPS[2], 999_999)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_numbers_are_found(
        known in prop::collection::btree_set((0..4_usize, 0..3_000_u32), 0..300),
        asked in prop::collection::vec((0..4_usize, 0..3_000_u32), 100),
    ) {
        let number = |(group, serial): &(usize, u32)| number(GROUPS[*group], *serial);
        let known: Vec<_> = known.iter().map(number).collect();
        assert_agrees(&known, &asked.iter().map(number).collect::<Vec<_>>());
    }
}

/// Blobs of a faulty writer.
#[test]
fn what_is_no_number_or_no_rank_is_damage() {
    let key = |group: &str, serial| number(group, serial).as_bytes().to_vec();
    let good = |group, serial, value| (key(group, serial), value);
    for (what, keys) in [
        ("first value", vec![good(GROUPS[0], 1, 1)]),
        (
            "gap of values",
            vec![good(GROUPS[0], 1, 0), good(GROUPS[0], 2, 2)],
        ),
        (
            "gap between blocks",
            vec![good(GROUPS[0], 1, 0), good(GROUPS[0], 101, 2)],
        ),
        (
            "gap between groups",
            vec![good(GROUPS[0], 1, 0), good(GROUPS[1], 1, 7)],
        ),
        (
            "descending",
            vec![good(GROUPS[0], 1, 1), good(GROUPS[0], 2, 0)],
        ),
        ("short", vec![(key(GROUPS[0], 1)[..21].to_vec(), 0)]),
        (
            "shorter",
            vec![(b"J0000".to_vec(), 0), good(GROUPS[0], 1, 1)],
        ),
        (
            "long",
            vec![([key(GROUPS[0], 1), b"0".to_vec()].concat(), 0)],
        ),
        ("class", vec![(b"Q000044000001203000001".to_vec(), 0)]),
        (
            "letter in a group",
            vec![(b"J00004400000X203000001".to_vec(), 0)],
        ),
        (
            "letter in a serial",
            vec![(b"J0000440000012030X0001".to_vec(), 0)],
        ),
        (
            "letter at the end",
            vec![(b"J00004400000120300000X".to_vec(), 0)],
        ),
    ] {
        let damaged = Serials::of(&index(&keys)).err();
        assert_eq!(damaged.map(|it| it.fault), Some(Fault::Order), "{what}");
    }
}

#[test]
fn what_has_rotted_in_memory_is_seen() {
    let numbers: Vec<_> = (0..500).map(|serial| number(GROUPS[0], serial)).collect();
    let index = ranked(&numbers);
    let rotten = |rot: fn(&mut Serials)| {
        let mut serials = Serials::of(&index).unwrap();
        rot(&mut serials);
        serials.check_sum().is_err()
    };
    assert!(rotten(|it| it.slots[1] ^= 1));
    assert!(rotten(|it| it.groups[1].name ^= 1 << 100));
    assert!(rotten(|it| it.groups[1].begin ^= 1));
    assert!(rotten(|it| it.groups[1].first ^= 1));
    assert!(rotten(|it| it.groups[1].blocks ^= 1));
    assert!(rotten(|it| it.groups[1].hundred ^= 1));
    assert!(rotten(|it| it.groups[1].is_dense ^= true));
    assert!(rotten(|it| it.blocks[3].used[1] ^= 1));
    assert!(rotten(|it| it.blocks[3].first ^= 1));
    assert!(rotten(|it| it.blocks[3].hundred ^= 1));
}
