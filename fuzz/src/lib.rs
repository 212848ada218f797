//! The fuzz targets as a library for the binaries in `targets/`.

mod targets;

pub use targets::*;

/// To be called once before fuzzing. libFuzzer's binding aborts at every panic, also at one that
/// the program catches: parsers of others panic over broken files, and that is no crash of ours.
/// One that nobody catches still ends the run, with the input that caused it.
pub fn let_panics_be_caught() {
    std::panic::set_hook(Box::new(|_| {}));
}
