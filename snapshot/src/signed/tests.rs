//! What `signed` promises, and what it refuses.

use certificate::key::{LookupKey, MacAlgorithm};
use serde_json::Value;

use super::*;
use crate::channel::{Channel, ChannelEntry};
use crate::digest::BlobRef;
use crate::manifest::{Counts, LayerKind, LayerRef, LedgerHead, Manifest, PublishId};

fn publisher() -> Publisher {
    Publisher::new(&[7; 32])
}

fn believed() -> PublisherKeys {
    PublisherKeys::new(vec![publisher().public().clone()])
}

fn publish_id() -> PublishId {
    serde_json::from_str("\"000102030405060708090a0b0c0d0e0f\"").unwrap()
}

fn entry() -> ChannelEntry {
    ChannelEntry {
        format: layout::FORMAT,
        channel: Channel::parse("stable").unwrap(),
        epoch: 107,
        generation: 42,
        manifest: Digest::of(b"manifest"),
        published_at: "2026-11-24T02:00:00Z".parse().unwrap(),
        publish_id: publish_id(),
        reason: "publish".into(),
        overrides: Vec::new(),
    }
}

fn layer(kind: LayerKind, certificates: u64) -> LayerRef {
    let blob = BlobRef::of(b"");
    LayerRef {
        kind,
        key_id: LookupKey::new(MacAlgorithm::HmacSha256, &[0; 32]).id(),
        algorithm: MacAlgorithm::HmacSha256,
        certificates,
        numbers: blob,
        holders: blob,
        rows: blob,
    }
}

fn manifest(layers: Vec<LayerRef>, certificates: u64) -> Manifest {
    Manifest {
        format: layout::FORMAT,
        generation: 42,
        publish_id: publish_id(),
        created_at: "2026-11-24T01:59:58Z".parse().unwrap(),
        normalisation: certificate::NORMALISATION_VERSION,
        layers,
        texts: BlobRef::of(b""),
        counts: Counts {
            certificates,
            withdrawn: 0,
            institutions: 0,
        },
        ledger: LedgerHead {
            head: Digest::of(b""),
            batches: 0,
            rows: 0,
        },
        registry: Digest::of(b"registry"),
        base: None,
        pointed: None,
    }
}

/// Signs a text that no [`Publisher::sign`] would make.
fn sign_text<T: Document>(signed: &str) -> Vec<u8> {
    let publisher = publisher();
    let signature = publisher.pair.sign(&message::<T>(signed));
    spell(
        signed,
        publisher.public.id(),
        &hex::encode(signature.as_ref()),
    )
    .into_bytes()
}

/// The bytes of format 1. A change here is a new [`layout::FORMAT`]. Oracle of the signature:
/// `openssl pkeyutl -sign -rawin` with the same seed, over the label and the bytes of `signed`.
#[test]
fn the_bytes_of_format_1() {
    let signed = publisher().sign(entry()).unwrap();
    let expected = concat!(
        r#"{"signed":{"format":1,"channel":"stable","epoch":107,"generation":42,"#,
        r#""manifest":"05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f","#,
        r#""published_at":"2026-11-24T02:00:00Z","#,
        r#""publish_id":"000102030405060708090a0b0c0d0e0f","reason":"publish","overrides":[]},"#,
        r#""signature":{"key":"fe812c12f3ab4ce6","#,
        r#""ed25519":"ccfdd541dcc93fce0bf73a83be1dfcd5f2f14d70a5b8c359c2d3c1c1a080357db1e341c10670df99976219418520900d4446ee76f64ae0d1d1817973932c050d"}}"#,
        "\n"
    );
    assert_eq!(std::str::from_utf8(signed.bytes()).unwrap(), expected);
    assert_eq!(*signed.digest(), Digest::of(signed.bytes()));
}

#[test]
fn what_is_signed_is_read() {
    let signed = publisher().sign(entry()).unwrap();
    let read = believed()
        .open::<ChannelEntry>(signed.bytes().to_vec())
        .unwrap();
    assert_eq!(*read, entry());
    assert_eq!(read.digest(), signed.digest());
    assert_eq!(
        open_unverified::<ChannelEntry>(signed.bytes()).unwrap(),
        entry()
    );
    let two = vec![layer(LayerKind::Fresh, 3), layer(LayerKind::Base, 10)];
    let manifest = manifest(two, 12);
    let signed = publisher().sign(manifest.clone()).unwrap();
    let read = believed()
        .open::<Manifest>(signed.bytes().to_vec())
        .unwrap();
    assert_eq!(*read, manifest);
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let intact = publisher().sign(entry()).unwrap().bytes().to_vec();
    for bit in 0..intact.len() * 8 {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(believed().open::<ChannelEntry>(bytes).is_err(), "bit {bit}");
    }
    for length in 0..intact.len() {
        let cut = intact[..length].to_vec();
        assert!(believed().open::<ChannelEntry>(cut).is_err(), "{length}");
    }
}

