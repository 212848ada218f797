#!/usr/bin/env bash
# How long a delivered batch takes until the server answers from it.
#
# A centre is made whose last batches are held back. With the others published and served, each
# held-back one is delivered into the inbox of a running `watch` together with withdrawals, and
# the server is asked about its last certificate until it answers. FRESH_CERTIFICATES (those
# published before), FRESH_RUNS, FRESH_ROWS (of a batch), FRESH_WITHDRAWALS override the defaults;
# FRESH_POLL_MS is the server's poll_interval_ms, FRESH_MARKER=no leaves out the .ok marker.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${FRESH_DIR:-target/freshness}
published=${FRESH_CERTIFICATES:-1000000} runs=${FRESH_RUNS:-20}
rows=${FRESH_ROWS:-10000} withdrawals=${FRESH_WITHDRAWALS:-100}
poll=${FRESH_POLL_MS:-1000} marker=${FRESH_MARKER:-yes}
port=${FRESH_PORT:-18280} admin_port=${FRESH_ADMIN_PORT:-19290}
bin=target/release

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait' EXIT

cargo build --release --locked -q -p certq -p index-builder -p loadtest
total=$((published + runs * rows)) before=$((published / rows))
flags=(--registry "$dir/registry" --ledger "$dir/ledger")
if [[ ! -f $dir/prepared-$total ]]; then
    say "A centre with $published certificates, and $runs batches of $rows held back"
    rm -rf "$dir" && mkdir -p "$dir"
    "$bin/index-builder" sample --out "$dir" --certificates "$total" --batches $((total / rows))
    "$bin/index-builder" keys --out "$dir/keys"
    mv "$dir/inbox" "$dir/batches" && mkdir "$dir/inbox"
    find "$dir/batches" -name 'batch-*.csv' | sort -V | head -n "$before" \
        | xargs "$bin/index-builder" accept "${flags[@]}" > /dev/null
    "$bin/index-builder" publish "${flags[@]}" --keys "$dir/keys" --store "$dir/store"
    touch "$dir/prepared-$total"
fi
# shellcheck source=loadtest/server.sh
source loadtest/server.sh
configure "$dir" "$port" "$admin_port"

say "Serving and watching"
CERTQ_STORE_POLL_INTERVAL_MS=$poll "$bin/certq" serve --config "$dir/certq.toml" 2> "$dir/server.log" &
server=$!
pids+=("$server")
"$bin/index-builder" watch --inbox "$dir/inbox" "${flags[@]}" --keys "$dir/keys" \
    --store "$dir/store" 2> "$dir/watch.log" &
watch=$!
pids+=("$watch")
ask() {
    "$bin/loadtest" --server "http://127.0.0.1:$port" --certificates "$total" --seconds 60 \
        --json --until "$1"
}
until ask 0 > /dev/null 2>&1; do sleep 0.2; done

# The first line of the withdrawals is their header; each run withdraws others.
withdrawn="$dir/batches/batch-$(printf '%04d' $((total / rows + 1))).csv"
deliver() {
    local run=$1 batch
    batch=$(printf 'batch-%04d.csv' $((before + run)))
    { head -n 1 "$withdrawn"
      sed -n "$((2 + (run - 1) * withdrawals)),$((1 + run * withdrawals))p" "$withdrawn"
    } > "$dir/withdrawn-$run.csv"
    cp "$dir/batches/$batch" "$dir/delivery.csv"
    mv "$dir/withdrawn-$run.csv" "$dir/delivery.csv" -t "$dir/staged-inbox"
    mv "$dir/staged-inbox/withdrawn-$run.csv" "$dir/inbox/"
    mv "$dir/staged-inbox/delivery.csv" "$dir/inbox/$batch"
    if [[ $marker == yes ]]; then
        touch "$dir/inbox/withdrawn-$run.csv.ok" "$dir/inbox/$batch.ok"
    fi
}
mkdir -p "$dir/staged-inbox"
bytes() { du -sb "$dir/store" "$dir/ledger" | awk '{ sum += $1 } END { printf "%.0f", sum }'; }
peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }

say "$runs deliveries of $rows new certificates and $withdrawals withdrawals"
# What an interrupted measurement has delivered is not delivered again.
touch "$dir/milliseconds"
for run in $(seq $(($(wc -l < "$dir/milliseconds") + 1)) "$runs"); do
    stored=$(bytes) began=$(date +%s%N)
    deliver "$run"
    ask $((published + run * rows - 1)) > /dev/null
    took=$((($(date +%s%N) - began) / 1000000))
    echo "$took" >> "$dir/milliseconds"
    printf 'run %2d: answered after %5d ms; %d bytes written; peak memory: watch %d MB, server %d MB\n' \
        "$run" "$took" "$(($(bytes) - stored))" "$(peak "$watch")" "$(peak "$server")"
done
sort -n "$dir/milliseconds" | awk '{ all[NR] = $1 }
    END { printf "median %d ms, worst %d ms of %d runs\n", all[int((NR + 1) / 2)], all[NR], NR }'
