#!/usr/bin/env bash
# The long runs of the interface's tests against a server of their own: 10,000 generated requests,
# and answered lists opened by openpyxl and LibreOffice.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v soffice > /dev/null || { echo "install LibreOffice (Debian package libreoffice-calc)" >&2; exit 1; }
export DEMO_DIR=target/interface DEMO_PORT=18380 DEMO_ADMIN_PORT=19390 DEMO_CERTIFICATES=20000
trap 'deploy/demo.sh stop' EXIT
deploy/demo.sh start > /dev/null
url=http://127.0.0.1:$DEMO_PORT
"$(tests/python.sh)/python" tests/spreadsheets/round_trip.py "$url" --libreoffice
tests/schemathesis.sh "$url" 1300
