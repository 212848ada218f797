# shellcheck shell=bash
# What the scripts that measure a server share with the demo: its configuration, waiting for it, and
# pages that lie in nobody's memory. To be read from the top of the repository.

# configure FOLDER PORT ADMIN-PORT: a server of the register in FOLDER. More sections may follow.
configure() {
    cat > "$1/certq.toml" << TOML
[store]
path = "store"
cache_dir = "cache"

[keys]
lookup = ["keys/lookup.key"]
publishers = ["keys/publisher.pub"]

[public]
listen = ["127.0.0.1:$2"]

[admin]
listen = "127.0.0.1:$3"
TOML
}

# until_ready PID ADMIN-PORT LOG [SECONDS]: through bash's own sockets, so that a bare machine needs
# no curl.
until_ready() {
    local pid=$1 port=$2 log=$3 patience=${4:-60} reply end
    end=$((SECONDS + patience))
    while ((SECONDS <= end)); do
        kill -0 "$pid" 2> /dev/null || { tail -n 5 "$log" >&2; echo "the server has ended; see $log" >&2; return 1; }
        # Not all tries find somebody who listens.
        if { exec 3<> "/dev/tcp/127.0.0.1/$port"; } 2> /dev/null; then
            printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
            reply=
            IFS= read -t 5 -r reply <&3 || true
            exec 3>&-
            [[ $reply != *" 200 "* ]] || return 0
        fi
        sleep 0.005
    done
    echo "the server is not ready after $patience s; see $log" >&2
    return 1
}

# evict FOLDER: no page of its files stays in memory. None may be mapped.
evict() {
    local file left
    sync
    while read -r file; do
        dd if="$file" iflag=nocache count=0 status=none
    done < <(find "$1" -type f)
    left=$(find "$1" -type f -exec fincore --bytes --noheadings --output RES {} + | awk '{ sum += $1 } END { print sum + 0 }')
    ((left == 0)) || { echo "$left bytes of $1 are still in memory" >&2; return 1; }
}

# late_pages FILE: what evicts the pages of a copy before it is mapped; see late_pages.c.
late_pages() { cc -shared -fPIC -O1 -Wall -Werror -o "$1" loadtest/peers/late_pages.c; }

# cargo_peers ARGUMENTS...: the workspace of the measuring programs.
cargo_peers() {
    cargo build --release --locked -q --manifest-path loadtest/peers/Cargo.toml --target-dir target/peers "$@"
}

# In front of a command that nobody else shall disturb, where that can be had.
# shellcheck disable=SC2034 # for those who read this
if nice -n -15 true 2> /dev/null; then urgently=(nice -n -15); else urgently=(); fi
