//! Reads batches.
