//! Tests of reading files.
