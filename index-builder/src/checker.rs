//! Judges files as `check` does without a ledger: the way of every delivered byte up to a verdict.

use std::path::Path;

use crate::admit;
use crate::ahead;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::registry::Registry;

/// A registry to judge against.
pub struct Checker(Gate);

impl Checker {
    /// Reads a registry.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub fn open(registry: &Path) -> Result<Self, String> {
        let registry = Registry::open(registry).map_err(|error| Failure::from(error).line())?;
        Ok(Self(Gate {
            registry,
            roll: None,
            strict_deadlines: false,
        }))
    }

    /// The report on a file, as JSON. A file that cannot be read has one too.
    ///
    /// # Errors
    ///
    /// What the system refused, in one line.
    pub fn check(&self, file: &Path) -> Result<String, String> {
        let told = ahead::judge(&[file], &self.0, |ahead| admit::check(file, ahead, None));
        told.map(|told| told.json.get().to_owned())
            .map_err(|failure| failure.line())
    }
}
