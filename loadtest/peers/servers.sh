# shellcheck shell=bash
# The servers of a run: how each is started, kept to the first core, and filled. Read by
# loadtest/peers.sh, whose variables it uses.
# shellcheck disable=SC2154

# need PACKAGE COMMAND: installs a Debian package unless its command is there.
need() {
    command -v "$2" > /dev/null && return
    echo "installing from Debian: $1" >&2
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$1"; } \
        > "$run/apt.log" 2>&1 || fail "install the Debian package $1"
}

# started NAME COMMAND...: runs it on the first core; its process is in $started.
started() {
    local name=$1
    shift
    "${on_first[@]}" "$@" > "$run/$name.log" 2>&1 < /dev/null &
    started=$!
    pids+=("$started")
}

# listening PORT NAME: waits until somebody does, or fails with what NAME logged.
listening() {
    for _ in $(seq 1200); do
        (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null && return
        kill -0 "$started" 2> /dev/null || { tail -n 5 "$run/$2.log" >&2; fail "$2 has ended"; }
        sleep 0.05
    done
    fail "$2 does not listen after 60 s; see $run/$2.log"
}

# on_cores LIST PID: a database is filled with both cores and asked on one.
on_cores() {
    local pid
    for pid in "$2" $(pgrep -P "$2"); do
        taskset --all-tasks --cpu-list --pid "$1" "$pid" > /dev/null
    done
}

# target NAME PORT PID[,PID]
target() { targets+=(--target "$1=127.0.0.1:$2:$3"); }

start_ours() {
    # Rates and quotas are not what is measured; one thread, since there is one core.
    started ours env CERTQ_LIMITS_ENABLED=false CERTQ_PUBLIC_THREADS=1 \
        target/release/certq serve --config "$run/certq.toml"
    until_ready "$started" 18501 "$run/ours.log" || fail "remove $run when another build made it"
    ! chosen ours || target ours 18500 "$started"
    # shellcheck disable=SC2034 # for the pipelined questions
    targets_of_ours=("${targets[@]}")
}

# Every server here answers with the head of ours, whose first answer it asks for.
alike() {
    local options=(--listen "127.0.0.1:$1" --like 127.0.0.1:18500 --questions "$run/questions")
    ((pipelined == 1)) || options+=(--pipeline-flush)
    printf '%s\n' "${options[@]}"
}

start_floor() {
    # One of each kind may run: with and without its answers to pipelined requests in one write.
    local options port=$((18510 - pipelined))
    mapfile -t options < <(alike "$port")
    started "floor-$port" "$bin/floor" "${options[@]}"
    listening "$port" "floor-$port"
    target floor "$port" "$started"
}

# front NAME PORT DATABASE-PID ARGUMENTS...: the hyper front of a database.
front() {
    local name=$1 port=$2 database=$3 options
    shift 3
    mapfile -t options < <(alike "$port")
    started "$name" "$bin/front" "${options[@]}" --misses "$run/misses" "$@"
    listening "$port" "$name"
    target "$name" "$port" "$started${database:+,$database}"
}

start_sqlite() {
    once sqlite load sqlite
    front sqlite 18511 "" sqlite "$run/sqlite.db"
}

start_lmdb() {
    once lmdb load lmdb
    front lmdb 18512 "" lmdb "$run/lmdb"
}

# Redis in memory only: it is filled anew in each run.
redis_pid=
redis_server() {
    [[ -z $redis_pid ]] || return 0
    need redis-server redis-server
    started redis-server redis-server --port 18520 --bind 127.0.0.1 --save "" --appendonly no --dir "$run"
    redis_pid=$started
    listening 18520 redis-server
    on_cores 0,1 "$redis_pid"
    rm -f "$run/redis.load"
    once redis load redis redis://127.0.0.1:18520
    on_cores 0 "$redis_pid"
}

start_redis() {
    redis_server
    front redis 18513 "$redis_pid" redis redis://127.0.0.1:18520
}

# PostgreSQL does not run as root.
as_postgres=()
((EUID != 0)) || as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)

