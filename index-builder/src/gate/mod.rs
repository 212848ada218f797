//! Judges rows.
