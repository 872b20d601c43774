#!/usr/bin/env bash
# What it costs to bring every record to the disk: the same run with fdatasync as it is and with one that does nothing
# (eatmydata), ROUNDS times in turn, against a server on this machine that answers `true` at once. Prints each
# round, the medians, and how much throughput the syncs cost.
#
#   benches/sync.sh [ROWS [ROUNDS]]     300,000 rows and 7 rounds unless said otherwise
#   CONCURRENCY=16 benches/sync.sh      64 unless said otherwise
#   FOLDER=/mnt/disk benches/sync.sh    the disk to measure; target/ unless said otherwise
#
# Installs nginx-light and eatmydata with apt-get where they are missing (which takes root). Stops everything it starts
# and leaves nothing behind.
set -euo pipefail

rows=${1:-300000}
rounds=${2:-7}
concurrency=${CONCURRENCY:-64}
patience=600 # seconds, for each of the runs

cd "$(dirname "$0")/.."

. benches/nginx.sh
install nginx:nginx-light eatmydata:eatmydata strace:strace

begin sync "${FOLDER:-$target}"

export OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench

# Sends the table, with a command before the program; `took` is then how many seconds it ran.
# Not to be called in a subshell: `clean` must know what runs.
measure() {
    # What an earlier round left to write must not be this one's burden.
    rm -f "$folder/result.csv"
    sync
    local began ended
    began=$(date +%s%N)
    OFFERIT_URL=http://127.0.0.1:$port timeout --kill-after=5 "$patience" "$@" \
        "$program" run "$folder/$rows.csv" --result "$folder/result.csv" --rate unlimited \
        --concurrency "$concurrency" --progress never 2>"$folder/said" &
    run=$!
    finish "the run"
    ended=$(date +%s%N)
    took=$(((ended - began) / 1000000))
}

median() {
    printf '%s\n' "$@" | sort -g | awk '{ of[NR] = $1 } END { print NR % 2 ? of[(NR + 1) / 2] : (of[NR / 2] + of[NR / 2 + 1]) / 2 }'
}

start_server
generate "$rows"
echo "$(nproc) cores, $("$program" --version), $rows rows, $concurrency in flight, on $(stat -f -c %T "$folder")"

# The first run of each warms up and is not counted. How many syncs there are is asked of a run under strace.
measure
measure eatmydata
measure strace -f -qq -e trace=fdatasync -o "$folder/trace"
awk -v rows="$rows" '/fdatasync\(/ { count++ } END { if (count) printf "%d syncs under strace, %.1f records each\n", count, rows / count }' "$folder/trace"

printf '%6s %14s %14s %8s\n' round 'synced, ms' 'unsynced, ms' ratio
synced=() unsynced=() ratios=()
for round in $(seq "$rounds"); do
    # In turn, so that a machine that gets slower or faster favours none.
    if [ $((round % 2)) -eq 1 ]; then
        measure
        one=$took
        measure eatmydata
        other=$took
    else
        measure eatmydata
        other=$took
        measure
        one=$took
    fi
    synced+=("$one") unsynced+=("$other")
    ratios+=("$(awk -v one="$one" -v other="$other" 'BEGIN { printf "%.4f", other / one }')")
    printf '%6d %14d %14d %8s\n' "$round" "$one" "$other" "${ratios[-1]}"
done
awk -v rows="$rows" -v one="$(median "${synced[@]}")" -v other="$(median "${unsynced[@]}")" \
    -v ratio="$(median "${ratios[@]}")" 'BEGIN {
    printf "median: %.0f rows/s synced, %.0f rows/s unsynced; throughput synced is %.1f%% of unsynced: syncs cost %.1f%%\n",
        rows * 1000 / one, rows * 1000 / other, ratio * 100, (1 - ratio) * 100
}'
