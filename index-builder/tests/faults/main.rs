//! What a kill, a failing disk, a power cut, a rival and a wrong clock leave behind, asked of the
//! real program.
//!
//! Every run here is judged by the same oracle: what was published stays as it was, what was
//! acknowledged is there, the next run of the same command ends as if nothing had happened, and
//! nothing lies about afterwards. The slice that `cargo nextest run` takes is seeded and small;
//! `make kills faults power` take the whole of it. docs/reliability.md has the figures.
//!
//! Needs root, for mounts, and the Debian packages strace, faketime, qemu-system-common, e2fsprogs
//! and gcc.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set up its centre has failed"
)]

mod centre;
mod chance;
mod clock;
mod errors;
mod kills;
mod oracle;
mod power;
mod preload;
mod races;
mod scenario;
mod short_writes;
mod strace;
mod watching;
