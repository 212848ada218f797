//! Damage as `verify` tells it: a file, a byte, and what is wrong there.

use std::path::PathBuf;

use snapshot::verify::VerifyError;
use snapshot::{DocumentError, FileError, StoreError};

use crate::failure::Failure;

/// The first damage: a file, a byte, and what is wrong there.
pub(super) struct Damage {
    pub(super) file: PathBuf,
    pub(super) offset_bytes: u64,
    pub(super) problem: String,
    pub(super) advice: &'static str,
}

/// A blob follows from the ledger.
const BLOB: &str = "move it away and publish with --layer base, or restore it from a copy";

/// A document does not: whoever signed it chose its number and time.
pub(super) const DOCUMENT: &str = "restore it from a copy of the store";

/// Why verifying ended early.
pub(super) enum Stop {
    Damage(Damage),
    Failure(Failure),
}

impl Damage {
    /// One line that says what to do.
    pub(super) fn line(&self) -> String {
        let Self {
            file,
            offset_bytes,
            problem,
            advice,
        } = self;
        let file = file.display();
        format!("{file} is damaged at byte {offset_bytes}: {problem}; {advice}")
    }
}

impl Stop {
    /// A document that is refused is damage; its offset is known when it cannot be parsed.
    pub(super) fn store(error: StoreError) -> Self {
        match error {
            StoreError::Document { path, source } => Self::Damage(Damage {
                file: path,
                offset_bytes: document_offset(&source),
                problem: Failure::chain(&source),
                advice: DOCUMENT,
            }),
            error => Self::Failure(error.into()),
        }
    }

    /// What cannot be read is not known to be damaged; what is missing is.
    pub(super) fn verify(error: VerifyError) -> Self {
        let refused = matches!(&error, VerifyError::File(FileError::Io { .. }));
        match error {
            VerifyError::File(file) if refused && !file.is_not_found() => {
                Self::Failure(StoreError::File(file).into())
            }
            error => match error.path() {
                Some(path) => Self::Damage(Damage {
                    file: path.to_owned(),
                    offset_bytes: error.offset(),
                    problem: problem(&error),
                    advice: BLOB,
                }),
                None => Self::Failure(Failure::Input(Failure::chain(&error))),
            },
        }
    }
}

/// Where a document, one line long, ends too early or stops being JSON; 0 when it is wrong as a
/// whole.
fn document_offset(error: &DocumentError) -> u64 {
    match error {
        DocumentError::Malformed(error) if error.is_eof() => error.column() as u64,
        DocumentError::Malformed(error) if error.is_syntax() => {
            (error.column() as u64).saturating_sub(1)
        }
        _ => 0,
    }
}

/// What is wrong, without the path where the error begins with it.
fn problem(error: &VerifyError) -> String {
    match error {
        VerifyError::Damaged { source, .. } => source.fault.to_string(),
        VerifyError::Texts { source, .. } => Failure::chain(source),
        error => Failure::chain(error),
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
