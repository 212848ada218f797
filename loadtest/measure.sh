#!/usr/bin/env bash
# Capacity and latency of a server with a million certificates, every answer judged.
#
# First a closed loop for the capacity, then an open loop at half of it for the latency. With two
# cores or more the server is kept to the first and the generator to the second, so that each has
# one for itself. LOAD_CERTIFICATES, LOAD_SECONDS and LOAD_CONNECTIONS override the defaults; with
# LOAD_OUT=FILE the reports are also written there, a JSON object a line.
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

# Asks as JSON, keeps it, and leaves it in $report; a wrong answer or an error ends everything.
measure() {
    if ! report=$(ask --json "$@"); then
        printf '%s\n' "$report" >&2
        exit 1
    fi
    if [[ -n ${LOAD_OUT:-} ]]; then
        printf '%s\n' "$report" >> "$LOAD_OUT"
    fi
}

# A number of $report, and one within an object of it.
value() { sed -E "s/.*\"$1\":([0-9.]+).*/\1/" <<< "$report"; }
within() { sed -E "s/.*\"$1\":\{[^}]*\"$2\":([0-9.]+).*/\1/" <<< "$report"; }

say "Warming up"
measure --closed --seconds 3

say "Capacity: closed loop for $seconds s, $connections connections"
measure --closed --seconds "$seconds"
capacity=$(value answers_per_second)
printf '%.0f answers a second, none wrong; the server took %.2f µs of CPU for each\n' \
    "$capacity" "$(value server_us_per_answer)"

half=$(awk "BEGIN { printf \"%.0f\", $capacity / 2 }")
say "Latency at half of it: open loop, $half a second for $seconds s, from the intended start"
measure --rate "$half" --seconds "$seconds"
printf '%s answers, none wrong\n' "$(value answers)"
printf 'answered after        p50 %.0f  p99 %.0f  p99.9 %.0f  max %.0f µs\n' \
    "$(within latency_us p50)" "$(within latency_us p99)" \
    "$(within latency_us 'p99\.9')" "$(within latency_us max)"
printf 'sent too late by us   p50 %.0f  p99 %.0f  p99.9 %.0f  max %.0f µs, at %.2f of a core\n' \
    "$(within own_lateness_us p50)" "$(within own_lateness_us p99)" \
    "$(within own_lateness_us 'p99\.9')" "$(within own_lateness_us max)" "$(value own_cores)"
