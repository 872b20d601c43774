#!/bin/sh
# Sends what changed since the last night that finished. One call a night, and the same call again to finish it:
#
#   nightly.sh EXPORT FOLDER [options of offerit-sync run]
#   nightly.sh /srv/crm/customers.csv /srv/crm/nights --rate 10/s --deadline 05:15
#
# FOLDER keeps, for every night, a copy of the export, its result file, and a mark once the night has finished:
#
#   customers-2026-11-28.csv  customers-2026-11-28.result.csv  customers-2026-11-28.result.csv.finished
#
# Nights are sent in their order. A night that stopped early is finished first, with its own copy, so that the next
# one is compared with what Offerit really has. The exit code is the program's: 0 and 3 finish a night. Any other code
# ends the script, and the next call begins at that night again.
#
# A night with too many changes stays where it is (exit code 4) until somebody has looked at it. If the changes are right:
#
#   offerit-sync run FOLDER/customers-2026-11-28.csv --resume --since FOLDER/customers-2026-11-27.result.csv --max-changes 60%
#
# and then call this script again. If they are wrong, delete that night's copy: the night is left out.
set -u
umask 077

# Of the customers of an export. More is hardly one night's work, but an export that went wrong.
max_changes=20%

if [ $# -lt 2 ]; then
    echo "usage: nightly.sh EXPORT FOLDER [options of offerit-sync run]" >&2
    exit 2
fi
export=$1
folder=$2
shift 2

# A copy cannot change under the run. It gets its name once it is whole.
copy=$folder/customers-${NIGHT:-$(date +%F)}.csv
if [ ! -e "$copy" ] && [ ! -e "${copy%.csv}.result.csv.finished" ]; then
    cp -- "$export" "$copy.part" && mv -- "$copy.part" "$copy" || exit 1
fi

# The newest finished night: names sort by date.
since=
for mark in "$folder"/customers-????-??-??.result.csv.finished; do
    [ ! -e "$mark" ] || since=${mark%.finished}
done

worst=0
for input in "$folder"/customers-????-??-??.csv; do
    result=${input%.csv}.result.csv
    [ ! -e "$result.finished" ] || continue
    # Without a finished night there is nothing to compare with: the first night sends everything.
    offerit-sync run "$input" --result "$result" --resume \
        ${since:+--since "$since" --max-changes "$max_changes"} "$@"
    code=$?
    case $code in
        0) ;;
        3) worst=3 ;;
        *) exit $code ;;
    esac
    : >"$result.finished"
    since=$result
done
exit $worst
