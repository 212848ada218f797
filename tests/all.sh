#!/usr/bin/env bash
# Everything that must hold, in the order in which it fails fastest. Installs what it needs from
# Debian, crates.io and npm; a tool that cannot be had ends the run, no check is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=target/test
export DEMO_DIR=$dir/centre DEMO_PORT=18080 DEMO_ADMIN_PORT=19090 DEMO_CERTIFICATES=20000

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

need_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed' || missing+=("$package")
    done
    ((${#missing[@]} == 0)) && return
    echo "installing from Debian: ${missing[*]}"
    apt-get update -q > /dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" > /dev/null
}

say "Tools"
need_packages build-essential chromium fonts-noto-cjk default-jre-headless
# For the examples of docs/api.md, and requests by schemathesis.
need_packages curl python3 python3-venv
# For instructions.py.
need_packages valgrind
# For index-builder/tests/faults: kills and errors, clocks, power cuts.
need_packages strace openssl faketime qemu-utils fuse3 e2fsprogs
command -v node > /dev/null || { echo "install Node.js 20 or newer" >&2; exit 1; }
command -v cargo-nextest > /dev/null || cargo install cargo-nextest --locked
(cd tests/browser && npm ci --silent --no-audit --no-fund)

say "Formatting and lints"
cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings

say "Unit, property, contract and structure tests"
cargo nextest run --locked --workspace --no-fail-fast

say "The whole way: sample, accept, publish, serve"
trap 'deploy/demo.sh stop' EXIT
deploy/demo.sh start
target/release/index-builder verify --store "$DEMO_DIR/store" --keys "$DEMO_DIR/keys" --ledger "$DEMO_DIR/ledger"
# A key whose rows are soon used up, for the pages; the server takes it while other tests run.
target/release/certq keys create --keys-file "$DEMO_DIR/keys/api-keys.json" --name spent \
    --rows-per-day 2 > "$DEMO_DIR/spent-key"

say "Load: every answer judged"
target/release/loadtest --server "http://127.0.0.1:$DEMO_PORT" --certificates "$DEMO_CERTIFICATES" \
    --rate 2000 --seconds 5

say "Instructions a look-up"
target/release/loadtest --examples --json --server "http://127.0.0.1:$DEMO_PORT" \
    --certificates "$DEMO_CERTIFICATES" > "$dir/cases.json"
python3 tests/instructions.py "$DEMO_DIR" "$dir/cases.json"

say "The interface: generated requests, and lists opened by another program"
tests/schemathesis.sh "http://127.0.0.1:$DEMO_PORT" 20
"$(tests/python.sh)/python" tests/spreadsheets/round_trip.py "http://127.0.0.1:$DEMO_PORT"

say "Pages in Chromium"
# A second server, without a generation, shows what citizens see in an outage.
mkdir -p "$dir/outage/store"
sed -e 's#cache_dir = .*#cache_dir = "cache"#' -e "s#:$DEMO_PORT#:18081#" -e "s#:$DEMO_ADMIN_PORT#:19091#" \
    -e "s#keys/#$PWD/$DEMO_DIR/keys/#" "$DEMO_DIR/certq.toml" > "$dir/outage/certq.toml"
target/release/certq serve --config "$dir/outage/certq.toml" 2> "$dir/outage/server.log" &
outage=$!
trap 'kill "$outage" || true; deploy/demo.sh stop' EXIT
until (exec 3<>/dev/tcp/127.0.0.1/18081) 2> /dev/null; do
    kill -0 "$outage" || { tail -n 3 "$dir/outage/server.log" >&2; exit 1; }
    sleep 0.1
done
CERTQ_URL="http://127.0.0.1:$DEMO_PORT" CERTQ_CASES="$PWD/$dir/cases.json" \
    CERTQ_API_KEY_FILE="$PWD/$DEMO_DIR/api-key" CERTQ_SPENT_KEY_FILE="$PWD/$DEMO_DIR/spent-key" \
    CERTQ_OUTAGE_URL=http://127.0.0.1:18081 node --test tests/browser/

say "The examples of docs/api.md"
CERTQ_URL="http://127.0.0.1:$DEMO_PORT" CERTQ_CASES="$PWD/$dir/cases.json" \
    CERTQ_API_KEY_FILE="$PWD/$DEMO_DIR/api-key" node --test tests/examples/

say "A living register: watch, correct, withdraw, restore, point"
CERTQ_CENTRE="$PWD/$DEMO_DIR" CERTQ_URL="http://127.0.0.1:$DEMO_PORT" CERTQ_CASES="$PWD/$dir/cases.json" \
    CERTQ_BUILDER="$PWD/target/release/index-builder" node --test tests/living/

say "All passed"
