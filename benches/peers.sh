#!/usr/bin/env bash
# The program beside what else sends requests: all of them in turn against one nginx worker on this machine that answers
# `true`, 64 connections each, several rounds. Prints the medians of rows a second, CPU a row and peak memory, what that
# comes to in comparison, and the figures that stand alone: a slow server, a rate, memory by length, the first request,
# what syncing costs.
#
#   benches/peers.sh [--alone | --together] [ROWS [ROUNDS]]    200,000 rows and 5 rounds unless said otherwise
#   TEN_MILLION=1 benches/peers.sh                             memory for 10,000,000 rows too: minutes more
#   LONG=100000 benches/peers.sh                               memory for so many rows instead of a million
#
# --together measures the peers only, --alone only what needs none. A peer that forks for every row gets a hundredth of
# the rows, curl and aiohttp a quarter.
#
# Installs nginx-light, wrk, curl, parallel, time, eatmydata and strace with apt-get where they are missing (which takes
# root), aiohttp into a virtual environment and oha by `cargo install`, both under target/peers, where they stay. A peer
# that cannot be had is left out, and that is said. Stops everything it starts and leaves nothing else behind.
set -euo pipefail

together=1 alone=1
case ${1:-} in
    --together) alone= && shift ;;
    --alone) together= && shift ;;
esac
rows=${1:-200000}
rounds=${2:-5}
connections=64
patience=600 # seconds, for each of the runs

cd "$(dirname "$0")/.."

. benches/nginx.sh
kept=$target/peers
install nginx:nginx-light time:time curl:curl python3:python3 eatmydata:eatmydata strace:strace

mkdir -p "$kept"
begin peers

export OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench

median() {
    sort -g | awk '{ of[NR] = $1 } END { print NR % 2 ? of[(NR + 1) / 2] : (of[NR / 2] + of[NR / 2 + 1]) / 2 }'
}

# Runs a command; `figures` is then how long it took, its CPU seconds, its children's included, and the peak memory of
# one process in KiB. Not to be called in a subshell: `clean` must know what runs.
measure() {
    timeout --kill-after=5 "$patience" /usr/bin/time -o "$folder/time" -f '%e %U %S %M' "$@" \
        >"$folder/out" 2>"$folder/said" </dev/null &
    run=$!
    finish "$1"
    figures=$(tail -n 1 "$folder/time")
}

# Each peer is a function that sends so many rows by `measure`, and leaves in `sent` how many it were.

peer_offerit() {
    measure "$program" run "$folder/$1.csv" --url "$url" --result "$folder/result.csv" --overwrite \
        --rate unlimited --concurrency "$connections" --progress never
}

# It goes on for seconds, and says how many requests that were.
peer_wrk() {
    measure env PEERS_BODY="$body" wrk --threads 1 --connections "$connections" --duration 3s \
        --script benches/peers/wrk.lua "$url"
    sent=$(awk '/requests in/ { print $1 }' "$folder/out")
}

peer_oha() {
    measure "$kept/bin/oha" --no-tui -n "$1" -c "$connections" -m PATCH -d "$body" -T "$form" \
        -H 'api-username: bench' -H 'api-key: bench' "$url$endpoint"
}

# Its glob takes the place of the rows.
peer_curl() {
    measure curl --silent --parallel --parallel-max "$connections" --request PATCH --data "$body" \
        --header 'api-username: bench' --header 'api-key: bench' --output /dev/null "$url$endpoint?[1-$1]"
}

peer_aiohttp() {
    measure "$kept/venv/bin/python" benches/peers/client.py "$url$endpoint" "$folder/$1.csv" "$folder/aiohttp.csv"
}

one_curl=(curl --silent --request PATCH --header 'api-username: bench' --header 'api-key: bench' --output /dev/null --data)

peer_xargs() {
    measure xargs --arg-file "$folder/$1.bodies" -P "$connections" -I '{}' "${one_curl[@]}" '{}' "$url$endpoint"
}

# It hands its words to a shell: quoted, or a blank in a header makes two of them.
peer_parallel() {
    measure parallel --will-cite --quote --jobs "$connections" --arg-file "$folder/$1.bodies" "${one_curl[@]}" '{}' "$url$endpoint"
}

# Whether a peer is there, or can be had.
has() {
    case $1 in
        offerit | curl | xargs) ;;
        wrk | parallel) type -P "$1" >/dev/null || install "$1:$1" ;;
        # Without its TLS it does not build.
        oha)
            [ -x "$kept/bin/oha" ] ||
                cargo install oha --quiet --locked --root "$kept" --target-dir "$kept/build"
            ;;
        aiohttp)
            [ -x "$kept/venv/bin/python" ] || python3 -m venv "$kept/venv"
            "$kept/venv/bin/python" -c 'import aiohttp' 2>/dev/null ||
                "$kept/venv/bin/python" -m pip install --quiet --disable-pip-version-check aiohttp
            ;;
    esac
}

