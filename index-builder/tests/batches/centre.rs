//! A review centre in a directory of its own, with the handmade registry of `tests/fixtures`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::delivery::{Format, Row, file};

/// The centre.
pub(crate) struct Centre {
    dir: tempfile::TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// One rejection or warning: row, field, code.
pub(crate) type Remark = (Option<u64>, String, String);

/// Where the fixtures are.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

impl Centre {
    pub(crate) fn new() -> Self {
        let centre = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(centre.path("registry")).unwrap();
        for file in fs::read_dir(fixtures().join("registry")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), centre.path("registry").join(file.file_name())).unwrap();
        }
        centre
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes rows as a CSV file.
    pub(crate) fn deliver(&self, name: &str, rows: &[Row]) {
        self.write(name, file(rows, Format::Utf8));
    }

    /// Runs a command in the centre's directory; arguments hold no spaces.
    pub(crate) fn run(&self, line: &str) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_index-builder"))
            .args(line.split_whitespace())
            .current_dir(self.dir.path())
            .env("USER", "tester")
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `accept`, with further arguments.
    pub(crate) fn accept(&self, line: &str) -> Run {
        self.run(&format!(
            "accept {line} --registry registry --ledger ledger --json"
        ))
    }

    /// `check` without a ledger.
    pub(crate) fn check(&self, line: &str) -> Run {
        self.run(&format!("check {line} --registry registry --json"))
    }

    /// The rows of every batch of the ledger, in order.
    pub(crate) fn ledger_rows(&self) -> Vec<String> {
        let mut batches: Vec<PathBuf> = match fs::read_dir(self.path("ledger/batches")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        };
        batches.sort();
        let texts = batches.iter().map(|path| fs::read_to_string(path).unwrap());
        texts
            .flat_map(|text| {
                let is_row = |line: &&str| line.as_bytes()[0].is_ascii_digit();
                text.lines()
                    .filter(is_row)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Every file below a directory and its bytes.
    pub(crate) fn files(&self, directory: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut directories = vec![self.path(directory)];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    files.push((path.clone(), fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

impl Run {
    /// The report of a run that ended like this.
    pub(crate) fn report(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{}{}", self.err, self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The only line on stderr of a run that ended like this.
    pub(crate) fn line(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.err, self.out);
        let line = self.err.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{line}");
        line
    }
}

/// The rejections or warnings of a report.
pub(crate) fn remarks(report: &Value, kind: &str) -> Vec<Remark> {
    let remarks = report[kind].as_array().unwrap();
    remarks
        .iter()
        .map(|remark| {
            let text = |key: &str| remark[key].as_str().unwrap_or_default().to_owned();
            assert!(!text("message").is_empty());
            (remark["row"].as_u64(), text("field"), text("code"))
        })
        .collect()
}
