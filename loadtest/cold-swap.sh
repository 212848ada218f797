#!/usr/bin/env bash
# Whether anybody waits while a server takes a new base that lies in nobody's memory.
#
# The server is kept to core 0 and has the priority it was started with; its loader gives way by
# itself. The generator has core 1 and offers 40 % of what it gets in a closed loop, on 64
# connections. The new generation is a whole new base, compiled before; under load only its channel
# entry is made, after the page cache has been emptied of all files of the store. Every answer is
# judged: a 200 with the body of the epoch that it names, and epochs never back.
#
# Three servers in turn, each with an empty private cache:
#   shipped      as it is. Must pass.
#   evicted      the copy's pages are evicted between the copy and the map, as memory pressure may.
#                Must pass: the map brings them back before the swap.
#   unpopulated  the same, and the map does not. Must FAIL, or the check proves nothing.
# late_pages.c does both from outside; the program has no such setting.
#
# To pass, every window of 100 ms from the entry until 5 s after the swap must have answers for 90 %
# of the questions offered, and p99.9 of at most 25 ms. SWAP_CERTIFICATES (1000000) and SWAP_MODES
# override the defaults. The register stays in target/cold-swap/N.
#
# Where others use the machine, SWAP_CPU_GROUPS names the folder of the processor control groups (version
# 1; needs root): server and generator get a group each with the greatest weight, so that strangers get
# a hundredth beside them, while inside the server's group its threads keep the priorities they have.
#
# With SWAP_STARTS=N instead: N cold starts, from exec to the first 200 of /readyz, with the private
# cache empty and with it full, every file evicted before.
set -euo pipefail
cd "$(dirname "$0")/.."

certificates=${SWAP_CERTIFICATES:-1000000}
modes=${SWAP_MODES:-shipped evicted unpopulated}
starts=${SWAP_STARTS:-0}
run=$PWD/target/cold-swap/$certificates
builder=target/release/index-builder
peers=$PWD/target/peers/release
entry=$run/store/channels/stable/00000000000000000002.json
held=$run/entry-2.json
admin=18601 public=18600
# In memory where that can be had: the log of accesses, a line a question, must not wait for a disk
# that writes a copy.
log=/dev/shm/certq-swap.log
[[ -w /dev/shm ]] || log=$run/server.log

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { echo "$*" >&2; exit 1; }
# shellcheck source=loadtest/server.sh
source loadtest/server.sh
(($(nproc) >= 2)) || fail "two cores are needed: one for the server, one for the generator"
command -v fincore > /dev/null || fail "install fincore (Debian package util-linux-extra or util-linux)"

server=
stop() {
    [[ -z $server ]] || kill "$server" 2> /dev/null || true
    wait
    server=
}
groups=${SWAP_CPU_GROUPS:-}
finish() {
    stop
    rm -f "$log"
    [[ -z $groups ]] || rmdir "$groups"/certq-swap-* 2> /dev/null || true
}
trap finish EXIT

# in_group NAME COMMAND...: becomes the command, in a group of that name where there are groups.
in_group() {
    local group=$groups/certq-swap-$1
    shift
    if [[ -n $groups ]]; then
        mkdir -p "$group"
        echo 262144 > "$group/cpu.shares"
        echo "$BASHPID" > "$group/cgroup.procs"
    fi
    exec "$@"
}

# Epoch 1: everything issued. Epoch 2, a whole base as well: one in a hundred withdrawn.
register() {
    [[ -e $run/done ]] && return
    say "A register of $certificates certificates and the next base of it"
    rm -rf "$run"
    mkdir -p "$run"
    "$builder" sample --out "$run" --certificates "$certificates" > /dev/null
    "$builder" keys --out "$run/keys" > /dev/null
    local batches flags=(--registry "$run/registry" --ledger "$run/ledger")
    mapfile -t batches < <(find "$run/inbox" -type f | sort -V)
    publish() { "$builder" publish "${flags[@]}" --keys "$run/keys" --store "$run/store" --layer base > /dev/null; }
    "$builder" accept "${flags[@]}" "${batches[@]::${#batches[@]}-1}" > /dev/null
    publish
    "$builder" accept "${flags[@]}" "${batches[-1]}" > /dev/null
    publish
    rm -rf "$run/inbox" "$run/ledger"
    configure "$run" "$public" "$admin"
    touch "$run/done"
}

