//! Where bytes lie: every file name, path, magic, width and version of the store, the cache and
//! the key directory. Nothing else in the workspace joins one of these paths or spells a magic.
//!
//! It knows no contents: what a blob means is said by the module that reads it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::channel::Channel;
use crate::digest::Digest;

// Documents.

/// Version of the JSON documents: manifest, channel entry, texts and the reader's state.
///
/// Written into each, checked before anything else of it is read. A reader refuses every other
/// version; raise it when a field changes its meaning or a new field must not be overlooked (a
/// field that may be overlooked needs no new version). Roll the servers first, then the builder.
pub const FORMAT: u32 = 1;

/// Longest document a reader takes, in bytes.
///
/// A manifest has some kilobytes; this only keeps a wrong file from filling the memory.
pub const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// Longest texts blob a reader parses, in bytes. A million certificates make about 2 MB.
pub const TEXTS_BYTES_MAX: u64 = 256 << 20;

// The numbers blob.

/// Type id of the `fst` of certificate numbers, in bytes 8–15 of the blob: the format's magic and
/// version in one. The crate keeps 0–255 for itself and does not check the others.
pub const NUMBERS_TYPE: u64 = u64::from_le_bytes(*b"certqnu1");

/// Version of the `fst` crate's own format, in bytes 0–7. Version 3 is the first with a checksum.
pub const FST_VERSION: u64 = 3;

/// Bytes of an `fst` around its nodes: version, type, count of keys, address of the root (8 bytes
/// each) and checksum (4).
pub const FST_FRAME: usize = 36;

/// What follows the root node in an `fst`, plus one: the address of a node is that of its last
/// byte.
pub const FST_ROOT_TO_END: usize = 21;

// The rows blob: header, then rows back to back in number order.

/// First bytes of a rows blob.
pub const ROWS_MAGIC: [u8; 8] = *b"certqrow";

/// Version of the rows blob; raise it with any change to the row.
pub const ROWS_VERSION: u16 = 2;

/// Bytes before the first row: magic 8, version 2, width of a row 2, zero 4.
///
/// There is no count: it follows from the length, and the writer learns it only at the end, when
/// the header has long been hashed.
pub const ROWS_HEADER: usize = 16;

/// Bytes of a row, see [`crate::row`].
pub const ROW: usize = 43;

// The holders blob: header, entries sorted by key, then the bucket directory.

/// First bytes of a holders blob.
pub const HOLDERS_MAGIC: [u8; 8] = *b"certqhol";

/// Version of the holders blob.
pub const HOLDERS_VERSION: u16 = 2;

/// Bytes before the first entry: magic 8, version 2, width of an entry 2, buckets 4, count 8.
pub const HOLDERS_HEADER: usize = 24;

/// Bytes of a holder's entry: key 12, ordinal 4.
pub const HOLDER: usize = 16;

/// Bytes of a bucket in the directory: index of its first entry 4, checksum 4.
pub const BUCKET: usize = 8;

/// Entries a bucket has on average.
///
/// Smaller buckets make a longer directory (8 bytes a bucket), larger ones a longer checksum and
/// scan (16 bytes an entry).
pub const BUCKET_ENTRIES: u64 = 16;

/// Buckets of a count of entries, at least one: as few as keep the average at or under
/// [`BUCKET_ENTRIES`]. A function of the count alone, so equal input gives equal bytes.
pub const fn buckets(count: u64) -> u64 {
    let buckets = count.div_ceil(BUCKET_ENTRIES);
    if buckets == 0 { 1 } else { buckets }
}

/// Rows a layer can have: ordinals are 32 bits wide, and the directory ends with the count.
pub const LAYER_ROWS_MAX: u64 = u32::MAX as u64;

// The store.

/// Digits of a generation or an epoch in a file name: as many as the largest `u64` has, so that
/// listings sort by number.
const COUNTER_DIGITS: usize = 20;

/// What a document's file name ends with.
const DOCUMENT_SUFFIX: &str = ".json";

/// Content-addressed blobs, below the store.
pub fn blobs() -> &'static Path {
    Path::new("blobs/sha256")
}

/// The folder of a blob, below the store: named by the first byte, so that no folder grows long.
pub fn blob_folder(digest: &Digest) -> PathBuf {
    blobs().join(&digest.to_string()[..2])
}

