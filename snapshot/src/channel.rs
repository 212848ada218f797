//! Channel entries: which generation is live since which epoch, and why.
//!
//! A channel is a dense series of entries, one a publish; its newest entry is what readers serve.

use std::fmt;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::manifest::{Manifest, PublishId};
use crate::signed::{Document, DocumentError, Signed};

/// The name of a channel.
///
/// Invariant: 1 to 64 of `a`–`z`, `0`–`9` and `-`, so that it is a harmless file name.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Channel(String);

/// What is live since an epoch.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChannelEntry {
    /// [`FORMAT`](crate::layout::FORMAT).
    pub format: u32,
    /// The channel, also the folder.
    pub channel: Channel,
    /// Number of the entry, also in the file name; rises by one each time.
    pub epoch: u64,
    /// The generation that is live.
    pub generation: u64,
    /// SHA-256 of that generation's manifest file.
    pub manifest: Digest,
    /// Since when.
    pub published_at: Timestamp,
    /// The run of `publish` that made it.
    pub publish_id: PublishId,
    /// Why: `publish`, or what the operator gave.
    pub reason: String,
    /// Guards that the operator overrode, by flag.
    pub overrides: Vec<String>,
}

/// A channel entry and the manifest it names, each signed by a publisher we know.
#[derive(Clone, Debug)]
pub struct Publication {
    entry: Signed<ChannelEntry>,
    manifest: Signed<Manifest>,
}

impl Channel {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let harmless = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        ((1..=64).contains(&text.len()) && text.bytes().all(harmless))
            .then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ChannelEntry {
    /// Refuses an entry that lies in another channel's folder or under another epoch's name.
    pub(crate) fn expect_place(&self, channel: &Channel, epoch: u64) -> Result<(), DocumentError> {
        if self.channel != *channel {
            return Err(DocumentError::Channel {
                expected: channel.clone(),
                found: self.channel.clone(),
            });
        }
        if self.epoch != epoch {
            return Err(DocumentError::Epoch {
                expected: epoch,
                found: self.epoch,
            });
        }
        Ok(())
    }
}

impl Publication {
    /// Puts an entry and its manifest together.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Generation`] or [`DocumentError::ManifestDigest`] when the entry names
    /// another manifest: files of two publications were mixed.
    pub fn new(
        entry: Signed<ChannelEntry>,
        manifest: Signed<Manifest>,
    ) -> Result<Self, DocumentError> {
        manifest.expect_generation(entry.generation)?;
        if *manifest.digest() != entry.manifest {
            return Err(DocumentError::ManifestDigest {
                expected: entry.manifest,
                found: *manifest.digest(),
            });
        }
        Ok(Self { entry, manifest })
    }

    /// What is live, since when.
    pub fn entry(&self) -> &Signed<ChannelEntry> {
        &self.entry
    }

    /// What it is made of.
    pub fn manifest(&self) -> &Signed<Manifest> {
        &self.manifest
    }
}

impl Document for ChannelEntry {
    const LABEL: &'static str = "certq channel entry 1\n";

    fn check(&self) -> Result<(), DocumentError> {
        Ok(())
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({})", self.0)
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a channel name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless() {
        for text in ["stable", "stable-2", "0", &"a".repeat(64)] {
            assert_eq!(Channel::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            ".",
            "..",
            "a/b",
            "/etc",
            "A",
            "a b",
            "a\0",
            "a.json",
            "稳定",
            &"a".repeat(65),
        ] {
            assert_eq!(Channel::parse(text), None, "{text}");
        }
    }
}
