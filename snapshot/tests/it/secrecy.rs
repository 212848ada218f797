//! The published files hold no name and no identity number, in no spelling that a thief would
//! look for.

use std::collections::HashSet;
use std::fs;

use snapshot::Digest;

use crate::world::{Certificate, World, published_files};

/// Spellings of a secret text: itself, in UTF-16, and its plain hashes.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u16> = text.encode_utf16().collect();
    let digest = *Digest::of(text.as_bytes()).as_bytes();
    vec![
        text.as_bytes().to_vec(),
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        digest[..8].to_vec(),
        digest.iter().take(8).rev().copied().collect(),
        hex(text.as_bytes()).into_bytes(),
        hex(&digest[..8]).into_bytes(),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Spellings of an identity number as a number: packed decimal, and binary both ways round.
fn packed(id_number: &str) -> Vec<Vec<u8>> {
    let Ok(number) = id_number.parse::<u64>() else {
        return Vec::new();
    };
    let digits: Vec<u8> = id_number.bytes().map(|digit| digit - b'0').collect();
    let decimal = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    vec![
        decimal,
        number.to_le_bytes().to_vec(),
        number.to_be_bytes().to_vec(),
    ]
}

fn canaries(certificate: &Certificate) -> Vec<Vec<u8>> {
    let (name, id) = (certificate.name.expose(), certificate.id_number.expose());
    let number = certificate.number.as_str();
    let mut canaries = packed(id);
    // All but the check character, and the part that tells a person apart.
    canaries.extend([id.as_bytes()[..17.min(id.len())].to_vec()]);
    canaries.extend(
        [
            format!("{id}{name}"),
            format!("{name}{id}"),
            format!("{number}{id}"),
        ]
        .iter()
        .chain([&id.to_owned(), &name.to_owned()])
        .flat_map(|text| spellings(text)),
    );
    canaries
}

#[test]
fn no_published_byte_names_a_holder() {
    let world = World::published(1_000);
    let files: Vec<Vec<u8>> = published_files(&world.store)
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert_eq!(files.len(), 6, "four blobs, a manifest, a channel entry");
    // Shorter ones would be met by chance.
    let telling = |canary: &Vec<u8>| canary.len() >= 6;
    let holders = world.certificates.iter().flat_map(canaries);
    let canaries: HashSet<Vec<u8>> = holders.filter(telling).collect();
    assert!(canaries.len() > 10_000);
    for bytes in &files {
        assert_eq!(found(&canaries, bytes), None);
    }
    for canary in canaries.iter().take(100) {
        let leak = [&files[0][..50], canary, b"more"].concat();
        assert!(
            found(&canaries, &leak).is_some(),
            "the scan finds what is there"
        );
    }
}

/// How long a canary is that stands in these bytes.
fn found(canaries: &HashSet<Vec<u8>>, bytes: &[u8]) -> Option<usize> {
    let lengths: HashSet<usize> = canaries.iter().map(Vec::len).collect();
    let stands = |length: &usize| {
        bytes
            .windows(*length)
            .any(|window| canaries.contains(window))
    };
    lengths.into_iter().find(stands)
}
