//! `xlsx` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::let_panics_be_caught(), |bytes: &[u8]| fuzz::xlsx(bytes));
