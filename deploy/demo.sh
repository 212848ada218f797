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

write_config() {
    cat > "$dir/certq.toml" <<TOML
[store]
path = "store"
cache_dir = "cache"

[keys]
lookup = ["keys/lookup.key"]
publishers = ["keys/publisher.pub"]

[public]
listen = ["127.0.0.1:$port"]

[admin]
listen = "127.0.0.1:$admin_port"

[bulk]
keys_file = "keys/api-keys.json"
TOML
}

# Waits for /readyz through bash's own sockets, so that a bare machine needs no curl.
wait_until_ready() {
    local pid=$1 reply
    for _ in $(seq 300); do
        [[ -e /proc/$pid ]] || { tail -n 3 "$dir/server.log" >&2; return 1; }
        if exec 3<>"/dev/tcp/127.0.0.1/$admin_port"; then
            printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
            reply=$(head -n 1 <&3)
            exec 3>&-
            [[ $reply == *" 200 "* ]] && return 0
        fi 2>/dev/null
        sleep 0.1
    done
    echo "the server is not ready after 30 s; see $dir/server.log" >&2
    return 1
}

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
    write_config
    (umask 077; "$bin/certq" keys create --keys-file "$dir/keys/api-keys.json" --name demo \
        --rows-per-day 100000000 > "$dir/api-key")
    say "Serving …"
    nohup "$bin/certq" serve --config "$dir/certq.toml" > "$dir/server.log" 2>&1 < /dev/null &
    local pid=$!
    echo "$pid" > "$pid_file"
    wait_until_ready "$pid"
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
