#!/usr/bin/env bash
# Prints, for five rates, what a run reaches, the busiest second that the server saw (any sliding window) and which part
# of one core the run took.
#
#   benches/rates.sh [SECONDS]              10 unless said otherwise
#   RATES='50 1000' benches/rates.sh        other rates
#
# Needs curl, GNU time and a release build; talks to this machine only and stops by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
program=target/release/offerit-sync
[ -x "$program" ] || cargo build --release
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
export OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench

printf '%10s %8s %12s %10s %16s %12s\n' rate rows 'reached/s' 'of rate' 'busiest second' 'of one core'
for rate in ${RATES:-1 10 100 1000 10000}; do
    rows=$((rate * seconds + 1))
    { echo customer_id,email; seq "$rows" | sed "s/.*/&,a&@example.com/"; } > "$work/in.csv"
    rm -f "$work/address"
    "$program" sandbox --listen 127.0.0.1:0 > "$work/address" 2> /dev/null &
    server=$!
    until [ -s "$work/address" ]; do sleep 0.05; done
    url=$(head -n 1 "$work/address")
    /usr/bin/time -o "$work/time" -f '%e %U %S' \
        "$program" run "$work/in.csv" --url "$url" --rate "$rate" --concurrency 64 --overwrite --progress never -q
    busiest=$(curl -s "$url/sandbox/stats" | sed 's/.*"busiest_second":\([0-9]*\).*/\1/')
    kill "$server"; wait "$server" || true; server=
    # From the first record's time to the last one's: rows - 1 intervals.
    awk -F, -v rate="$rate" -v busiest="$busiest" -v figures="$(tail -n 1 "$work/time")" '
        NR > 1 { split(substr($9, 12, 12), t, ":"); at = t[1] * 3600 + t[2] * 60 + t[3]
                 if (NR == 2) first = at; if (at > last) last = at }
        END { reached = (NR - 2) / (last - first)
              split(figures, of, " ")
              printf "%10d %8d %12.2f %9.2f%% %16d %11.1f%%\n", rate, NR - 1, reached, 100 * reached / rate, busiest,
                  100 * (of[2] + of[3]) / of[1] }
    ' "$work/in.result.csv"
done
