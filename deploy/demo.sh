#!/usr/bin/env bash
# A synthetic centre from nothing to a served register: sample, keys, accept, publish, serve.
#
#   deploy/demo.sh start   leaves the server running and returns
#   deploy/demo.sh stop    ends it
#
# DEMO_DIR, DEMO_PORT, DEMO_ADMIN_PORT, DEMO_CERTIFICATES and DEMO_SEED override the defaults;
# the tests use them to run beside a demo that somebody is looking at.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${DEMO_DIR:-target/demo}
port=${DEMO_PORT:-8080}
admin_port=${DEMO_ADMIN_PORT:-9090}
certificates=${DEMO_CERTIFICATES:-100000}
seed=${DEMO_SEED:-1}
pid_file=$dir/server.pid
bin=target/release

say() { printf '\033[1m%s\033[0m\n' "$*"; }

# Ends the server of this directory, and only it: the pid must still be a certq.
stop() {
    [[ -f $pid_file ]] || return 0
    local pid
    pid=$(<"$pid_file")
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == certq ]]; then
        kill "$pid"
        for _ in $(seq 250); do [[ -e /proc/$pid ]] || break; sleep 0.1; done
    fi
    rm -f "$pid_file"
}

# shellcheck source=loadtest/server.sh
source loadtest/server.sh

start() {
    stop
    say "Building (a first build takes some minutes) …"
    cargo build --release --locked -p certq -p index-builder -p loadtest
    rm -rf "$dir"
    mkdir -p "$dir"
    say "A sample centre with $certificates certificates in $dir …"
    "$bin/index-builder" sample --out "$dir" --certificates "$certificates" --seed "$seed"
    "$bin/index-builder" keys --out "$dir/keys"
    "$bin/index-builder" accept "$dir"/inbox/* --registry "$dir/registry" --ledger "$dir/ledger"
    "$bin/index-builder" publish --registry "$dir/registry" --ledger "$dir/ledger" \
        --keys "$dir/keys" --store "$dir/store"
    configure "$dir" "$port" "$admin_port"
    printf '\n[bulk]\nkeys_file = "keys/api-keys.json"\n' >> "$dir/certq.toml"
    (umask 077; "$bin/certq" keys create --keys-file "$dir/keys/api-keys.json" --name demo \
        --rows-per-day 100000000 > "$dir/api-key")
    say "Serving …"
    nohup "$bin/certq" serve --config "$dir/certq.toml" > "$dir/server.log" 2>&1 < /dev/null &
    local pid=$!
    echo "$pid" > "$pid_file"
    until_ready "$pid" "$admin_port" "$dir/server.log"
    "$bin/loadtest" --examples --server "http://127.0.0.1:$port" \
        --certificates "$certificates" --seed "$seed"
    say "The register is served on http://127.0.0.1:$port (process $pid, log in $dir/server.log)."
    echo "A list: $bin/certq verify --server http://127.0.0.1:$port --key-file $dir/api-key FILE.xlsx"
    echo "Open it in a browser, or ask with curl as above; \`make demo-stop\` ends it."
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    *) echo "usage: deploy/demo.sh start|stop" >&2; exit 64 ;;
esac
