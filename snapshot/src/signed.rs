//! Signed documents: `{"signed":…,"signature":{"key":…,"ed25519":…}}` and a line feed.
//!
//! The signature is over a label of the kind of document and the exact bytes of `signed`, so
//! nothing has to be brought into a canonical form before it is checked, and a signature for one
//! kind says nothing about another. The envelope has exactly one spelling: a document that
//! differs in one byte anywhere is refused.

use std::ops::Deref;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::channel::Channel;
use crate::digest::Digest;
use crate::{hex, json, layout};

/// A kind of document that publishers sign.
pub trait Document: DeserializeOwned + Serialize {
    /// What is signed before the bytes; ends with a line feed, so that it cannot run into them.
    const LABEL: &'static str;

    /// What holds within one document.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    fn check(&self) -> Result<(), DocumentError>;
}

/// A document with the bytes it came from or goes into. Made only by a [`Publisher`] or by
/// [`PublisherKeys::open`].
#[derive(Clone, Debug)]
pub struct Signed<T> {
    document: T,
    bytes: Vec<u8>,
    digest: Digest,
}

/// A publisher's signing key. Never printed.
pub struct Publisher {
    pair: Ed25519KeyPair,
    public: PublisherKey,
}

/// A publisher's public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublisherKey {
    id: String,
    public: [u8; Self::LENGTH],
}

/// The publishers a reader believes.
#[derive(Clone, Debug)]
pub struct PublisherKeys(Vec<PublisherKey>);

/// Why a document is refused. None is worth a retry on the same bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Cut short, rotten, or not ours.
    #[error("the document cannot be parsed")]
    Malformed(#[source] serde_json::Error),
    /// The envelope is not spelt as we spell it.
    #[error("the document has bytes outside what was signed")]
    Envelope,
    /// Signed by nobody we know. Add the publisher's public key, or find out who wrote it.
    #[error("the document is signed by the unknown publisher {key}")]
    ForeignKey {
        /// Id of the key, as the document gives it.
        key: String,
    },
    /// The bytes are not those that were signed.
    #[error("the signature of publisher {key} does not fit the document")]
    Signature {
        /// Id of the key.
        key: String,
    },
    /// Written by another release. Roll the servers, or publish again.
    #[error("the document has format {found}, this program reads {expected}")]
    Format {
        /// [`layout::FORMAT`].
        expected: u32,
        /// What the document says.
        found: u32,
    },
    /// Text was normalised by other rules. Roll the servers, or build a new base.
    #[error("the generation was built with normalisation {found}, this program has {expected}")]
    Normalisation {
        /// [`certificate::NORMALISATION_VERSION`].
        expected: u32,
        /// What the manifest says.
        found: u32,
    },
    /// A manifest under another generation's name, or named by another generation's entry.
    #[error("the manifest is of generation {found}, not {expected}")]
    Generation {
        /// Of the file name or the entry.
        expected: u64,
        /// Of the manifest.
        found: u64,
    },
    /// An entry under another epoch's name.
    #[error("the channel entry is of epoch {found}, not {expected}")]
    Epoch {
        /// Of the file name.
        expected: u64,
        /// Of the entry.
        found: u64,
    },
    /// An entry in another channel's folder.
    #[error("the channel entry is of channel {found}, not {expected}")]
    Channel {
        /// Of the folder.
        expected: Channel,
        /// Of the entry.
        found: Channel,
    },
    /// The manifest is not the one that the entry names.
    #[error("the manifest has digest {found}, the channel entry names {expected}")]
    ManifestDigest {
        /// Of the entry.
        expected: Digest,
        /// Of the manifest file.
        found: Digest,
    },
    /// Neither a base nor a fresh layer on a base.
    #[error("{found} layers that are not a base, or a fresh layer and a base")]
    Layers {
        /// How many.
        found: usize,
    },
    /// The counts cannot be those of the layers.
    #[error("{certificates} certificates cannot be in layers of {rows} rows")]
    Counts {
        /// Certificates of the register.
        certificates: u64,
        /// Rows of all layers.
        rows: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    signed: &'a RawValue,
    #[serde(borrow)]
    signature: EnvelopeSignature<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature<'a> {
    key: &'a str,
    ed25519: &'a str,
}

impl<T> Signed<T> {
    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Digest of the file's bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl<T> Deref for Signed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.document
    }
}

