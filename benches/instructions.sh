#!/usr/bin/env bash
# How many instructions a row costs, by callgrind: each stage of its way, and whole commands. The figure that does not
# drift: other work on the machine changes nothing in it.
#
#   benches/instructions.sh [ROWS]      20,000 unless said otherwise
#   ONLY='marks verify' benches/instructions.sh      these alone
#
# A stage is run once and twice, a command with so many rows and with twice as many: the difference is what is printed,
# so that neither a start nor the making of what is measured counts. What the start of a command costs is printed beside
# it. Where nginx is installed, `run` is measured too: its batches depend on when replies come, by some per cent.
#
# Installs valgrind with apt-get where it is missing (which takes root). Leaves nothing behind.
set -euo pipefail

rows=${1:-20000}
patience=900 # seconds, for each of the runs

cd "$(dirname "$0")/.."

. benches/nginx.sh
install valgrind:valgrind

stages=$(cargo bench --locked --bench stages --no-run --message-format short 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -n 1)

begin instructions

export OFFERIT_API_USERNAME=bench OFFERIT_API_KEY=bench

# Leaves in `count` how many instructions a command takes. Not to be called in a subshell: `clean` must know what runs.
measure() {
    timeout --kill-after=5 "$patience" valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" \
        >"$folder/out" 2>"$folder/said" </dev/null &
    run=$!
    finish "$*"
    count=$(awk '/Collected/ { print $NF }' "$folder/said")
}

is_wanted() {
    [ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $1 "* ]]
}

# A command over the smaller and the larger table: name, then words of which FOLDER is the table's.
command_over() {
    local name=$1 size counts=()
    shift
    is_wanted "$name" || return 0
    for size in "$rows" $((2 * rows)); do
        measure "$program" "${@//FOLDER/$folder/$size}"
        counts+=("$count")
    done
    awk -v name="$name" -v rows="$rows" -v one="${counts[0]}" -v two="${counts[1]}" 'BEGIN {
        printf "%-14s %10.0f a row %12.0f to start and end\n", name, (two - one) / rows, 2 * one - two
    }'
}

for size in "$rows" $((2 * rows)); do
    mkdir "$folder/$size"
    "$stages" prepare "$size" "$folder/$size"
    cp "$folder/$size/in.result.csv" "$folder/$size/earlier.csv"
done

for stage in $("$stages" stages); do
    is_wanted "$stage" || continue
    measure "$stages" only "$stage" "$folder/$rows" 1
    one=$count
    measure "$stages" only "$stage" "$folder/$rows" 2
    awk -v name="$stage" -v rows="$rows" -v one="$one" -v two="$count" 'BEGIN {
        printf "%-14s %10.0f a row\n", name, (two - one) / rows
    }'
done

export OFFERIT_URL=http://127.0.0.1:9
command_over check check FOLDER/in.csv
command_over verify verify FOLDER/in.csv
command_over resume run FOLDER/in.csv --resume
command_over since run FOLDER/in.csv --since FOLDER/earlier.csv --result FOLDER/again.csv
if type -P nginx >/dev/null && is_wanted run; then
    start_server
    OFFERIT_URL=http://127.0.0.1:$port
    command_over run run FOLDER/in.csv --result FOLDER/sent.csv --rate unlimited --concurrency 64 --progress never
fi
