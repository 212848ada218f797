//! One file for each of the first questions, for a server of files.

use std::fs;
use std::path::Path;

use peers::questions::{Method, Questions, certificate_number};

use crate::register::Trouble;

/// Bytes that the system sets aside for a file at once.
const BLOCK: u64 = 512;

/// Writes the bodies of the first `count` questions under their numbers. Returns the bytes they
/// take on the disk, without the directory.
pub(crate) fn write(questions: &Path, count: usize, folder: &Path) -> Result<u64, Trouble> {
    use std::os::unix::fs::MetadataExt as _;
    fs::create_dir(folder)?;
    let questions = Questions::read(questions, Method::Post, count)?;
    let mut bytes = 0;
    for index in questions.matching() {
        let request = String::from_utf8_lossy(questions.request(index));
        let path = folder.join(certificate_number(&request));
        fs::write(&path, questions.answer(index))?;
        bytes += fs::metadata(&path)?.blocks() * BLOCK;
    }
    Ok(bytes)
}
