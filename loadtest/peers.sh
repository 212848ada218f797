#!/usr/bin/env bash
# Our server beside the floor and the peers: the same certificates, the same bytes, the same load,
# in turn on the same core.
#
#   loadtest/peers.sh [--only ours,floor,...] [--certificates N] [--windows N] [--seconds S]
#                     [--pipelined DEPTH] [--half] [--open RATE]... [--json FILE]
#
# --only ours,floor      which to measure; the floor answers constant bytes with hyper
# --certificates N       size of the register (1000000)
# --windows, --seconds   windows of each, and how long each lasts (8, 2)
# --pipelined DEPTH      requests at a time on a connection (1)
# --half, --open RATE    open loop, at half of what the floor can do or at so many a second
#
# The register and what was loaded are kept in target/peers-run/N; only what is missing is made, so
# a run after a change of the server takes its build and the windows. Servers are kept to core 0 and
# the generator to core 1. Every answer is compared with the bytes it must have; one that differs
# ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."

only=ours,floor certificates=1000000 windows=8 seconds=2 pipelined=1
loads=()
while (($# > 0)); do
    case $1 in
        --only) only=$2; shift ;;
        --certificates) certificates=$2; shift ;;
        --windows) windows=$2; shift ;;
        --seconds) seconds=$2; shift ;;
        --pipelined) pipelined=$2; shift ;;
        --half) loads+=(--half) ;;
        --open | --json) loads+=("$1" "$2"); shift ;;
        *) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0"; exit 64 ;;
    esac
    shift
done

run=$PWD/target/peers-run/$certificates
bin=$PWD/target/peers/release
questions=1000000
((questions <= certificates)) || questions=$certificates

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { echo "$*" >&2; exit 1; }
chosen() { [[ ,$only, == *",$1,"* ]]; }

(($(nproc) >= 2)) || fail "two cores are needed: one for the servers, one for the generator"
# Nobody else shall have the cores; without the right to it, others are only flagged.
urgently=(nice -n -15)
nice -n -15 true 2> /dev/null || urgently=()
on_first=("${urgently[@]}" taskset --cpu-list 0)
on_second=("${urgently[@]}" taskset --cpu-list 1)

pids=()
finish() {
    # shellcheck disable=SC2317 # called by the trap
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2> /dev/null || true
    wait
}
trap finish EXIT

# started NAME COMMAND...: runs it on the first core; its process is in $started.
started() {
    local name=$1
    shift
    "${on_first[@]}" "$@" > "$run/$name.log" 2>&1 < /dev/null &
    started=$!
    pids+=("$started")
}

# listening PORT NAME: waits until somebody does, or fails with what NAME logged.
listening() {
    for _ in $(seq 600); do
        (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null && return
        kill -0 "$started" 2> /dev/null || { tail -n 5 "$run/$2.log" >&2; fail "$2 has ended"; }
        sleep 0.05
    done
    fail "$2 does not listen after 30 s; see $run/$2.log"
}

timed() { # NAME COMMAND...: the seconds it took go into a file beside its output.
    local name=$1 began
    shift
    began=$(date +%s.%N)
    "$@" > "$run/$name.log" 2>&1 || { tail -n 5 "$run/$name.log" >&2; fail "$name failed"; }
    awk "BEGIN { printf \"%.2f\n\", $(date +%s.%N) - $began }" > "$run/$name.seconds"
}

peers() { cargo build --release --locked --manifest-path loadtest/peers/Cargo.toml --target-dir target/peers "$@"; }

# The register as a centre makes it, and the server's configuration.
register() {
    [[ -e $run/certq.toml ]] && return
    say "A register of $certificates certificates in $run"
    rm -rf "$run"
    mkdir -p "$run"
    "$builder" sample --out "$run" --certificates "$certificates" --seed 1
    "$builder" keys --out "$run/keys"
    timed accept "$builder" accept "$run"/inbox/* --registry "$run/registry" --ledger "$run/ledger"
    timed publish "$builder" publish --registry "$run/registry" --ledger "$run/ledger" \
        --keys "$run/keys" --store "$run/store"
    cat > "$run/certq.toml" << TOML
[store]
path = "store"
cache_dir = "cache"
[keys]
lookup = ["keys/lookup.key"]
publishers = ["keys/publisher.pub"]
[public]
listen = ["127.0.0.1:18500"]
[admin]
listen = "127.0.0.1:18501"
TOML
}

# Rendered by certq's own library, once.
questions() {
    [[ -e $run/questions.done ]] && return
    say "$questions questions with their answers"
    peers --features backends,register --bin load
    "$bin/load" --run "$run" --certificates "$certificates" questions --count "$questions"
    touch "$run/questions.done"
}

targets=()
target() { targets+=(--target "$1=127.0.0.1:$2:$3"); }

ours() {
    # Rates and quotas are not what is measured; one thread, since there is one core.
    started ours env CERTQ_LIMITS_ENABLED=false CERTQ_PUBLIC_THREADS=1 \
        target/release/certq serve --config "$run/certq.toml"
    listening 18500 ours
    for _ in $(seq 600); do
        if exec 3<> /dev/tcp/127.0.0.1/18501; then
            printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
            [[ $(head -n 1 <&3) == *" 200 "* ]] && break
        fi
        sleep 0.05
    done
    target ours 18500 "$started"
}

# Answers like ours, whose first answer it repeats.
like=(--like 127.0.0.1:18500 --questions "$run/questions")
((pipelined == 1)) || like+=(--pipeline-flush)

floor() {
    started floor "$bin/floor" --listen 127.0.0.1:18510 "${like[@]}"
    listening 18510 floor
    target floor 18510 "$started"
}

say "Building"
cargo build --release --locked -p certq -p index-builder
peers --bin ask --bin floor
builder=target/release/index-builder
register
questions
say "Starting"
ours
floor
say "Asking"
"${on_second[@]}" "$bin/ask" "${targets[@]}" --questions "$run/questions" --windows "$windows" \
    --seconds "$seconds" --pipelined "$pipelined" "${loads[@]}"
