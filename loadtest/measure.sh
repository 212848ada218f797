#!/usr/bin/env bash
# Capacity and latency of a server with a million certificates, every answer judged.
#
# First a closed loop for the capacity, then an open loop at half of it for the latency. With two
# cores or more the server is kept to the first and the generator to the second, so that each has
# one for itself. LOAD_CERTIFICATES, LOAD_SECONDS and LOAD_CONNECTIONS override the defaults; with
# LOAD_OUT=FILE the two reports are also written there, a JSON object a line.
set -euo pipefail
cd "$(dirname "$0")/.."

export DEMO_DIR=${LOAD_DIR:-target/load} DEMO_PORT=${LOAD_PORT:-18180}
export DEMO_ADMIN_PORT=${LOAD_ADMIN_PORT:-19190} DEMO_CERTIFICATES=${LOAD_CERTIFICATES:-1000000}
seconds=${LOAD_SECONDS:-30}
connections=${LOAD_CONNECTIONS:-64}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

trap 'deploy/demo.sh stop' EXIT
deploy/demo.sh start > /dev/null
pid=$(<"$DEMO_DIR/server.pid")

generator=()
if (($(nproc) >= 2)) && command -v taskset > /dev/null; then
    taskset --all-tasks --cpu-list --pid 0 "$pid" > /dev/null
    generator=(taskset --cpu-list 1)
fi

ask() {
    "${generator[@]}" target/release/loadtest --server "http://127.0.0.1:$DEMO_PORT" \
        --certificates "$DEMO_CERTIFICATES" --connections "$connections" --server-pid "$pid" "$@"
}

# Asks as JSON, keeps it, and leaves it in $report.
measure() {
    report=$(ask --json "$@")
    if [[ -n ${LOAD_OUT:-} ]]; then
        printf '%s\n' "$report" >> "$LOAD_OUT"
    fi
}

# One number of $report.
value() { sed -E "s/.*\"$1\":([0-9.]+).*/\1/" <<< "$report"; }

say "Warming up"
measure --closed --seconds 3

say "Capacity: closed loop, $connections connections"
measure --closed --seconds "$seconds"
capacity=$(value answers_per_second)
printf '%.0f answers a second; the server took %.2f µs of CPU for each\n' \
    "$capacity" "$(value server_us_per_answer)"

half=$(printf '%.0f' "$(awk "BEGIN { print $capacity / 2 }")")
say "Latency at half of it: open loop, $half a second for $seconds s"
ask --rate "$half" --seconds "$seconds"
