#!/usr/bin/env bash
# What the program costs by itself: it sends ROWS customers to a server on this machine that answers `true` to
# everything, and prints rows a second, CPU and memory, then the same for going on with a job that is finished.
#
#   benches/throughput.sh [ROWS]        1,000,000 unless said otherwise; it also runs a tenth of it
#
# Installs nginx-light and time with apt-get where they are missing (which takes root). Stops everything it
# starts and leaves nothing behind. The result file is synced to the disk on the way, so the work is done under
# target/ and not in a memory file system.
set -euo pipefail

rows=${1:-1000000}
patience=1800 # seconds, for each of the runs

cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
program=$target/release/offerit-sync

missing=()
command -v nginx >/dev/null || missing+=(nginx-light)
[ -x /usr/bin/time ] || missing+=(time)
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}" >&2
    apt-get update -qq >&2
    # The package must not start a server of its own.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

cargo build --release --locked --quiet

folder=$(mktemp -d "$target/throughput.XXXXXX")
server=
run=
clean() {
    for pid in $run $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A port that is taken makes nginx end at once: another is tried.
start_server() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 20000))
        cat >"$folder/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/nginx.error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    server {
        listen 127.0.0.1:$port;
        default_type application/json;
        location / { return 200 'true'; }
    }
}
CONF
        nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/nginx.error.log" &
        server=$!
        for _ in $(seq 50); do
            kill -0 "$server" 2>/dev/null || break
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
            sleep 0.1
        done
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    done
    cat "$folder/nginx.error.log" >&2
    echo "nginx does not start" >&2
    exit 1
}

# About 120 bytes a row, every id another.
generate() {
    awk -v rows="$1" 'BEGIN {
        split("Anna Jürgen María Seán Zoë Łukasz Noah Björk", first, " ")
        split("Novak Weiß García Murphy Żak Smith Sørensen Costa", last, " ")
        split("Berlin Praha Łódź Sevilla Dublin Oslo Lyon Graz", city, " ")
        split("DE CZ PL ES IE NO FR AT", country, " ")
        print "customer_id,firstname,lastname,email,address1,city,country,zip,custom1,custom2"
        for (row = 1; row <= rows; row++) {
            one = row % 8 + 1; other = int(row / 8) % 8 + 1
            printf "%d,%s,%s,customer.%d@example.com,\"%d Station Road, Flat %d\",%s,%s,%05d,newsletter,2026-11-%02d\n",
                100000000 + row, first[one], last[other], row, row % 200 + 1, row % 40 + 1, city[one],
                country[other], row % 100000, row % 30 + 1
        }
    }' >"$folder/$1.csv"
}

# Runs the program over a file; `figures` is then how long it took, its CPU seconds and its peak memory in KiB.
# Not to be called in a subshell: `clean` must know what runs.
measure() {
    OFFERIT_URL=http://127.0.0.1:$port OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench \
        timeout --kill-after=5 "$patience" /usr/bin/time -o "$folder/time" -f '%e %U %S %M' \
        "$program" run "$folder/$1.csv" --rate unlimited --concurrency 64 --progress never "${@:2}" \
        2>"$folder/said" &
    run=$!
    if ! wait "$run"; then
        run=
        cat "$folder/said" >&2
        exit 1
    fi
    run=
    figures=$(tail -n 1 "$folder/time")
}

show() {
    awk -v what="$1" -v rows="$2" -v figures="$figures" 'BEGIN {
        split(figures, of, " ")
        seconds = of[1] > 0 ? of[1] : 0.01
        printf "%-26s %9d rows  %8.2f s  %8.0f rows/s  %6.2f CPU s per 100,000 rows  %6.1f MiB peak\n",
            what, rows, of[1], rows / seconds, (of[2] + of[3]) * 100000 / rows, of[4] / 1024
    }'
}

echo "$(nproc) cores, $("$program" --version), $(nginx -v 2>&1 | sed 's/.*: //')"
start_server
for count in $((rows / 10)) "$rows"; do
    generate "$count"
    bytes=$(stat -c %s "$folder/$count.csv")
    echo "$count rows of $((bytes / count)) bytes"
    measure "$count"
    show "run" "$count"
    measure "$count" --resume
    show "resume of a finished job" "$count"
done
