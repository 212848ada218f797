#!/usr/bin/env bash
# Lists of 100,000 rows through POST /v1/bulk in each form: rows a second, memory, counts; then how
# late single look-ups are while four such lists are answered without a pause.
#
# The server is kept to core 0 and everything that asks to core 1, where there are two.
# LISTS_ROWS, LISTS_CERTIFICATES, LISTS_TURNS and LISTS_SECONDS override the defaults.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v curl > /dev/null || { echo "install curl (Debian package curl)" >&2; exit 1; }

export DEMO_DIR=${LISTS_DIR:-target/lists} DEMO_PORT=${LISTS_PORT:-18280}
# Rates and quotas are not what is measured.
export CERTQ_LIMITS_ENABLED=false
export DEMO_ADMIN_PORT=${LISTS_ADMIN_PORT:-19290} DEMO_CERTIFICATES=${LISTS_CERTIFICATES:-1000000}
rows=${LISTS_ROWS:-100000} turns=${LISTS_TURNS:-7} seconds=${LISTS_SECONDS:-10} rate=${LISTS_RATE:-2000}
url=http://127.0.0.1:$DEMO_PORT
# shellcheck disable=SC2034 # named by the form
ndjson=application/x-ndjson csv=text/csv
xlsx=application/vnd.openxmlformats-officedocument.spreadsheetml.sheet

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

employers=
finish() {
    [[ -z $employers ]] || kill "$employers" 2> /dev/null || true
    deploy/demo.sh stop
}
trap finish EXIT
deploy/demo.sh start > /dev/null
pid=$(<"$DEMO_DIR/server.pid")
asking=()
if (($(nproc) >= 2)) && command -v taskset > /dev/null; then
    taskset --all-tasks --cpu-list --pid 0 "$pid" > /dev/null
    asking=(taskset --cpu-list 1)
fi

# The day's quota must last, and four jobs need two accounts, which have two each.
key() {
    target/release/certq keys create --keys-file "$DEMO_DIR/keys/api-keys.json" --name "$1" \
        --rows-per-day 1000000000
}
key_one=$(key one) key_two=$(key two)
sleep 12 # The server looks for new keys every ten seconds.

# send KEY TYPE ACCEPT FILE OUT: prints seconds; anything but 200 ends everything.
send() {
    local answer
    answer=$("${asking[@]}" chrt --idle 0 curl -s -o "$5" -w '%{http_code} %{time_total}' -H "authorization: Bearer $1" \
        -H "content-type: $2" -H "accept: $3" --data-binary "@$4" "$url/v1/bulk")
    [[ $answer == 200\ * ]] || { echo "answered $answer" >&2; head -c 500 "$5" >&2; exit 1; }
    echo "${answer#* }"
}
memory() { awk -v key="$1:" '$1 == key { print int($2 / 1024) }' "/proc/$pid/status"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

list=$DEMO_DIR/list
target/release/loadtest --certificates "$DEMO_CERTIFICATES" --list "$rows" --row-bytes 330 > "$list.csv"
send "$key_one" $csv $xlsx "$list.csv" "$list.xlsx" > /dev/null
awk -F, 'NR > 1 { printf "{\"ref\":\"%s\",\"name\":\"%s\",\"certificate_number\":\"%s\",\"id_number\":\"%s\",\"id_type\":\"%s\"}\n", $1, $2, $3, $4, $5 }' \
    "$list.csv" > "$list.ndjson"

say "$rows rows in each form"
printf '%-8s %10s %10s %12s %14s %12s\n' form 'body MB' 'answer MB' 'rows/s' 'memory +MiB' 'after +MiB'
for form in ndjson csv xlsx; do
    sleep 1
    before=$(memory VmRSS)
    echo 5 > "/proc/$pid/clear_refs"
    taken=$(for _ in 1 2 3; do send "$key_one" "${!form}" "${!form}" "$list.$form" "$list.out"; done | median)
    peak=$(memory VmHWM)
    sleep 1
    after=$(memory VmRSS)
    printf '%-8s %10.1f %10.1f %12.0f %14d %12d\n' "$form" \
        "$(stat -c %s "$list.$form" | awk '{ print $1 / 1e6 }')" \
        "$(stat -c %s "$list.out" | awk '{ print $1 / 1e6 }')" \
        "$(awk "BEGIN { print $rows / $taken }")" $((peak - before)) $((after - before))
    case $form in
        ndjson)
            misses=$((rows / 10))
            want="{\"summary\":{\"rows\":$rows,\"match\":$((rows - misses)),\"no_match\":$misses,\"invalid\":0,\"cannot_answer\":0,\"limited\":0,"
            [[ $(tail -n 1 "$list.out") == "$want"* ]] || { tail -n 1 "$list.out" >&2; exit 1; }
            ;;
        csv)
            [[ $(wc -l < "$list.out") == $((rows + 1)) ]] || { echo "rows are missing" >&2; exit 1; }
            ;;
    esac
done

say "Single look-ups: $rate a second, $turns turns of $seconds s without and with four lists under way"
printf '%s\n' "$key_one" "$key_one" "$key_two" "$key_two" > "$DEMO_DIR/employers"
ask() {
    "${asking[@]}" target/release/loadtest --server "$url" --certificates "$DEMO_CERTIFICATES" \
        --rate "$rate" --seconds "$seconds" --connections 16 --json |
        sed -E 's/.*"latency_us":\{[^}]*"p50":([0-9.]+)[^}]*"p99":([0-9.]+).*"own_lateness_us":\{[^}]*"p99":([0-9.]+).*/\1 \2 \3/'
}
: > "$DEMO_DIR/idle"; : > "$DEMO_DIR/busy"; : > "$DEMO_DIR/lists"
for _ in $(seq "$turns"); do
    ask >> "$DEMO_DIR/idle"
    "${asking[@]}" chrt --idle 0 target/release/loadtest --server "$url" --certificates "$DEMO_CERTIFICATES" \
        --send "$list.csv" --keys "$DEMO_DIR/employers" --seconds $((seconds + 2)) >> "$DEMO_DIR/lists" &
    employers=$!
    sleep 1
    ask >> "$DEMO_DIR/busy"
    wait "$employers"
    employers=
    sleep 1
done
for state in idle busy; do
    printf '%s: p50 %s µs, p99 %s µs; the generator itself late: p99 %s µs (medians of %s)\n' "$state" \
        "$(awk '{ print $1 }' "$DEMO_DIR/$state" | median)" "$(awk '{ print $2 }' "$DEMO_DIR/$state" | median)" \
        "$(awk '{ print $3 }' "$DEMO_DIR/$state" | median)" "$turns"
done
echo "meanwhile: $(sort -n "$DEMO_DIR/lists" | sed -n "$(((turns + 1) / 2))p") (median)"
paste "$DEMO_DIR/idle" "$DEMO_DIR/busy" | awk '{ print $5 / $2 }' | sort -n |
    awk '{ v[NR] = $1 } END { printf "p99 busy / idle: median %.2f, from %.2f to %.2f\n", v[int((NR + 1) / 2)], v[1], v[NR] }'
