#!/usr/bin/env bash
# What the program costs by itself: it sends ROWS customers to a server on this machine that answers `true` to
# everything, and prints rows a second, CPU and memory, then the same for going on with a job that is finished.
#
#   benches/throughput.sh [ROWS ...]    100,000 and 1,000,000 unless said otherwise
#
# Installs nginx-light and time with apt-get where they are missing (which takes root). Stops everything it
# starts and leaves nothing behind. The result file is synced to the disk on the way, so the work is done under
# target/ and not in a memory file system.
set -euo pipefail

[ $# -gt 0 ] || set -- 100000 1000000
patience=1800 # seconds, for each of the runs

cd "$(dirname "$0")/.."

. benches/nginx.sh
install nginx:nginx-light time:time

begin throughput

# Runs the program over a file; `figures` is then how long it took, its CPU seconds and its peak memory in KiB.
# Not to be called in a subshell: `clean` must know what runs.
measure() {
    OFFERIT_URL=http://127.0.0.1:$port OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench \
        timeout --kill-after=5 "$patience" /usr/bin/time -o "$folder/time" -f '%e %U %S %M' \
        "$program" run "$folder/$1.csv" --rate unlimited --concurrency 64 --progress never "${@:2}" \
        2>"$folder/said" &
    run=$!
    finish "the run"
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
for count in "$@"; do
    generate "$count"
    bytes=$(stat -c %s "$folder/$count.csv")
    echo "$count rows of $((bytes / count)) bytes"
    measure "$count"
    show "run" "$count"
    measure "$count" --resume
    show "resume of a finished job" "$count"
done
