# shellcheck shell=bash
# The delivered rows: accepted and published by our builder, and copied into PostgreSQL, in turns.
# Read by loadtest/peers.sh, whose variables it uses.
# shellcheck disable=SC2154

# step NAME COMMAND...: how long it takes goes into rows.tsv.
step() {
    local name=$1 began
    shift
    began=$(date +%s.%N)
    "$@" > "$run/step.log" 2>&1 || { tail -n 5 "$run/step.log" >&2; fail "$name failed"; }
    awk "BEGIN { printf \"%s\\t%.3f\\n\", \"$name\", $(date +%s.%N) - $began }" >> "$run/rows.tsv"
}

# Accepted into an empty ledger, published into an empty store; as urgently as PostgreSQL works.
our_turn() {
    local scratch=$run/scratch
    rm -rf "$scratch"
    mkdir "$scratch"
    step accept "${urgently[@]}" "$builder" accept "$run"/inbox/* --registry "$run/registry" --ledger "$scratch/ledger"
    step publish "${urgently[@]}" "$builder" publish --registry "$run/registry" --ledger "$scratch/ledger" \
        --keys "$run/keys" --store "$scratch/store"
    rm -rf "$scratch"
}

sql() {
    "${urgently[@]}" psql -q --host 127.0.0.1 --port 18521 --user certq --dbname postgres -v ON_ERROR_STOP=1 "$@"
}

# The rows as they are, nothing judged, nothing hashed. In the transaction that makes the table, so
# that nothing is logged.
postgres_turn() {
    local columns=number,name,id_type,id_number,occupation_code,occupation_name,direction,level
    columns+=,theory,skill,review,plan_no,assessed_on,reported_on,roll_verified_on,centre,reviewed_on,issued_on
    cat > "$run/rows.sql" << SQL
DROP TABLE IF EXISTS rows;
BEGIN;
CREATE TABLE rows (${columns//,/ text, } text);
\\copy rows FROM '$run/rows.csv' WITH (FORMAT csv)
COMMIT;
SQL
    step copy sql --file "$run/rows.sql"
    step unique sql --command 'CREATE UNIQUE INDEX ON rows (number COLLATE "C")'
    step person sql --command 'CREATE INDEX ON rows (id_number COLLATE "C", name COLLATE "C")'
}

# Both use both cores, and read from memory what they are given.
rows_in_turns() {
    local turn taken
    postgres_server
    once rows load rows
    on_cores 0,1 "$postgres_pid"
    say "The delivered rows: accept and publish, and PostgreSQL, $turns turns"
    rm -f "$run/rows.tsv"
    cat "$run"/inbox/* "$run/rows.csv" > /dev/null
    for turn in $(seq "$turns"); do
        our_turn
        postgres_turn
        echo "turn $turn of $turns" >&2
    done
    # A turn is five lines: the two of ours, the three of PostgreSQL.
    awk -F '\t' '{ print } { all += $2 }
        NR % 5 == 2 { printf "ours\t%.3f\n", all; ours = all; all = 0 }
        NR % 5 == 0 { printf "postgres\t%.3f\nratio\t%.3f\n", all, all / ours; all = 0 }' "$run/rows.tsv" > "$run/turns.tsv"
    printf '\n%-48s %9s %9s %9s\n' "seconds of $turns turns" median lowest highest
    line accept "accept ($(wc -l "$run"/inbox/* | awk -v files="$(find "$run/inbox" -type f | wc -l)" 'END { print $1 - files }') rows, each judged)"
    line publish "publish"
    line ours "  both"
    line copy "COPY ($(wc -l < "$run/rows.csv") rows, as they are)"
    line unique "unique index on the number"
    line person "index on document number and name"
    line postgres "  all three"
    line ratio "PostgreSQL to ours, of each turn"
    taken=$(sql -tA --command "SELECT pg_total_relation_size('rows')")
    awk -v taken="$taken" -v rows="$(wc -l < "$run/rows.csv")" 'BEGIN { printf "PostgreSQL: %.1f bytes a row\n", taken / rows }'
    sql --command 'DROP TABLE rows'
}

# line NAME TEXT: of what the turns took.
line() {
    awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$run/turns.tsv" | sort -g |
        awk -v text="$2" '{ v[NR] = $1 } END { printf "%-48s %9.2f %9.2f %9.2f\n", text, v[int((NR + 1) / 2)], v[1], v[NR] }'
}
