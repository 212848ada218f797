//! Tests of the whole way from a ledger to a layer.
