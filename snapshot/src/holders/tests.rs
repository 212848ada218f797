//! What `holders` promises, and what it refuses.

use proptest::prelude::*;

use super::*;

/// Keys spread as keyed hashes are; every fifth holder has three certificates.
fn some_entries(count: u32) -> Vec<(HolderKey, u32)> {
    let mut entries: Vec<(HolderKey, u32)> = (0..count)
        .map(|ordinal| {
            let holder = if ordinal % 5 < 3 {
                ordinal / 5 * 5
            } else {
                ordinal
            };
            let digest = crate::Digest::of(&holder.to_le_bytes());
            let key = digest.as_bytes()[..12].try_into().unwrap();
            (HolderKey::from_bytes(key), ordinal)
        })
        .collect();
    entries.sort_unstable();
    entries
}

/// What the writer writes, without a store.
fn blob(entries: &[(HolderKey, u32)]) -> Vec<u8> {
    let count = entries.len() as u64;
    let mut bytes = header(count).to_vec();
    let mut buckets = Buckets::new(layout::buckets(count));
    for (index, (key, ordinal)) in entries.iter().enumerate() {
        let entry = [&key.as_bytes()[..], &ordinal.to_le_bytes()].concat();
        let index = u32::try_from(index).unwrap();
        buckets.close_below(bucket_of(&entry, buckets.count), index);
        buckets.add(&entry);
        bytes.extend_from_slice(&entry);
    }
    bytes.extend_from_slice(&buckets.finish(count));
    bytes
}

fn ordinals_of(entries: &[(HolderKey, u32)], key: &HolderKey) -> Vec<u32> {
    let ours = entries.iter().filter(|entry| entry.0 == *key);
    ours.map(|entry| entry.1).collect()
}

#[test]
fn the_writer_writes_it_and_the_reader_finds_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    for count in [0, 1, 16, 17, 300] {
        let entries = some_entries(count);
        let mut holders = Holders::new(&store, u64::from(count)).unwrap();
        for (key, ordinal) in &entries {
            holders.push(*key, *ordinal).unwrap();
        }
        let written = holders.finish().unwrap();
        let bytes = std::fs::read(store.blob_path(&written)).unwrap();
        assert_eq!(bytes, blob(&entries));
        let table = HolderTable::open(bytes, u64::from(count)).unwrap();
        for (key, _) in &entries {
            let found: Vec<u32> = table.ordinals(key).unwrap().collect();
            assert_eq!(found, ordinals_of(&entries, key));
        }
        for stranger in [[0; 12], [0x80; 12], [0xff; 12]] {
            let key = HolderKey::from_bytes(stranger);
            assert_eq!(table.ordinals(&key).unwrap().count(), 0);
        }
    }
}

#[test]
fn the_writer_refuses_what_is_unsorted_or_miscounted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let key = |first| HolderKey::from_bytes([first; 12]);
    let mut holders = Holders::new(&store, 3).unwrap();
    holders.push(key(2), 5).unwrap();
    for (key, ordinal) in [(key(2), 5), (key(2), 4), (key(1), 9)] {
        let refused = holders.push(key, ordinal);
        assert!(matches!(refused, Err(WriteError::Order { position: 1 })));
    }
    holders.push(key(2), 6).unwrap();
    let short = holders.finish();
    assert!(matches!(
        short,
        Err(WriteError::Count {
            expected: 3,
            found: 2
        })
    ));
    let mut full = Holders::new(&store, 0).unwrap();
    let one_more = full.push(key(1), 0);
    assert!(matches!(
        one_more,
        Err(WriteError::Count {
            expected: 0,
            found: 1
        })
    ));
    let crowd = Holders::new(&store, layout::LAYER_ROWS_MAX + 1);
    assert!(matches!(crowd, Err(WriteError::TooMany { .. })));
    drop(full);
    assert!(store.leftovers().unwrap().staged.is_empty());
}

/// Every bit of a blob: the door refuses it, or a look-up does, or nothing asked is different.
#[test]
fn flipped_bits_are_damage_and_never_a_miss() {
    let entries = some_entries(100);
    let intact = blob(&entries);
    let directory = usize::try_from(entry_offset(100)).unwrap();
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(table) = HolderTable::open(bytes, 100) else {
            assert!(bit / 8 < layout::HOLDERS_HEADER || bit / 8 >= directory);
            continue;
        };
        let mut damaged = 0;
        for (key, _) in &entries {
            match table.ordinals(key) {
                Ok(found) => assert_eq!(found.collect::<Vec<_>>(), ordinals_of(&entries, key)),
                Err(_) => damaged += 1,
            }
        }
        assert!(damaged > 0, "bit {bit}");
    }
}

#[test]
fn the_door_checks_the_geometry() {
    let entries = some_entries(100);
    let intact = blob(&entries);
    let fault = |bytes: Vec<u8>, count| HolderTable::open(bytes, count).err().unwrap().fault;
    for length in 0..intact.len() {
        assert!(HolderTable::open(intact[..length].to_vec(), 100).is_err());
    }
    assert!(matches!(fault(intact.clone(), 101), Fault::Header { .. }));
    let mut longer = intact.clone();
    longer.push(0);
    assert!(matches!(fault(longer, 100), Fault::Length { .. }));
    let directory = usize::try_from(entry_offset(100)).unwrap();
    for (bucket, first) in [(0, 1_u32), (3, 101), (6, 0)] {
        let mut bytes = intact.clone();
        let at = directory + bucket * layout::BUCKET;
        bytes[at..at + 4].copy_from_slice(&first.to_le_bytes());
        let fault = fault(bytes, 100);
        assert!(
            matches!(fault, Fault::Directory { .. }),
            "{bucket} {fault:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_sorted_entries_are_found(keys in prop::collection::btree_set(any::<[u8; 12]>(), 0..200)) {
        let keys = keys.iter().copied().map(HolderKey::from_bytes);
        let entries: Vec<(HolderKey, u32)> = keys.zip(0..).collect();
        let table = HolderTable::open(blob(&entries), entries.len() as u64).unwrap();
        for (key, ordinal) in &entries {
            prop_assert_eq!(table.ordinals(key).unwrap().collect::<Vec<_>>(), [*ordinal]);
        }
    }
}