/// A blob, below the store.
pub fn blob(digest: &Digest) -> PathBuf {
    blob_folder(digest).join(digest.to_string())
}

/// The folder of the manifests, below the store.
pub fn manifests() -> &'static Path {
    Path::new("manifests")
}

/// The manifest of a generation, below the store.
pub fn manifest(generation: u64) -> PathBuf {
    manifests().join(document_name(generation))
}

/// The folder of the channels, below the store.
pub fn channels() -> &'static Path {
    Path::new("channels")
}

/// The folder of one channel, below the store.
pub fn channel(channel: &Channel) -> PathBuf {
    channels().join(channel.as_str())
}

/// The entry of an epoch, below the store.
pub fn channel_entry(channel: &Channel, epoch: u64) -> PathBuf {
    self::channel(channel).join(document_name(epoch))
}

/// Files being written, below the store. What lies here when nobody publishes was left by a
/// killed writer.
pub fn staging() -> &'static Path {
    Path::new("staging")
}

/// The generation or epoch that a document's file name spells; `None` for names that are not
/// ours, which listings pass over.
pub fn document_number(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(DOCUMENT_SUFFIX)?;
    let shaped = digits.len() == COUNTER_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    shaped.then(|| digits.parse().ok()).flatten()
}

fn document_name(number: u64) -> String {
    format!("{number:0COUNTER_DIGITS$}{DOCUMENT_SUFFIX}")
}

// The reader's private cache.

/// Mode of the cache directory and everything below it: nobody but the owner.
pub const CACHE_MODE: u32 = 0o700;

/// Verified copies of blobs, below the cache; flat, because there are a dozen.
pub fn cached_blobs() -> &'static Path {
    Path::new("blobs")
}

/// The copy of a blob, below the cache.
pub fn cached_blob(digest: &Digest) -> PathBuf {
    cached_blobs().join(digest.to_string())
}

/// Copies being made, below the cache.
pub fn cached_staging() -> &'static Path {
    Path::new("staging")
}

/// The folder of what a reader remembers, below the cache.
pub fn cached_state() -> &'static Path {
    Path::new("state")
}

/// What a reader remembers of a channel, below the cache.
pub fn cached_channel(channel: &Channel) -> PathBuf {
    cached_state().join(format!("{channel}{DOCUMENT_SUFFIX}"))
}

// The key directory.

/// The look-up key's file.
pub const LOOKUP_KEY: &str = "lookup.key";

/// The exchange key's file.
pub const EXCHANGE_KEY: &str = "exchange.key";

/// The publisher's signing key's file.
pub const PUBLISHER_KEY: &str = "publisher.key";

/// The publisher's public key's file.
pub const PUBLISHER_PUBLIC_KEY: &str = "publisher.pub";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents() {
        assert_eq!(
            manifest(42),
            Path::new("manifests/00000000000000000042.json")
        );
        let stable = Channel::parse("stable").unwrap();
        assert_eq!(
            channel_entry(&stable, u64::MAX),
            Path::new("channels/stable/18446744073709551615.json")
        );
        for name in ["00000000000000000042.json", "18446744073709551615.json"] {
            let number = document_number(OsStr::new(name)).unwrap();
            assert_eq!(document_name(number), name);
        }
        for name in [
            "42.json",
            "0000000000000000004x.json",
            "+0000000000000000042.json",
            "18446744073709551616.json",
            "00000000000000000042.json.tmp",
            ".00000000000000000042.json",
            "00000000000000000042",
            "",
        ] {
            assert_eq!(document_number(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn buckets_hold_sixteen_on_average() {
        for (count, expected) in [
            (0, 1),
            (1, 1),
            (16, 1),
            (17, 2),
            (32, 2),
            (33, 3),
            (1_000_000, 62_500),
            (LAYER_ROWS_MAX, 1 << 28),
        ] {
            assert_eq!(buckets(count), expected, "{count}");
        }
    }

    #[test]
    fn blobs_lie_in_the_folder_of_their_first_byte() {
        let digest = Digest::of(b"");
        assert_eq!(
            blob(&digest),
            Path::new(
                "blobs/sha256/e3/\
                 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            )
        );
    }
}
