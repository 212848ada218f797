//! Where a ledger's files lie. Nothing else concatenates their paths.
//!
//! ```text
//! batches/0000000001.batch              an accepted batch, mode 0400, never changed
//! index/0000000001-0000000004.segment   derived from batches 1 to 4; may be removed
//! staging                               a batch that is being judged
//! lock                                  held by whoever accepts
//! ```

use std::path::{Path, PathBuf};

/// Directory of the batches.
pub(super) fn batches(dir: &Path) -> PathBuf {
    dir.join("batches")
}

/// File of one batch.
pub(super) fn batch(dir: &Path, number: u32) -> PathBuf {
    batches(dir).join(format!("{number:010}.batch"))
}

/// The number of a batch by its file name.
pub(super) fn batch_number(name: &str) -> Option<u32> {
    padded(name.strip_suffix(".batch")?)
}

/// Directory of the derived index.
pub(super) fn index(dir: &Path) -> PathBuf {
    dir.join("index")
}

/// File of the index segment of these batches.
pub(super) fn segment(dir: &Path, first: u32, last: u32) -> PathBuf {
    index(dir).join(format!("{first:010}-{last:010}.segment"))
}

/// First and last batch of a segment by its file name.
pub(super) fn segment_range(name: &str) -> Option<(u32, u32)> {
    let (first, last) = name.strip_suffix(".segment")?.split_once('-')?;
    Some((padded(first)?, padded(last)?))
}

/// A file that is being written, in the ledger's own directory so that it can be linked.
pub(super) fn staging(dir: &Path) -> PathBuf {
    dir.join("staging")
}

/// The file whose lock means: somebody accepts.
pub(super) fn lock(dir: &Path) -> PathBuf {
    dir.join("lock")
}

fn padded(digits: &str) -> Option<u32> {
    (digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_numbers() {
        let path = batch(Path::new("l"), 7);
        assert_eq!(path, Path::new("l/batches/0000000007.batch"));
        assert_eq!(batch_number("0000000007.batch"), Some(7));
        assert_eq!(segment_range("0000000001-0000000004.segment"), Some((1, 4)));
        for name in [
            "7.batch",
            "00000000+7.batch",
            "0000000007.tmp",
            "9999999999.batch",
        ] {
            assert_eq!(batch_number(name), None, "{name}");
        }
    }
}
