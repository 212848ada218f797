//! Builds the planted bug: the program with one `fsync` removed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::centre::Run;

/// Compiles `skip_fsync.c` into a library to be loaded in front of the program.
pub(crate) fn library(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/skip_fsync.c");
    let library = folder.join("skip_fsync.so");
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
    compile.arg(&library).arg(source).arg("-ldl");
    Run::of(compile).expect_code(0);
    library
}
