#!/usr/bin/env bash
# Prints, for five rates, what a run reaches and the busiest second that the server saw (any sliding window).
# Usage: benches/rates.sh [SECONDS]   Needs curl and a release build; talks to this machine only and stops by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
program=target/release/offerit-sync
[ -x "$program" ] || cargo build --release
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
export OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench

printf '%10s %8s %12s %10s %16s\n' rate rows 'reached/s' 'of rate' 'busiest second'
for rate in 1 10 100 1000 10000; do
    rows=$((rate * seconds + 1))
    { echo customer_id,email; seq "$rows" | sed "s/.*/&,a&@example.com/"; } > "$work/in.csv"
    rm -f "$work/address"
    "$program" sandbox --listen 127.0.0.1:0 > "$work/address" 2> /dev/null &
    server=$!
    until [ -s "$work/address" ]; do sleep 0.05; done
    url=$(head -n 1 "$work/address")
    "$program" run "$work/in.csv" --url "$url" --rate "$rate" --concurrency 64 --overwrite --progress never -q
    busiest=$(curl -s "$url/sandbox/stats" | sed 's/.*"busiest_second":\([0-9]*\).*/\1/')
    kill "$server"; wait "$server" || true; server=
    # From the first record's time to the last one's: rows - 1 intervals.
    awk -F, -v rate="$rate" -v busiest="$busiest" '
        NR > 1 { split(substr($9, 12, 12), t, ":"); at = t[1] * 3600 + t[2] * 60 + t[3]
                 if (NR == 2) first = at; if (at > last) last = at }
        END { reached = (NR - 2) / (last - first)
              printf "%10d %8d %12.2f %9.2f%% %16d\n", rate, NR - 1, reached, 100 * reached / rate, busiest }
    ' "$work/in.result.csv"
done
