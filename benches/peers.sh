#!/usr/bin/env bash
# Compares the program with other HTTP clients: each in turn sends rows over 64 connections to one nginx worker on this
# machine that replies `true`, in several rounds. Prints the medians of rows a second, CPU a row and peak memory, and the
# ratios to the peers. Then come the figures without a peer: a slow server, a rate, memory by length, the first request,
# the cost of fdatasync.
#
#   TLS=1 benches/peers.sh [ROWS [ROUNDS]]                     over HTTPS (HTTP/1.1, a CA of the script), peers only
#   benches/peers.sh [--alone | --together] [ROWS [ROUNDS]]    over plain HTTP
#   TEN_MILLION=1 benches/peers.sh                             memory for 10,000,000 rows too: minutes more
#   LONG=100000 benches/peers.sh                               memory for this many rows instead of a million
#
# The default is 200,000 rows and 5 rounds. --together measures the peers only, --alone only the figures without a peer.
# Peers that fork for every row get 1/100 of the rows, curl and aiohttp 1/4.
#
# `reqwest` is benches/peers/bare_reqwest.rs: reqwest in a loop, with the features and the runtime of the program.
#
# Installs nginx-light, wrk, curl, parallel, time, eatmydata, strace and openssl with apt-get where they are missing (which
# takes root), aiohttp into a virtual environment and oha by `cargo install`, both under target/peers, where they stay. A
# peer that cannot be installed is left out with a message. Stops everything it starts and leaves nothing else behind.
set -euo pipefail

together=1 alone=1 tls=${TLS:-}
[ -z "$tls" ] || alone=
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
install nginx:nginx-light time:time curl:curl python3:python3 eatmydata:eatmydata strace:strace openssl:openssl

mkdir -p "$kept"
begin peers

export OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench

bare_reqwest=$(cargo bench --locked --bench bare_reqwest --no-run --message-format short 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -n 1)
[ -x "$bare_reqwest" ]

# The options that name the certificate authority.
ca_cert=(${tls:+--ca-cert "$folder/ca.pem"})
cacert=(${tls:+--cacert "$folder/ca.pem"})

median() {
    sort -g | awk '{ of[NR] = $1 } END { print NR % 2 ? of[(NR + 1) / 2] : (of[NR / 2] + of[NR / 2 + 1]) / 2 }'
}

# Runs a command and sets `figures`: its seconds, its CPU seconds with those of its children, and the peak memory of one
# process in KiB. Must not run in a subshell, because `clean` needs "$run".
measure() {
    timeout --kill-after=5 "$patience" /usr/bin/time -o "$folder/time" -f '%e %U %S %M' "$@" \
        >"$folder/out" 2>"$folder/said" </dev/null &
    run=$!
    finish "$1"
    figures=$(tail -n 1 "$folder/time")
}

# Each peer is a function that sends $1 rows by `measure`. It sets `sent` where it sends another number of rows.

peer_offerit() {
    measure "$program" run "$folder/$1.csv" --url "$url" "${ca_cert[@]}" --result "$folder/result.csv" --overwrite \
        --rate unlimited --concurrency "$connections" --progress never
}

# wrk runs for 3 s and reports its number of requests. It checks no certificate.
peer_wrk() {
    measure env PEERS_BODY="$body" wrk --threads 1 --connections "$connections" --duration 3s \
        --script benches/peers/wrk.lua "$url"
    sent=$(awk '/requests in/ { print $1 }' "$folder/out")
}

peer_oha() {
    measure "$kept/bin/oha" --no-tui "${cacert[@]}" -n "$1" -c "$connections" -m PATCH -d "$body" -T "$form" \
        -H 'api-username: bench' -H 'api-key: bench' "$url$endpoint"
}

peer_reqwest() {
    measure "$bare_reqwest" "$url$endpoint" "$body" "$1" "$connections" "${cacert[@]:1}"
}

# The range in the URL makes the requests.
peer_curl() {
    measure curl --silent "${cacert[@]}" --parallel --parallel-max "$connections" --request PATCH --data "$body" \
        --header 'api-username: bench' --header 'api-key: bench' --output /dev/null "$url$endpoint?[1-$1]"
}

peer_aiohttp() {
    measure "$kept/venv/bin/python" benches/peers/client.py "$url$endpoint" "$folder/$1.csv" "$folder/aiohttp.csv" "${cacert[@]:1}"
}

one_curl=(curl --silent "${cacert[@]}" --request PATCH --header 'api-username: bench' --header 'api-key: bench' --output /dev/null --data)

peer_xargs() {
    measure xargs --arg-file "$folder/$1.bodies" -P "$connections" -I '{}' "${one_curl[@]}" '{}' "$url$endpoint"
}

# parallel passes its arguments to a shell, so they are quoted.
peer_parallel() {
    measure parallel --will-cite --quote --jobs "$connections" --arg-file "$folder/$1.bodies" "${one_curl[@]}" '{}' "$url$endpoint"
}

# Installs a peer where it is missing; fails if that is impossible.
has() {
    case $1 in
        offerit | curl | xargs | reqwest) ;;
        wrk | parallel) type -P "$1" >/dev/null || install "$1:$1" ;;
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

# The median ratio of the program to a peer, by rounds, because a machine that slows down does so for both.
ratio() {
    [ -s "$folder/$1.figures" ] || return 0
    printf '%-28s %6.3f\n' "$3" "$(paste -d ' ' "$folder/offerit.figures" "$folder/$1.figures" |
        awk -v of="$2" '{ print $of / $(of + 3) }' | median)"
}

compare() {
    local peer peers=() count round
    for peer in offerit wrk oha reqwest curl aiohttp xargs $([ -n "$tls" ] || echo parallel); do
        if has "$peer" >&2; then peers+=("$peer"); else echo "$peer cannot be installed: left out" >&2; fi
    done
    for peer in "${peers[@]}"; do
        count=$(rows_of "$peer")
        [ -e "$folder/$count.csv" ] || generate "$count"
        tail -n +2 "$folder/$count.csv" | sed 's/,.*//; s/.*/customer_id=&\&email=a%40example.com/' >"$folder/$count.bodies"
    done
    # The first run of each peer is a warm-up and does not count.
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
    ratio reqwest 1 'rows/s, of bare reqwest'
    ratio reqwest 2 'CPU a row, of bare reqwest'
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

# Runs a command that ends by itself, so that a signal to the script ends it too.
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

if [ -n "$tls" ]; then
    make_certificates
    start_server ssl
    url=https://127.0.0.1:$port
else
    start_server
    url=http://127.0.0.1:$port
fi
endpoint=/api/customer/set_customer_details
form=application/x-www-form-urlencoded
# As long as the body of a row.
body='customer_id=100000001&firstname=Maria&lastname=Garcia&email=customer.1%40example.com&address1=17+Station+Road%2C+Flat+3&city=Sevilla&country=ES&zip=00001&custom1=newsletter&custom2=2026-11-02'
echo "$(nproc) cores, $("$program" --version), $(nginx -v 2>&1 | sed 's/.*: //'), $rows rows, $connections connections, $rounds rounds"
echo "${url%%:*}, $(date -u +%F), load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
[ -z "$together" ] || compare
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
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