impl Publisher {
    /// Bytes of the secret.
    pub const SECRET_LENGTH: usize = 32;

    /// The key of a secret.
    pub fn new(secret: &[u8; Self::SECRET_LENGTH]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(secret)
            .expect("every 32 bytes are an Ed25519 seed");
        let mut public = [0; PublisherKey::LENGTH];
        public.copy_from_slice(pair.public_key().as_ref());
        Self {
            pair,
            public: PublisherKey::new(public),
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublisherKey {
        &self.public
    }

    /// Signs a document. Nothing is written.
    ///
    /// # Errors
    ///
    /// What the document's own [`check`](Document::check) refuses, so that nothing is signed
    /// that no reader would take.
    pub fn sign<T: Document>(&self, document: T) -> Result<Signed<T>, DocumentError> {
        document.check()?;
        let signed = serde_json::to_string(&document).map_err(DocumentError::Malformed)?;
        let signature = self.pair.sign(&message::<T>(&signed));
        let bytes = spell(&signed, &self.public.id, &hex::encode(signature.as_ref())).into_bytes();
        Ok(Signed {
            document,
            digest: Digest::of(&bytes),
            bytes,
        })
    }
}

impl PublisherKey {
    /// Bytes of the public key.
    pub const LENGTH: usize = 32;

    /// Takes the bytes of a public key.
    pub fn new(public: [u8; Self::LENGTH]) -> Self {
        let id = hex::encode(&Digest::of(&public).as_bytes()[..8]);
        Self { id, public }
    }

    /// Which key it is: the first 16 hex digits of its SHA-256.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bytes of the public key.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.public
    }
}

impl PublisherKeys {
    /// Believes these.
    pub fn new(keys: Vec<PublisherKey>) -> Self {
        Self(keys)
    }

    /// Reads a document: signature first, then version, then contents.
    ///
    /// # Errors
    ///
    /// [`DocumentError`]: whatever is wrong with it.
    pub fn open<T: Document>(&self, bytes: Vec<u8>) -> Result<Signed<T>, DocumentError> {
        let envelope = unfold(&bytes)?;
        let EnvelopeSignature { key: id, ed25519 } = envelope.signature;
        let key = self.0.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| DocumentError::ForeignKey { key: id.to_owned() })?;
        let signature = hex::decode::<64>(ed25519);
        let fits = signature.is_some_and(|signature| {
            UnparsedPublicKey::new(&ED25519, key.public)
                .verify(&message::<T>(envelope.signed.get()), &signature)
                .is_ok()
        });
        if !fits {
            return Err(DocumentError::Signature { key: id.to_owned() });
        }
        Ok(Signed {
            document: contents(envelope.signed)?,
            digest: Digest::of(&bytes),
            bytes,
        })
    }
}

/// Reads a document without asking who signed it; for showing and for looking for damage, never
/// for serving, which is why the result is not a [`Signed`].
pub(crate) fn open_unverified<T: Document>(bytes: &[u8]) -> Result<T, DocumentError> {
    contents(unfold(bytes)?.signed)
}

fn contents<T: Document>(signed: &RawValue) -> Result<T, DocumentError> {
    let text = signed.get();
    let format = json::format_of(text.as_bytes()).map_err(DocumentError::Malformed)?;
    if format != layout::FORMAT {
        return Err(DocumentError::Format {
            expected: layout::FORMAT,
            found: format,
        });
    }
    let document: T = serde_json::from_str(text).map_err(DocumentError::Malformed)?;
    document.check()?;
    Ok(document)
}

fn unfold(bytes: &[u8]) -> Result<Envelope<'_>, DocumentError> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(DocumentError::Malformed)?;
    let EnvelopeSignature { key, ed25519 } = envelope.signature;
    if spell(envelope.signed.get(), key, ed25519).as_bytes() == bytes {
        Ok(envelope)
    } else {
        Err(DocumentError::Envelope)
    }
}

fn spell(signed: &str, key: &str, ed25519: &str) -> String {
    format!(
        "{{\"signed\":{signed},\"signature\":{{\"key\":\"{key}\",\"ed25519\":\"{ed25519}\"}}}}\n"
    )
}

fn message<T: Document>(signed: &str) -> Vec<u8> {
    [T::LABEL.as_bytes(), signed.as_bytes()].concat()
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Publisher({})", self.public.id)
    }
}

#[cfg(test)]
mod tests;
