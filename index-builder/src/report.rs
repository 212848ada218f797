//! What is told about a batch.
