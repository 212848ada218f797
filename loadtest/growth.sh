#!/usr/bin/env bash
# How figures grow with the register: building, memory, bytes, starts, swaps, look-ups.
#
#   loadtest/growth.sh [SIZES…]      without them 100000 1000000 10000000
#
# Each size is made anew in target/growth/N: a sample, accepted and published in turns into an empty
# ledger and an empty store; then the withdrawals of the sample, and a second base with them, whose
# channel entry is held back for the swaps. Then what a server of it does. What was measured stands in
# target/growth/figures.tsv, a line for each value; medians in growth.tsv and growth.md beside it,
# and the picture in docs/images/growth.svg. A size of which something is missing may be added: with
# GROWTH_KEEP=yes the figures of other sizes stay.
#
# Sizes in GROWTH_MODEL (100000000) that were not measured follow from those that were, and are
# marked. GROWTH_TURNS (3) is how often each thing is done; GROWTH_WINDOWS (4) and GROWTH_SECONDS (1)
# are the windows under load; GROWTH_SVG names another picture. 100,000,000 certificates take some
# 55 GB: the delivered files are removed as soon as they are accepted for the last time.
#
# accept, publish and starts have both cores. For look-ups the server has core 0 and one thread, and
# who asks core 1. Cold look-ups are the first 64 of a server whose pages lie on the disk, each of which is
# read alone, without those around it (late_pages.c); hot ones come after 20,000 others. A swap has all
# pages of the store in memory, and its time includes up to 50 ms until the server looks.
set -euo pipefail
cd "$(dirname "$0")/.."