postgres_pid=
postgres_server() {
    [[ -z $postgres_pid ]] || return 0
    local programs=/usr/lib/postgresql/15/bin data=$run/postgresql
    need postgresql-15 "$programs/postgres"
    if [[ ! -e $data/done ]]; then
        rm -rf "$data"
        mkdir -p "$data"
        ((EUID != 0)) || chown postgres: "$data"
        "${as_postgres[@]}" "$programs/initdb" --pgdata "$data/data" --username certq --auth trust --encoding UTF8 --no-sync \
            > "$run/initdb.log"
        touch "$data/done"
    fi
    # All that makes loading faster at the price of safety: it is to be a peer at its best.
    local settings=(
        port=18521 listen_addresses=127.0.0.1 "unix_socket_directories=" shared_buffers=4GB
        maintenance_work_mem=1GB max_wal_size=32GB wal_level=minimal max_wal_senders=0 fsync=off
        synchronous_commit=off full_page_writes=off autovacuum=off jit=off
    )
    local arguments=() setting
    for setting in "${settings[@]}"; do arguments+=(-c "$setting"); done
    started postgresql "${as_postgres[@]}" "$programs/postgres" -D "$data/data" "${arguments[@]}"
    postgres_pid=$started
    for _ in $(seq 600); do
        pg_isready --quiet --host 127.0.0.1 --port 18521 && break
        kill -0 "$postgres_pid" || { tail -n 5 "$run/postgresql.log" >&2; fail "PostgreSQL has ended"; }
        sleep 0.1
    done
    on_cores 0,1 "$postgres_pid"
}

start_postgres() {
    local parameters="host=127.0.0.1 port=18521 user=certq dbname=postgres"
    postgres_server
    once postgres load postgres "$parameters"
    on_cores 0 "$postgres_pid"
    front postgres 18514 "$postgres_pid" postgres "$parameters"
}

# The fields that our server writes into the head of an answer, as nginx adds them.
nginx_fields() {
    local first name value
    first=$(sed -n '2{s/\t.*//p;q}' "$run/questions")
    curl -s -D - -o /dev/null -H 'content-type: application/json' --data-binary "$first" \
        http://127.0.0.1:18500/v1/lookup | tr -d '\r' | while IFS=: read -r name value; do
        case ${name,,} in
            http/* | "" | date | content-type | content-length) ;;
            *) echo "add_header $name '${value# }';" ;;
        esac
    done
}

# nginx_server NAME PORT: one worker, no log, connections kept; the location is read from stdin.
nginx_server() {
    local name=$1 port=$2
    need nginx nginx
    need curl curl
    cat > "$run/$name.conf" << CONF
user root;
daemon off;
worker_processes 1;
pid $run/$name.pid;
error_log $run/$name.error.log;
${3:-}
events { worker_connections 1024; }
http {
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    tcp_nodelay on;
    default_type application/json;
    etag off;
    client_body_buffer_size 16k;
    $(nginx_fields)
    server {
        listen 127.0.0.1:$port;
        $(cat)
    }
}
CONF
    started "$name" nginx -c "$run/$name.conf"
    listening "$port" "$name"
    target "$name" "$port" "$started${4:+,$4}"
}

start_lua() {
    local modules=/usr/lib/nginx/modules
    [[ -e $modules/ngx_http_lua_module.so ]] || need libnginx-mod-http-lua no-command
    redis_server
    nginx_server lua 18515 "load_module $modules/ndk_http_module.so; load_module $modules/ngx_http_lua_module.so;" \
        "$redis_pid" << CONF
location = /v1/lookup {
    content_by_lua_file $PWD/loadtest/peers/lookup.lua;
}
CONF
}

start_files() {
    local count=100000
    ((count <= questions)) || count=$questions
    once files load files "$count"
    # Opened for each answer: nobody may keep as many files open as there are certificates.
    nginx_server files 18516 "" "" << CONF
root $run/files;
sendfile on;
max_ranges 0;
CONF
    targets+=(--files "files=$count")
}

# How long each took to fill with ready answers, and what it takes. What stands beside our builder
# is --rows.
loaded() {
    printf '\n%-10s %10s %12s\n' 'loaded' 'seconds' 'bytes each'
    printf '%-10s %10s %12s  look-up blobs and texts\n' ours '' \
        "$(du -sb "$run/store" | awk -v n="$certificates" '{ printf "%.1f", $1 / n }')"
    local peer of
    for peer in sqlite lmdb redis postgres files; do
        if ! chosen "$peer" || [[ ! -e $run/$peer.load ]]; then continue; fi
        of=$certificates
        [[ $peer != files ]] || of=$((questions < 100000 ? questions : 100000))
        awk -v peer="$peer" -v n="$of" '{ printf "%-10s %10s %12.1f\n", peer, $1, $2 / n }' "$run/$peer.load"
    done
}
