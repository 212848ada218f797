//! What `check` and `accept` have in common: the files, what they are judged against, the report.

use std::fs;
use std::path::{Path, PathBuf};

use super::Context;
use crate::ahead::{self, Ahead};
use crate::failure::{Exit, Failure, complain};
use crate::gate::{Gate, Roll};
use crate::registry::Registry;
use crate::report::{self, Told};

/// Arguments of a command that judges.
#[derive(Debug, clap::Args)]
pub(super) struct Judging {
    /// Batches, CSV or XLSX.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) rules: Rules,

    /// Write the report, as JSON, into this file too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What batches are judged against.
#[derive(Debug, clap::Args)]
pub(super) struct Rules {
    /// Reference data: institutions, programmes, occupations, exclusions, centres, plans, calendar.
    #[arg(long, value_name = "DIR")]
    pub(super) registry: PathBuf,

    /// School roll (institution_code, name, id_number); rows of persons who are not on it are
    /// rejected.
    #[arg(long, value_name = "FILE")]
    roll: Option<PathBuf>,

    /// Reject rows that miss one of the two deadlines of 二(三), instead of warning.
    #[arg(long)]
    strict_deadlines: bool,
}

impl Rules {
    /// Whether there is anything under the names given, whatever its state.
    pub(super) fn expect_names(&self) -> Result<(), Failure> {
        let names = [&self.registry].into_iter().chain(&self.roll);
        match names.into_iter().find(|name| !name.exists()) {
            None => Ok(()),
            Some(name) => Err(Failure::Input(format!(
                "{} is not there; name the registry's directory, and the roll's file",
                name.display()
            ))),
        }
    }

    /// Reads what rows are judged against.
    pub(super) fn open_gate(&self) -> Result<Gate, Failure> {
        Ok(Gate {
            registry: Registry::open(&self.registry)?,
            roll: self.roll.as_deref().map(Roll::open).transpose()?,
            strict_deadlines: self.strict_deadlines,
        })
    }
}

/// Judges each file by `judge` and tells what came out; the largest exit code wins. A failure that
/// is not one file's fault ends the run, but what was decided until then is told.
pub(super) fn each(
    judging: &Judging,
    gate: &Gate,
    context: &Context,
    verb: &str,
    mut judge: impl FnMut(&Path, &mut Ahead<'_>) -> Result<Told, Failure>,
) -> Result<Exit, Failure> {
    let mut told = Vec::new();
    let failure = ahead::judge(&judging.files, gate, |ahead| {
        for file in &judging.files {
            told.push(judge(file, ahead)?);
        }
        Ok(())
    })
    .err();
    if !told.is_empty() {
        tell(judging, context, verb, &told)?;
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(told
            .iter()
            .map(|told| told.exit)
            .max()
            .unwrap_or(Exit::Done)),
    }
}

fn tell(judging: &Judging, context: &Context, verb: &str, told: &[Told]) -> Result<(), Failure> {
    for one in told {
        if let Some(refusal) = one.report.refusal() {
            complain(format_args!(
                "index-builder: {}：{refusal}",
                one.report.file()
            ));
        }
    }
    let json = report::json(told, judging.files.len());
    if let Some(path) = &judging.report {
        write_report(path, &json)?;
    }
    if context.json {
        super::print(&json)
    } else {
        super::print(&report::summary(told, verb))
    }
}

/// Writes what `--report` asks for.
pub(super) fn write_report(path: &Path, json: &str) -> Result<(), Failure> {
    fs::write(path, json).map_err(|source| Failure::Io {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}
