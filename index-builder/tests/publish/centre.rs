//! A synthetic centre in a directory of its own, and the program run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A centre in a directory of its own.
pub(crate) struct Centre {
    pub(crate) dir: tempfile::TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// The JSON of a run that ended like this.
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The only line on stderr of a run that ended like this.
    pub(crate) fn line(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let line = self.err.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{line}");
        line
    }
}

pub(crate) fn builder(in_directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_index-builder"));
    command.current_dir(in_directory);
    command
}

impl Centre {
    /// With an accepted ledger and keys; nothing is published.
    pub(crate) fn new(certificates: u32) -> Self {
        let centre = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let made = centre.run(&format!(
            "sample --out . --certificates {certificates} --seed 8"
        ));
        assert_eq!(made.code, 0, "{}", made.err);
        centre.run("keys --out keys").silent(0);
        let accepted = centre.run(&format!(
            "accept {} --registry registry --ledger ledger",
            centre.batches().join(" ")
        ));
        assert_eq!(accepted.code, 0, "{}", accepted.err);
        centre
    }

    pub(crate) fn published(certificates: u32) -> Self {
        let centre = Self::new(certificates);
        centre.run(PUBLISH).silent(0);
        centre
    }

    pub(crate) fn batches(&self) -> Vec<String> {
        let inbox = fs::read_dir(self.path("inbox")).unwrap();
        let names = inbox.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.map(|name| format!("inbox/{name}")).collect();
        names.sort();
        names
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a command line of words without spaces.
    pub(crate) fn run(&self, line: &str) -> Run {
        let mut command = builder(self.dir.path());
        command.args(line.split_whitespace());
        command.output().unwrap().into()
    }

    /// The file of a blob of the live generation: `numbers`, `holders`, `rows`, `texts`.
    pub(crate) fn blob(&self, kind: &str) -> PathBuf {
        let shown = self.run("show --store store --json").json(0);
        let generation = &shown["generation"];
        let blob = match kind {
            "texts" => &generation["texts"],
            kind => &generation["layers"][0][kind],
        };
        let digest = blob["sha256"].as_str().unwrap();
        self.path("store/blobs/sha256")
            .join(&digest[..2])
            .join(digest)
    }
}

impl Run {
    /// A run that ended like this and had nothing to complain about.
    pub(crate) fn silent(self, code: i32) -> Self {
        assert_eq!((self.code, self.err.as_str()), (code, ""), "{}", self.out);
        self
    }
}

pub(crate) const PUBLISH: &str =
    "publish --registry registry --ledger ledger --keys keys --store store";
pub(crate) const VERIFY: &str = "verify --store store --keys keys --ledger ledger";

/// Every file below a directory with its bytes.
pub(crate) fn files(below: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                files.insert(path.strip_prefix(below).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

/// Changes a published file, as nobody should.
pub(crate) fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
