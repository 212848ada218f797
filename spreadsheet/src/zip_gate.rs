//! What a workbook must be before it is parsed: a small, honest archive of plain XML.
//!
//! Sizes in an archive's directory can lie, so every entry is really inflated, into nothing, and
//! counted. The parser behind this door allocates by what it is told (`uniqueCount`), so that is
//! checked against what is really there; and entities are refused with the DTD that defines them.

use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use memchr::{memchr, memmem};
use zip::ZipArchive;
use zip::read::ZipFile;

use super::Limits;
use super::error::SpreadsheetError;

/// Parts of a workbook: sheets, styles, strings, relations. A batch has one sheet.
const ENTRIES_MOST: usize = 64;

/// Inflated bytes for each packed one. XML of a full sheet has 10 to 30; one letter repeated 1,027.
const RATIO_MOST: u64 = 100;

/// Below this a high ratio does no harm.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// XML without a tag in it, and a tag: the parser keeps each whole. A cell has at most 64 KiB.
const RUN_BYTES_MOST: usize = 1024 * 1024;

/// Looks for words of this many bytes across the borders of blocks.
const OVERLAP_BYTES: usize = 64;

/// Lets a workbook in. Cost: one inflation of every part.
pub(super) fn admit(
    reader: &mut (impl Read + Seek),
    path: &Path,
    limits: &Limits,
) -> Result<(), SpreadsheetError> {
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(|_| broken())?;
    if archive.len() > ENTRIES_MOST {
        return Err(SpreadsheetError::TooLarge(format!(
            "工作簿里的部件超过{ENTRIES_MOST}个；请把数据复制到新工作簿后另存"
        )));
    }
    let mut left = *limits;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|_| broken())?;
        left.inflated_bytes -= inflate(entry, &left, path)?;
    }
    Ok(())
}

/// Inflates one part and returns its bytes; no more than is `left` of the limits.
fn inflate<R: Read>(
    mut entry: ZipFile<'_, R>,
    left: &Limits,
    path: &Path,
) -> Result<u64, SpreadsheetError> {
    let name = entry.name().map_err(|_| broken())?.to_ascii_lowercase();
    let most = if name.starts_with("xl/worksheets/") {
        left.inflated_bytes
    } else {
        left.inflated_bytes.min(left.part_bytes)
    };
    let packed = entry.compressed_size();
    let mut words = is_xml(&name).then(Words::default);
    let mut block = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let count = entry
            .read(&mut block)
            .map_err(|error| unread(error, path))?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        if bytes > most || (bytes > RATIO_FREE_BYTES && bytes / RATIO_MOST > packed) {
            return Err(bomb());
        }
        if let Some(words) = &mut words {
            words.look(&block[..count])?;
        }
    }
    match words {
        Some(words) if words.promised > bytes || words.strings > left.strings => Err(bomb()),
        _ => Ok(bytes),
    }
}

fn is_xml(name: &str) -> bool {
    [".xml", ".rels", ".vml"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// An error of the system has a number; one of the archive's contents has none.
fn unread(error: io::Error, path: &Path) -> SpreadsheetError {
    if error.raw_os_error().is_some() {
        SpreadsheetError::io(path)(error)
    } else {
        broken()
    }
}

/// Words in XML that matter before it is parsed.
#[derive(Default)]
struct Words {
    /// The end of the last block, then the present one.
    window: Vec<u8>,
    is_begun: bool,
    /// The largest count of strings that a part says it has.
    promised: u64,
    /// Shared strings that began.
    strings: u64,
    /// Bytes since the last tag began.
    run: usize,
}

impl Words {
    fn look(&mut self, block: &[u8]) -> Result<(), SpreadsheetError> {
        // In UTF-16 the words below would look different.
        let is_plain =
            self.is_begun || !block.iter().take(4).any(|&byte| byte == 0 || byte >= 0xFE);
        self.is_begun = true;
        self.window.extend_from_slice(block);
        if !is_plain || has_dtd(&self.window) {
            return Err(SpreadsheetError::Unreadable(
                "工作簿含有DTD或不是UTF-8的XML，不予读取；请用表格软件另存为.xlsx".to_owned(),
            ));
        }
        if self.has_long_run(block) {
            return Err(bomb());
        }
        self.promised = self.promised.max(promised_strings(&self.window));
        self.strings += self.strings_begun(block.len());
        let keep = self.window.len().saturating_sub(OVERLAP_BYTES);
        self.window.drain(..keep);
        Ok(())
    }

    /// Whether a tag, or the text behind it, is longer than any honest one.
    fn has_long_run(&mut self, block: &[u8]) -> bool {
        let mut rest = block;
        while let Some(at) = memchr(b'<', rest) {
            if self.run + at > RUN_BYTES_MOST {
                return true;
            }
            self.run = 0;
            rest = &rest[at + 1..];
        }
        self.run += rest.len();
        self.run > RUN_BYTES_MOST
    }

    /// Strings whose opening tag ends within the newest bytes of the window.
    fn strings_begun(&self, newest: usize) -> u64 {
        let from = self.window.len() - newest;
        let opened = |name: &[u8]| {
            let from = from.saturating_sub(name.len() - 1);
            memmem::find_iter(&self.window[from..], name).count() as u64
        };
        // With any prefix, `</x:si>` counted as well: too many is the safe side.
        [b"<si>", b"<si ", b"<si/", b":si>", b":si ", b":si/"]
            .map(|tag| opened(tag))
            .iter()
            .sum()
    }
}

fn has_dtd(window: &[u8]) -> bool {
    ["<!DOCTYPE", "<!ENTITY"]
        .iter()
        .any(|word| memmem::find(window, word.as_bytes()).is_some())
}

/// The largest number that follows a `uniqueCount`, whatever stands between.
fn promised_strings(window: &[u8]) -> u64 {
    memmem::find_iter(window, "uniqueCount")
        .map(|at| {
            let rest = &window[at..];
            let digits = rest.iter().skip_while(|byte| !byte.is_ascii_digit());
            digits
                .take_while(|byte| byte.is_ascii_digit())
                .fold(0_u64, |count, digit| {
                    count
                        .saturating_mul(10)
                        .saturating_add(u64::from(digit - b'0'))
                })
        })
        .max()
        .unwrap_or(0)
}

fn broken() -> SpreadsheetError {
    SpreadsheetError::Unreadable(
        "工作簿已损坏或没有传完整；请用表格软件打开检查后重新另存".to_owned(),
    )
}

fn bomb() -> SpreadsheetError {
    SpreadsheetError::TooLarge(
        "工作簿解压后过大；请把数据复制到新工作簿，或另存为CSV UTF-8".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_the_blocks_are_cut() {
        let text = b"<?xml version=\"1.0\"?><sst uniqueCount = '4711'/>";
        let dtd = b"<?xml version=\"1.0\"?><!DOCTYPE sst>";
        for cut in 4..dtd.len() {
            let mut words = Words::default();
            let looked = words
                .look(&dtd[..cut])
                .and_then(|()| words.look(&dtd[cut..]));
            assert!(looked.is_err(), "cut at {cut}");
        }
        for cut in 4..text.len() {
            let mut words = Words::default();
            words.look(&text[..cut]).unwrap();
            words.look(&text[cut..]).unwrap();
            assert_eq!(words.promised, 4711, "cut at {cut}");
        }
    }
}