# The same questions with the answers of both epochs.
questions() {
    [[ -e $run/questions-2 ]] && return
    cargo_peers --features backends,register --bin load
    local epoch count=200000
    ((count <= certificates)) || count=$certificates
    for epoch in 1 2; do
        "$peers/load" --run "$run" --certificates "$certificates" --epoch "$epoch" questions --count "$count"
        mv "$run/questions" "$run/questions-$epoch"
    done
    rm -rf "$run/cache-of-load"
}

# serve ENVIRONMENT...: starts a server on core 0; its process is in $server.
serve() {
    in_group server env CERTQ_LIMITS_ENABLED=false "$@" taskset --cpu-list 0 target/release/certq serve \
        --config "$run/certq.toml" 2> "$log" < /dev/null &
    server=$!
}

ready() { until_ready "$server" "$admin" "$log" 600; }

# swap MODE: exit code 0 when the check is passed, 2 when it is not.
swap() {
    local environment=() code=0
    [[ $1 == shipped ]] || environment=(LD_PRELOAD="$run/late_pages.so" CERTQ_LATE_PAGES="$1")
    [[ ! -e $entry ]] || mv "$entry" "$held"
    rm -rf "$run/cache"
    serve "${environment[@]}"
    ready
    # What evicts the new pages has evicted those of epoch 1 too; they shall be warm.
    cat "$run"/cache/blobs/* > /dev/null
    evict "$run/store"
    (in_group generator "${urgently[@]}" taskset --cpu-list 1 "$peers/swap" --address "127.0.0.1:$public" --pid "$server" \
        --before "$run/questions-1" --after "$run/questions-2" --entry "$held" --into "$entry" \
        --windows "$run/windows-$1") || code=$?
    grep -o '"event":"generation_taken".*' "$log" | sed -E 's/.*"epoch":"?([0-9]+).*"ms":"?([0-9]+).*/the server took epoch \1 in \2 ms/'
    stop
    return "$code"
}

swaps() {
    cargo_peers --bin swap
    questions
    late_pages "$run/late_pages.so"
    local mode code expected
    for mode in $modes; do
        say "A cold base of $certificates certificates, $mode"
        code=0 expected=0
        swap "$mode" || code=$?
        [[ $mode != unpopulated ]] || expected=2
        ((code == expected)) || fail "$mode: exit code $code where $expected was expected"
        ((code == 0)) || echo "as it must without prefault"
    done
}

cold_start() {
    local began
    evict "$run/store"
    [[ ! -e $run/cache ]] || evict "$run/cache"
    began=$(date +%s.%N)
    "$@"
    ready
    awk "BEGIN { printf \"%.2f s\n\", $(date +%s.%N) - $began }"
    grep -o '"ms":"[0-9]*"' "$log" | sed 's/^/    of which opening /'
    stop
}

# On both cores, as a start is.
on_both() {
    in_group server target/release/certq serve --config "$run/certq.toml" 2> "$log" < /dev/null &
    server=$!
}

cold_starts() {
    local turn
    for turn in $(seq "$starts"); do
        rm -rf "$run/cache"
        printf 'cold start %d, private cache empty: ' "$turn"
        cold_start on_both
        printf 'cold start %d, private cache full:  ' "$turn"
        cold_start on_both
    done
}

cargo build --release --locked -q -p certq -p index-builder
register
if ((starts > 0)); then cold_starts; else swaps; fi
