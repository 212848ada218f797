//! `sample`: a synthetic centre to try everything with.
//!
//! Its bytes are a function of (certificates, seed, batches). What is in it is decided by
//! `certificate::sample`; how a batch spells it by [`batch`]; this file lays it out and refuses to
//! write into anything that is already there.

mod batch;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use certificate::record::Change;
use certificate::sample::{Population, registry};
use serde_json::json;

use self::batch::Style;
use super::{Context, print};
use crate::failure::{Exit, Failure};
use crate::progress::Progress;

/// Rows of a batch when nobody says how many batches there shall be.
const USUAL_ROWS: u64 = 100_000;

/// File names have four digits, and one number is kept for the withdrawals.
const MOST_BATCHES: u64 = 9_998;

/// Rows rendered at a time: what is held in memory, about 200 KB.
const BLOCK_ROWS: u64 = 1_000;

/// Make a synthetic centre: a registry, and an inbox of batches that it admits.
///
/// Institutions and occupations are real, persons are not: identity numbers lie in the division
/// 440000, which was never assigned. The same arguments give the same bytes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory to fill; made when missing, refused when not empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many certificates are issued, at most 100,000,000; one in a hundred is withdrawn by
    /// the last batch.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=Population::MOST_CERTIFICATES))]
    certificates: u64,

    /// Another seed makes another population.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Batches of issues; without it, about 100,000 rows each.
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u64).range(1..=MOST_BATCHES))]
    batches: Option<u64>,
}

/// A batch file being written.
struct BatchFile {
    path: PathBuf,
    file: File,
    style: Style,
}

/// What was made, for the summary.
struct Made {
    batches: u64,
    withdrawals: u64,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let usual = args.certificates.div_ceil(USUAL_ROWS);
    let batches = args.batches.unwrap_or(usual);
    if batches > args.certificates {
        return Err(Failure::Usage(format!(
            "{batches} batches need as many certificates; lower --batches"
        )));
    }
    refuse_anything_there(&args.out)?;
    write_registry(&args.out.join("registry"))?;
    let made = write_inbox(&args, batches)?;
    print(&summary(&args, &made, context.json))?;
    Ok(Exit::Done)
}

fn refuse_anything_there(out: &Path) -> Result<(), Failure> {
    let entries = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed("read", out, error)),
    };
    if entries {
        return Err(Failure::Usage(format!(
            "{} is not empty; name a new directory for --out",
            out.display()
        )));
    }
    Ok(())
}

fn write_registry(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| failed("create", directory, error))?;
    for (name, text) in registry::files() {
        let path = directory.join(name);
        let mut file = create(&path)?;
        file.write_all(text.as_bytes())
            .map_err(|error| failed("write", &path, error))?;
    }
    Ok(())
}

/// Issue batches of equal length, then the withdrawals.
fn write_inbox(args: &Args, batches: u64) -> Result<Made, Failure> {
    let inbox = args.out.join("inbox");
    fs::create_dir_all(&inbox).map_err(|error| failed("create", &inbox, error))?;
    let population = Population::new(args.certificates, args.seed);
    let mut progress = Progress::count("sample", args.certificates);
    for batch in 0..batches {
        let rows =
            part(args.certificates, batches, batch)..part(args.certificates, batches, batch + 1);
        let style = Style::of_batch(batch);
        let mut file = BatchFile::create(&inbox, batch, style)?;
        for block in blocks(rows) {
            progress.advance(block.end - block.start);
            let rows = block.map(|i| batch::issue(style, i, &population.change(i)));
            file.write(rows)?;
        }
    }
    let withdrawals = write_withdrawals(&inbox, &population, batches)?;
    Ok(Made {
        batches,
        withdrawals,
    })
}

fn write_withdrawals(inbox: &Path, population: &Population, batch: u64) -> Result<u64, Failure> {
    let mut file = None;
    let mut written = 0;
    for block in blocks(0..population.certificates()) {
        let changes: Vec<Change> = block.filter_map(|i| population.withdrawal(i)).collect();
        if changes.is_empty() {
            continue;
        }
        let file = match &mut file {
            Some(file) => file,
            none => none.insert(BatchFile::create(inbox, batch, Style::WITHDRAWALS)?),
        };
        written += changes.len() as u64;
        file.write(
            changes
                .iter()
                .map(|change| batch::withdrawal(Style::WITHDRAWALS, change)),
        )?;
    }
    Ok(written)
}

impl BatchFile {
    fn create(inbox: &Path, batch: u64, style: Style) -> Result<Self, Failure> {
        let path = inbox.join(format!("batch-{:04}.csv", batch + 1));
        let mut file = Self {
            file: create(&path)?,
            path,
            style,
        };
        let head = style.encode(&style.headers());
        file.put(style.mark())?;
        file.put(&head)?;
        Ok(file)
    }

    fn write(&mut self, rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
        let bytes = self.style.encode(&rows.collect::<Vec<_>>());
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| failed("write", &self.path, error))
    }
}

/// Where part `index` of `parts` begins.
fn part(whole: u64, parts: u64, index: u64) -> u64 {
    whole * index / parts
}

fn blocks(rows: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = rows.end;
    let step = usize::try_from(BLOCK_ROWS).expect("a small constant");
    rows.step_by(step)
        .map(move |start| start..end.min(start + BLOCK_ROWS))
}

/// Never over a file that somebody else put there meanwhile.
fn create(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| failed("create", path, error))
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> Failure {
    Failure::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

fn summary(args: &Args, made: &Made, as_json: bool) -> String {
    let (out, certificates) = (args.out.display(), args.certificates);
    let Made {
        batches,
        withdrawals,
    } = made;
    if as_json {
        let report = json!({
            "out": out.to_string(),
            "certificates": certificates,
            "seed": args.seed,
            "issue_batches": batches,
            "withdrawals": withdrawals,
        });
        return format!("{report}\n");
    }
    format!(
        "{certificates} certificates in {batches} batches and {withdrawals} withdrawals in \
         {out}/inbox, their registry in {out}/registry\n"
    )
}

#[cfg(test)]
mod tests;
