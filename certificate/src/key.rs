//! Keyed hashes of the factors of a look-up: the only place where keys are formed.
//!
//! An identity number has so little entropy that any plain hash of it can be undone by trying
//! all of them; so nothing that involves a person is stored without a secret. Each purpose has
//! its own label in the message, so that a value made for one says nothing for another.

use std::fmt;

use aws_lc_rs::constant_time;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::holder::HolderName;
use crate::identity::IdentityNumber;
use crate::number::CertificateNumber;

/// How the keyed hashes are made. The id stands in manifests and key files, so that HMAC-SM3 can
/// come beside it one day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MacAlgorithm {
    /// HMAC-SHA-256, truncated.
    HmacSha256,
}

/// Which look-up key: 16 hex digits that follow from the secret and do not reveal it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 8]);

/// A secret of 32 random bytes, ready to make keys with. Never printed.
#[derive(Clone)]
pub struct LookupKey {
    id: KeyId,
    /// The state after the secret; each hash begins with a copy of it.
    mac: Hmac<Sha256>,
}

/// A keyed hash of one factor, bound to one certificate number: equal names do not give equal
/// tags.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Tag([u8; Self::LENGTH]);

/// A keyed hash of identity number and name, by which a holder's certificates are found.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HolderKey([u8; Self::LENGTH]);

impl MacAlgorithm {
    /// The id in manifests and key files.
    pub const fn id(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha-256",
        }
    }

    /// The algorithm of an id.
    pub fn from_id(id: &str) -> Option<Self> {
        (id == Self::HmacSha256.id()).then_some(Self::HmacSha256)
    }
}

impl LookupKey {
    /// Bytes of the secret.
    pub const SECRET_LENGTH: usize = 32;

    /// A key of this secret.
    pub fn new(algorithm: MacAlgorithm, secret: &[u8; Self::SECRET_LENGTH]) -> Self {
        let MacAlgorithm::HmacSha256 = algorithm;
        let mac = KeyInit::new_from_slice(secret).expect("HMAC takes a key of any length");
        let mut id = KeyId([0; 8]);
        truncate_into(&mut id.0, &mac, &[b"certq key-id"]);
        Self { id, mac }
    }

    /// Which key this is.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The tag of a name on a certificate.
    pub fn name_tag(&self, number: &CertificateNumber, name: &HolderName) -> Tag {
        let mut tag = Tag([0; Tag::LENGTH]);
        let factors: [&[u8]; 3] = [b"certq name", number.as_bytes(), name.expose().as_bytes()];
        truncate_into(&mut tag.0, &self.mac, &factors);
        tag
    }

    /// The tag of an identity number on a certificate.
    pub fn id_tag(&self, number: &CertificateNumber, id: &IdentityNumber) -> Tag {
        let mut tag = Tag([0; Tag::LENGTH]);
        let factors: [&[u8]; 3] = [b"certq id", number.as_bytes(), id.expose().as_bytes()];
        truncate_into(&mut tag.0, &self.mac, &factors);
        tag
    }

    /// The key of a holder.
    pub fn holder_key(&self, id: &IdentityNumber, name: &HolderName) -> HolderKey {
        let mut key = HolderKey([0; HolderKey::LENGTH]);
        let factors: [&[u8]; 3] = [
            b"certq holder",
            id.expose().as_bytes(),
            name.expose().as_bytes(),
        ];
        truncate_into(&mut key.0, &self.mac, &factors);
        key
    }
}

/// HMAC over the parts, cut to the length of `out`. Parts end with U+001F, which no canonical
/// text contains, so that no two lists of parts give one message. Cost: about 0.14 µs.
fn truncate_into(out: &mut [u8], mac: &Hmac<Sha256>, parts: &[&[u8]]) {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(part);
        mac.update(b"\x1f");
    }
    out.copy_from_slice(&mac.finalize().into_bytes()[..out.len()]);
}

impl Tag {
    /// Bytes on disk.
    pub const LENGTH: usize = 8;

    /// Takes stored bytes.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Compares without telling by time where the bytes differ.
    pub fn matches(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl HolderKey {
    /// Bytes on disk.
    pub const LENGTH: usize = 12;

    /// Takes stored bytes.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl KeyId {
    /// Reads the 16 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 16 && lower)
            .then(|| u64::from_str_radix(text, 16).ok())
            .flatten()
            .map(|id| Self(id.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupKey({})", self.id)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(…)")
    }
}

impl fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HolderKey(…)")
    }
}

/// 32 fresh bytes from the system's generator, wiped on drop.
///
/// # Panics
///
/// When the system has no randomness; nothing secret can be made then.
pub fn random_secret() -> Zeroizing<[u8; LookupKey::SECRET_LENGTH]> {
    let mut secret = Zeroizing::new([0; LookupKey::SECRET_LENGTH]);
    aws_lc_rs::rand::fill(secret.as_mut_slice()).expect("the system provides randomness");
    secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::IdentityType;

    fn factors() -> (CertificateNumber, HolderName, IdentityNumber) {
        (
            CertificateNumber::parse("J000044000001203000123").unwrap(),
            HolderName::parse("张三").unwrap(),
            IdentityNumber::parse(IdentityType::RESIDENT, "11010519491231002X").unwrap(),
        )
    }

    #[test]
    fn values_are_those_of_hmac_sha_256() {
        // Oracle: python3 -c 'import hmac; print(hmac.new(bytes(32), MESSAGE, "sha256").hexdigest())'
        let key = LookupKey::new(MacAlgorithm::HmacSha256, &[0; 32]);
        let (number, name, id) = factors();
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(key.id().to_string(), "581e5c4e28409a94");
        assert_eq!(
            hex(key.name_tag(&number, &name).as_bytes()),
            "35d492773c7045b3"
        );
        assert_eq!(hex(key.id_tag(&number, &id).as_bytes()), "f8b616fe792393f7");
        assert_eq!(
            hex(key.holder_key(&id, &name).as_bytes()),
            "5eb9b49dbe36b20fd4acf290"
        );
    }

    #[test]
    fn tags_are_bound_to_number_purpose_and_key() {
        let key = LookupKey::new(MacAlgorithm::HmacSha256, &[1; 32]);
        let other_key = LookupKey::new(MacAlgorithm::HmacSha256, &[2; 32]);
        let (number, name, _) = factors();
        let other_number = CertificateNumber::parse("J000044000001203000124").unwrap();
        let tag = key.name_tag(&number, &name);
        assert!(tag.matches(&key.name_tag(&number, &name)));
        assert!(!tag.matches(&key.name_tag(&other_number, &name)));
        assert!(!tag.matches(&other_key.name_tag(&number, &name)));
        assert_ne!(key.id(), other_key.id());
    }

    #[test]
    fn secrets_do_not_print() {
        let key = LookupKey::new(MacAlgorithm::HmacSha256, &[7; 32]);
        assert_eq!(format!("{key:?}"), format!("LookupKey({})", key.id()));
        assert_eq!(KeyId::parse(&key.id().to_string()), Some(key.id()));
        assert_eq!(KeyId::parse("00"), None);
        assert_eq!(KeyId::parse("000000000000000G"), None);
        assert_ne!(*random_secret(), *random_secret());
    }
}