sizes=("$@")
((${#sizes[@]} > 0)) || sizes=(100000 1000000 10000000)
for size in "${sizes[@]}"; do
    [[ $size =~ ^[1-9][0-9]*$ ]] || { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p;}' "$0"; exit 64; }
    ((size >= 10000)) || { echo "10,000 certificates at least" >&2; exit 64; }
done
read -ra models <<< "${GROWTH_MODEL-100000000}"
turns=${GROWTH_TURNS:-3} windows=${GROWTH_WINDOWS:-4} seconds=${GROWTH_SECONDS:-1}
svg=${GROWTH_SVG:-docs/images/growth.svg}
all=$PWD/target/growth
figures=$all/figures.tsv
builder=target/release/index-builder
bin=$PWD/target/peers/release
port=18700 admin=18701 floor_port=18702
cold=64 hot=20000

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { echo "$*" >&2; exit 1; }
# shellcheck source=loadtest/server.sh
source loadtest/server.sh
(($(nproc) >= 2)) || fail "two cores are needed: one for the server, one for the generator"
command -v fincore > /dev/null || fail "install fincore (Debian package util-linux-extra or util-linux)"

# Of the size that is being measured.
certificates='' run='' log='' server='' floor=''

stop() {
    local pid
    for pid in $server $floor; do kill "$pid" 2> /dev/null || true; done
    wait
    server='' floor=''
}
trap stop EXIT

# gauge NAME ARGUMENTS...: appends figures whose names begin with NAME.
gauge() {
    local name=$1
    shift
    "$bin/gauge" --figures "$figures" --certificates "$certificates" --name "$name" "$@"
}
figure() { printf '%s\t%s\t%s\n' "$certificates" "$1" "$2" | tee -a "$figures" >&2; }

publish() {
    "$@" "$builder" publish --registry "$run/registry" --ledger "$run/ledger" --keys "$run/keys" \
        --store "$run/store" --layer base > "$run/publish.log"
}

# Everything issued, in turns; the last one stays. Then the withdrawals, as the next base.
build() {
    local turn batches issued
    rm -rf "$run"
    mkdir -p "$run"
    "$builder" sample --out "$run" --certificates "$certificates" --seed 1 > "$all/sample.log"
    "$builder" keys --out "$run/keys" > "$run/keys.log"
    mapfile -t batches < <(find "$run/inbox" -type f | sort -V)
    issued=("${batches[@]::${#batches[@]}-1}")
    for turn in $(seq "$turns"); do
        say "$certificates certificates: accept and publish, turn $turn of $turns"
        rm -rf "$run/ledger" "$run/store"
        gauge accept command -- "$builder" accept "${issued[@]}" --registry "$run/registry" \
            --ledger "$run/ledger" > "$run/accept.log"
        ((turn < turns)) || rm -f "${issued[@]}"
        publish gauge publish command --
    done
    sed -nE 's/^  (numbers|holders|rows|texts|look-up blobs) +([0-9,]+) bytes .*/\1\t\2/p' "$run/publish.log" | tr -d , |
        while IFS=$'\t' read -r name bytes; do figure "bytes.$name" "$bytes"; done
    "$builder" accept "${batches[-1]}" --registry "$run/registry" --ledger "$run/ledger" > "$run/accept.log"
    publish env
    rm -rf "$run/inbox" "$run/ledger"
    mv "$entry" "$held"
    configure "$run" "$port" "$admin"
}

# start COMMAND...: a server with these before it; returns when it is ready.
start() {
    env CERTQ_LIMITS_ENABLED=false CERTQ_STORE_POLL_INTERVAL_MS=50 "$@" target/release/certq serve \
        --config "$run/certq.toml" 2> "$log" < /dev/null &
    server=$!
    until_ready "$server" "$admin" "$log" 600
}
on_first=("${urgently[@]}" taskset --cpu-list 0)
on_second=("${urgently[@]}" taskset --cpu-list 1)
# With one thread, as there is one core.
start_on_first() { start CERTQ_PUBLIC_THREADS=1 "$@" "${on_first[@]}"; }

# started NAME: from exec to the first 200 of /readyz, all pages on the disk.
started() {
    local began
    evict "$run/store"
    [[ ! -e $run/cache ]] || evict "$run/cache"
    began=$(date +%s.%N)
    start
    figure "$1" "$(awk "BEGIN { printf \"%.3f\", $(date +%s.%N) - $began }")"
    stop
}

starts() {
    local turn
    say "$certificates certificates: starts"
    for turn in $(seq "$turns"); do
        rm -rf "$run/cache"
        started start.empty_s
        started start.full_s
    done
}

lookups() { # NAME ARGUMENTS...
    local name=$1
    shift
    "${on_second[@]}" "$bin/gauge" --figures "$figures" --certificates "$certificates" --name "$name" \
        lookups --address "127.0.0.1:$port" --pid "$server" --questions "$run/questions" "$@"
}

look_ups() {
    local turn
    say "$certificates certificates: look-ups"
    for turn in $(seq "$turns"); do
        start_on_first LD_PRELOAD="$all/late_pages.so" CERTQ_LATE_PAGES=scattered
        lookups cold --count "$cold"
        stop
        start_on_first
        lookups hot --before "$hot" --count "$hot"
        ((turn == turns)) || stop
    done
    "${on_first[@]}" "$bin/floor" --listen "127.0.0.1:$floor_port" --like "127.0.0.1:$port" \
        --questions "$run/questions" 2> "$run/floor.log" < /dev/null &
    floor=$!
    until (exec 3<> "/dev/tcp/127.0.0.1/$floor_port") 2> /dev/null; do
        kill -0 "$floor" || { tail -n 5 "$run/floor.log" >&2; fail "the floor has ended"; }
        sleep 0.01
    done
    "${on_second[@]}" "$bin/ask" --target "ours=127.0.0.1:$port:$server" --target "floor=127.0.0.1:$floor_port:$floor" \
        --questions "$run/questions" --windows "$windows" --seconds "$seconds" --json "$run/closed.json"
    awk -v certificates="$certificates" '/"name"/ { gsub(/[",]/, ""); name = $2 }
        /"server_us"/ { getline; gsub(/,/, ""); printf "%s\t%s.cpu_us\t%s\n", certificates, name, $2 }' \
        "$run/closed.json" >> "$figures"
    stop
}

swaps() {
    local turn
    say "$certificates certificates: swaps"
    for turn in $(seq "$turns"); do
        [[ ! -e $entry ]] || mv "$entry" "$held"
        rm -rf "$run/cache"
        start_on_first
        find "$run/store" "$run/cache" -type f -exec cat {} + > /dev/null
        gauge swap taken --address "127.0.0.1:$port" --questions "$run/questions" --entry "$held" --into "$entry"
        stop
    done
}

measure() {
    certificates=$1 run=$all/$1
    log=/dev/shm/certq-growth.log
    [[ -w /dev/shm ]] || log=$run/server.log
    entry=$run/store/channels/stable/00000000000000000002.json held=$run/entry-2.json
    local count=200000
    sed -i "/^$certificates\t/d" "$figures"
    build
    "$bin/load" --run "$run" --certificates "$certificates" questions --count "$count"
    rm -rf "$run/cache-of-load"
    starts
    look_ups
    swaps
    rm -rf "$run/cache" "$run/store" "$log"
}

say "Building"
cargo build --release --locked -q -p certq -p index-builder
cargo_peers --features backends,register --bin load
cargo_peers --bin ask --bin draw --bin floor --bin gauge
mkdir -p "$all"
[[ ${GROWTH_KEEP:-} == yes ]] || rm -f "$figures"
touch "$figures"
late_pages "$all/late_pages.so"
for size in "${sizes[@]}"; do measure "$size"; done

arguments=()
for size in "${models[@]}"; do arguments+=(--model "$size"); done
mkdir -p "$(dirname "$svg")"
"$bin/draw" growth --figures "$figures" "${arguments[@]}" --svg "$svg" --markdown "$all/growth.md" --tsv "$all/growth.tsv" \
    --caption "$(date +%F), $(sed -n 's/^model name\s*: //p;T;q' /proc/cpuinfo), $(nproc) cores; medians of $turns"
cat "$all/growth.md"
