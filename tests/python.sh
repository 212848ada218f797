#!/usr/bin/env bash
# Python with the packages that the tests need, in target/; prints the path of its programs.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/target/python
wanted='schemathesis==4.32.5 openpyxl==3.1.5'
if [[ $(cat "$venv/wanted" 2> /dev/null) != "$wanted" ]]; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 || { echo "install python3-venv (Debian)" >&2; exit 1; }
    # shellcheck disable=SC2086
    "$venv/bin/pip" install -q $wanted >&2
    echo "$wanted" > "$venv/wanted"
fi
echo "$venv/bin"
