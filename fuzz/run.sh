#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS seconds each (60 if not given), or those that are named.
# Stops at the first crash; its input lies in fuzz/artifacts: minimise it with
# `cargo fuzz tmin`, put it into fuzz/seeds, and the tests replay it for ever.
set -euo pipefail
cd "$(dirname "$0")"

command -v cargo-fuzz > /dev/null || cargo install cargo-fuzz --locked
# libFuzzer needs flags of the compiler that are not stable yet; the compiler stays the same.
export RUSTC_BOOTSTRAP=1
# Targets write small files; in memory that costs nothing. Removed at the end.
TMPDIR=$(mktemp -d -p /dev/shm)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

targets=("$@")
((${#targets[@]} > 0)) || mapfile -t targets < <(basename -s .rs targets/*.rs)
for target in "${targets[@]}"; do
    printf '\n\033[1m== %s\033[0m\n' "$target"
    mkdir -p "corpus/$target"
    # Without a sanitizer: the code that is fuzzed is safe Rust, and every panic is seen.
    cargo fuzz run --fuzz-dir . --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=16384 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
done
