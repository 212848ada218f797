//! An API key as text: `certq_`, its id, `_`, 64 hex digits.
//!
//! The prefix is for scanners that look for keys in places where they should not be; the id tells
//! which key it is without showing it. The digits are 32 bytes of the system's randomness. So the
//! plain SHA-256 of a key can be kept: nobody searches 2^256 keys, and a slow hash, which protects
//! passwords that people choose, would only let strangers make us work.

use certificate::key::random_secret;
use snapshot::Digest;
use zeroize::Zeroizing;

const PREFIX: &str = "certq_";

/// Hex digits of an id and of a secret.
pub(super) const ID_DIGITS: usize = 8;
const SECRET_DIGITS: usize = 64;

/// A key that was just made; the only time that it is known here.
pub struct NewKey {
    /// Which key it is.
    pub id: String,
    /// The key itself.
    pub secret: Zeroizing<String>,
    pub(super) digest: Digest,
}

impl NewKey {
    /// Makes a key. Its id is random as well; the caller sees to it that no other key has it.
    pub(super) fn random() -> Self {
        let hex = |bytes| Zeroizing::new(Digest::from_bytes(bytes).to_string());
        let id = hex(*random_secret())[..ID_DIGITS].to_owned();
        let secret = Zeroizing::new(format!("{PREFIX}{id}_{}", *hex(*random_secret())));
        let digest = Digest::of(secret.as_bytes());
        Self { id, secret, digest }
    }
}

/// The digest of what a client sent, if it has the shape of a key. Cost: a hash of 79 bytes.
pub(super) fn digest(bearer: &str) -> Option<Digest> {
    let (id, secret) = bearer.strip_prefix(PREFIX)?.split_once('_')?;
    let shaped = is_hex(id, ID_DIGITS) && is_hex(secret, SECRET_DIGITS);
    shaped.then(|| Digest::of(bearer.as_bytes()))
}

/// Whether these are so many lower-case hex digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_found_by_its_digest_and_nothing_else_has_one() {
        let key = NewKey::random();
        assert_eq!(digest(&key.secret), Some(key.digest));
        assert_eq!(key.secret.len(), 79);
        assert!(key.secret.starts_with(&format!("certq_{}_", key.id)));
        assert_ne!(NewKey::random().digest, key.digest);
        for wrong in [
            "",
            "certq_",
            "certq__",
            &key.secret[1..],
            &key.secret[..78],
            &format!("{}0", *key.secret),
            &format!(" {}", *key.secret),
            &key.secret.to_uppercase(),
            &key.secret.replacen("certq_", "certq-", 1),
        ] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
    }
}
