#!/usr/bin/env bash
# Our server beside the floor and the peers: the same certificates, the same bytes, the same load,
# in turn on the same core.
#
#   loadtest/peers.sh [--only ours,floor,...] [--certificates N] [--windows N] [--seconds S]
#                     [--pipelined DEPTH] [--half] [--open RATE]... [--json FILE] [--turns N]
#                     [--images FOLDER] [--rows] [--all]
#
# --only NAME,...        which to measure; without it all of them:
#                          ours      certq serve
#                          floor     hyper answering constant bytes
#                          sqlite lmdb redis postgres    each behind the same hyper
#                          lua       nginx with Lua, asking the same Redis
#                          files     nginx, one file for each of 100,000 certificates (no second factor)
# --certificates N       size of the register (1000000)
# --windows, --seconds   windows of each, and how long each lasts (8, 2)
# --pipelined DEPTH      requests at a time on a connection (1)
# --half, --open RATE    open loop, at half of what the floor can do or at so many a second
# --json FILE            where the figures go, too
# --rows                 nothing but this: accept and publish of the delivered files, COPY of the
#                        same rows into PostgreSQL with two indexes, and again, in turns
# --turns N              how many turns (3)
# --all                  closed loop, pipelined, open loops up to 0.9 of the floor, --rows; and the
#                        pictures in docs/images
# --images FOLDER        put them there instead
#
# The register and what was loaded are kept in target/peers-run/N; only what is missing is made, so
# a run after a change of the server takes its build and the windows. Servers are kept to core 0 and
# the generator to core 1. Every answer is compared with the bytes it must have; one that differs
# ends the run. At 10,000,000 certificates name one database at a time: together they take 30 GB.
set -euo pipefail
cd "$(dirname "$0")/.."

only=ours,floor,sqlite,lmdb,redis,postgres,lua,files
certificates=1000000 windows=8 seconds=2 pipelined=1 turns=3 images=docs/images rows='' all=''
loads=()
while (($# > 0)); do
    case $1 in
        --only) only=$2; shift ;;
        --certificates) certificates=$2; shift ;;
        --windows) windows=$2; shift ;;
        --seconds) seconds=$2; shift ;;
        --pipelined) pipelined=$2; shift ;;
        --half) loads+=(--share 0.5) ;;
        --rows) rows=yes ;;
        --turns) turns=$2; shift ;;
        --images) images=$2; shift ;;
        --all) all=yes ;;
        --open | --json) loads+=("$1" "$2"); shift ;;
        *) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p;}' "$0"; exit 64 ;;
    esac
    shift
done

run=$PWD/target/peers-run/$certificates
bin=$PWD/target/peers/release
questions=1000000
((questions <= certificates)) || questions=$certificates

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { echo "$*" >&2; exit 1; }
# shellcheck source=loadtest/server.sh
source loadtest/server.sh
# shellcheck source=loadtest/peers/servers.sh
source loadtest/peers/servers.sh
# shellcheck source=loadtest/peers/rows.sh
source loadtest/peers/rows.sh
chosen() { [[ ,$only, == *",$1,"* ]]; }

(($(nproc) >= 2)) || fail "two cores are needed: one for the servers, one for the generator"
on_first=("${urgently[@]}" taskset --cpu-list 0)
on_second=("${urgently[@]}" taskset --cpu-list 1)

pids=()
finish() {
    # shellcheck disable=SC2317 # called by the trap
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2> /dev/null || true
    wait
}
trap finish EXIT

# The register as a centre makes it, and the server's configuration.
register() {
    [[ -e $run/certq.toml ]] && return
    say "A register of $certificates certificates in $run"
    rm -rf "$run"
    mkdir -p "$run"
    "$builder" sample --out "$run" --certificates "$certificates" --seed 1
    "$builder" keys --out "$run/keys"
    "$builder" accept "$run"/inbox/* --registry "$run/registry" --ledger "$run/ledger" > "$run/accept.log"
    "$builder" publish --registry "$run/registry" --ledger "$run/ledger" \
        --keys "$run/keys" --store "$run/store" > "$run/publish.log"
    configure "$run" 18500 18501
}

load() { "$bin/load" --run "$run" --certificates "$certificates" "$@"; }

# once WHAT COMMAND...: what it says goes into WHAT.load, which says that it is done.
once() {
    local what=$1
    shift
    [[ -e $run/$what.load ]] && return
    say "Loading: $what"
    cargo_peers --features backends,register --bin load
    rm -rf "${run:?}/$what" "$run/$what.db"
    "$@" > "$run/$what.load.new"
    mv "$run/$what.load.new" "$run/$what.load"
}

say "Building"
cargo build --release --locked -p certq -p index-builder
builder=target/release/index-builder
register
if [[ -n $rows ]]; then
    rows_in_turns
    exit
fi
cargo_peers --bin ask --bin draw --bin floor
once questions load questions --count "$questions"
for peer in sqlite lmdb redis postgres lua; do
    if chosen "$peer"; then
        once records load records
        cargo_peers --features backends --bin front
        break
    fi
done

targets=() targets_of_ours=()
say "Starting"
start_ours
for peer in floor sqlite lmdb redis postgres lua files; do
    ! chosen "$peer" || "start_$peer"
done
ask() {
    "${on_second[@]}" "$bin/ask" "${targets[@]}" --questions "$run/questions" --windows "$windows" \
        --seconds "$seconds" "$@"
}

# Everything, and pictures of it.
everything() {
    ask --json "$run/closed.json"
    loaded
    # What the slowest can do, and on to where the floor is nearly full.
    ask --share 0.1 --share 0.2 --share 0.35 --share 0.5 --share 0.65 --share 0.8 --share 0.9 \
        --json "$run/open.json"
    mkdir -p "$images"
    "$bin/draw" peers --closed "$run/closed.json" --open "$run/open.json" --out "$images" \
        --caption "$certificates certificates, $(date +%F), $(sed -n 's/^model name\s*: //p;T;q' /proc/cpuinfo), one core each"
    pipelined=16
    targets=("${targets_of_ours[@]}")
    start_floor
    ask --pipelined 16 --json "$run/pipelined.json"
    rows_in_turns
}

say "Asking: $only"
if [[ -n $all ]]; then
    everything
else
    if ((pipelined > 1)) && { chosen lua || chosen files; }; then
        fail "nginx answers pipelined requests one by one; leave lua and files out"
    fi
    ask --pipelined "$pipelined" "${loads[@]}"
    loaded
fi