rows_of() {
    case $1 in
        curl | aiohttp) echo $((rows / 4 + 1)) ;;
        xargs | parallel) echo $((rows / 100 + 1)) ;;
        *) echo "$rows" ;;
    esac
}

# One line a round and peer: rows a second, CPU microseconds a row, MiB.
note() {
    awk -v rows="$2" -v figures="$figures" 'BEGIN {
        split(figures, of, " ")
        seconds = of[1] > 0 ? of[1] : 0.01
        printf "%.1f %.3f %.1f\n", rows / seconds, (of[2] + of[3]) * 1000000 / rows, of[4] / 1024
    }' >>"$folder/$1.figures"
}

middle() {
    cut -d ' ' -f "$2" "$folder/$1.figures" | median
}

# What we are in comparison, round by round, as a machine that gets slower or faster does so for both.
ratio() {
    [ -s "$folder/$1.figures" ] || return 0
    printf '%-28s %6.3f\n' "$3" "$(paste -d ' ' "$folder/offerit.figures" "$folder/$1.figures" |
        awk -v of="$2" '{ print $of / $(of + 3) }' | median)"
}

compare() {
    local peer peers=() count round
    for peer in offerit wrk oha curl aiohttp xargs parallel; do
        if has "$peer" >&2; then peers+=("$peer"); else echo "$peer cannot be had: left out" >&2; fi
    done
    for peer in "${peers[@]}"; do
        count=$(rows_of "$peer")
        [ -e "$folder/$count.csv" ] || generate "$count"
        tail -n +2 "$folder/$count.csv" | sed 's/,.*//; s/.*/customer_id=&\&email=a%40example.com/' >"$folder/$count.bodies"
    done
    # The first run of each warms up and is not counted.
    for round in $(seq 0 "$rounds"); do
        for peer in "${peers[@]}"; do
            sent=$(rows_of "$peer")
            "peer_$peer" "$sent"
            [ "$round" -eq 0 ] || note "$peer" "$sent"
        done
    done
    printf '%-10s %12s %14s %10s\n' '' rows/s 'CPU us/row' 'peak MiB'
    for peer in "${peers[@]}"; do
        printf '%-10s %12.0f %14.2f %10.1f\n' "$peer" \
            "$(middle "$peer" 1)" "$(middle "$peer" 2)" "$(middle "$peer" 3)"
    done
    ratio wrk 1 'rows/s, of wrk'
    ratio oha 1 'rows/s, of oha'
    ratio oha 2 'CPU a row, of oha'
}

slow_server() {
    local count=$((connections * 100))
    generate "$count"
    python3 benches/peers/slow_server.py 0.1 >"$folder/address" 2>/dev/null &
    server=$!
    until [ -s "$folder/address" ]; do
        kill -0 "$server"
        sleep 0.05
    done
    local url
    url=$(head -n 1 "$folder/address")
    peer_offerit "$count"
    kill "$server"
    wait "$server" || true
    server=
    awk -v rows="$count" -v most=$((connections * 10)) -v figures="$figures" 'BEGIN {
        split(figures, of, " ")
        printf "a server with 100 ms latency: %.1f rows/s, %.1f%% of %d, start and end included\n",
            rows / of[1], 100 * rows / of[1] / most, most
    }'
}

# Runs what bounds itself; a signal ends it too.
call() {
    "$@" &
    run=$!
    wait "$run"
    run=
}

first_request() {
    generate 10
    call python3 benches/peers/first_request.py 21 "$program" run "$folder/10.csv" --url URL --result "$folder/result.csv" \
        --overwrite --rate unlimited --progress never --quiet >"$folder/first"
    printf 'start to first request, a file of 10 rows: median %.1f ms of %d\n' \
        "$(median <"$folder/first")" "$(wc -l <"$folder/first")"
}

start_server
url=http://127.0.0.1:$port
endpoint=/api/customer/set_customer_details
form=application/x-www-form-urlencoded
# As long as that of a row.
body='customer_id=100000001&firstname=Maria&lastname=Garcia&email=customer.1%40example.com&address1=17+Station+Road%2C+Flat+3&city=Sevilla&country=ES&zip=00001&custom1=newsletter&custom2=2026-11-02'
echo "$(nproc) cores, $("$program" --version), $(nginx -v 2>&1 | sed 's/.*: //'), $rows rows, $connections connections, $rounds rounds"
[ -z "$together" ] || compare
kill "$server"
wait "$server" || true
server=
[ -n "$alone" ] || exit 0
printf '\n'
slow_server
first_request
printf '\n'
call env RATES=1000 benches/rates.sh 10
printf '\n'
call benches/throughput.sh 10000 "${LONG:-1000000}" ${TEN_MILLION:+10000000}
printf '\n'
call benches/sync.sh "$rows" "$rounds"