#[test]
fn the_envelope_has_one_spelling() {
    let bytes = publisher().sign(entry()).unwrap().bytes().to_vec();
    let text = String::from_utf8(bytes).unwrap();
    for other in [
        text.trim_end().to_owned(),
        format!("{text}\n"),
        format!(" {text}"),
        text.replacen(":{\"key\"", ": {\"key\"", 1),
    ] {
        let refused = believed().open::<ChannelEntry>(other.into_bytes());
        assert!(
            matches!(refused, Err(DocumentError::Envelope)),
            "{refused:?}"
        );
    }
    let more = text.replacen("{\"signed\"", "{\"unsigned\":1,\"signed\"", 1);
    let refused = believed().open::<ChannelEntry>(more.into_bytes());
    assert!(matches!(refused, Err(DocumentError::Malformed(_))));
}

#[test]
fn strangers_and_other_kinds_are_refused() {
    let stranger = Publisher::new(&[8; 32]);
    let foreign = stranger.sign(entry()).unwrap();
    let refused = believed().open::<ChannelEntry>(foreign.bytes().to_vec());
    assert!(
        matches!(refused, Err(DocumentError::ForeignKey { key }) if key == stranger.public().id())
    );
    // A stranger under our name.
    let text = String::from_utf8(foreign.bytes().to_vec()).unwrap();
    let forged = text.replace(stranger.public().id(), publisher().public().id());
    let refused = believed().open::<ChannelEntry>(forged.into_bytes());
    assert!(matches!(refused, Err(DocumentError::Signature { .. })));
    // What we signed as one kind, offered as another.
    let signed = publisher().sign(entry()).unwrap();
    let refused = believed().open::<Manifest>(signed.bytes().to_vec());
    assert!(matches!(refused, Err(DocumentError::Signature { .. })));
    let nobody = PublisherKeys::new(Vec::new()).open::<ChannelEntry>(signed.bytes().to_vec());
    assert!(matches!(nobody, Err(DocumentError::ForeignKey { .. })));
}

#[test]
fn fields_of_the_future_are_passed_over_when_they_are_signed() {
    let mut value = serde_json::to_value(entry()).unwrap();
    value["watchers"] = Value::from(3);
    let bytes = sign_text::<ChannelEntry>(&value.to_string());
    assert_eq!(*believed().open::<ChannelEntry>(bytes).unwrap(), entry());
}

#[test]
fn another_format_is_named_before_anything_else() {
    let bytes = sign_text::<ChannelEntry>("{\"format\":2,\"layout\":\"all different\"}");
    assert!(matches!(
        believed().open::<ChannelEntry>(bytes),
        Err(DocumentError::Format {
            expected: 1,
            found: 2
        })
    ));
    for text in ["{}", "[]", "{\"format\":1}", "{\"format\":1,\"format\":1}"] {
        let refused = believed().open::<ChannelEntry>(sign_text::<ChannelEntry>(text));
        assert!(
            matches!(refused, Err(DocumentError::Malformed(_))),
            "{text}"
        );
    }
}

#[test]
fn manifests_that_no_reader_takes_are_not_signed() {
    use LayerKind::{Base, Fresh};
    let mut folded = manifest(vec![layer(Base, 1)], 1);
    folded.normalisation += 1;
    let mut revoked = manifest(vec![layer(Base, 1)], 1);
    revoked.counts.withdrawn = 2;
    for (manifest, message) in [
        (
            folded,
            "the generation was built with normalisation 2, this program has 1",
        ),
        (revoked, "1 certificates cannot be in layers of 1 rows"),
        (
            manifest(vec![layer(Base, 4)], 5),
            "5 certificates cannot be in layers of 4 rows",
        ),
        (
            manifest(vec![layer(Fresh, 2), layer(Base, 4)], 3),
            "3 certificates cannot be in layers of 6 rows",
        ),
        (
            manifest(vec![layer(Base, 1 << 32)], 1 << 32),
            "4294967296 certificates cannot be in layers of 4294967296 rows",
        ),
        (
            manifest(vec![layer(Base, 1), layer(Fresh, 1)], 1),
            "2 layers that are not a base, or a fresh layer and a base",
        ),
        (
            manifest(Vec::new(), 0),
            "0 layers that are not a base, or a fresh layer and a base",
        ),
    ] {
        let bytes = sign_text::<Manifest>(&serde_json::to_string(&manifest).unwrap());
        let read = believed().open::<Manifest>(bytes).unwrap_err();
        assert_eq!(read.to_string(), message);
        assert_eq!(publisher().sign(manifest).unwrap_err().to_string(), message);
    }
}

#[test]
fn secrets_do_not_print() {
    let publisher = publisher();
    let id = publisher.public().id();
    assert_eq!(format!("{publisher:?}"), format!("Publisher({id})"));
}
