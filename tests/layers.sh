#!/bin/bash
# Who may include whom, and who may speak SQL or a provider's words. DESIGN: only downwards.
set -euo pipefail
cd "$(dirname "$0")/../src"

wrong=0
complain() {
    echo "layers: $*" >&2
    wrong=1
}

# A folder, and those it may include beside itself. Top files (main, dispatch, routes, tasks) may include all but cli and sandbox.
layers='
base
db          base
http        base db
web         base
events      base db
jobs        base db events
ledger      base db events
access      base db events web
provider    base db http
customers   base db http access provider ledger events jobs
risk        base db http access provider ledger events jobs
payments    base db http access provider ledger events jobs customers risk
outward     base db http access provider ledger events jobs customers risk payments
billing     base db http access provider ledger events jobs customers risk payments
doctor      base db http access provider ledger events jobs customers risk payments outward billing
pages       base db http web access provider ledger events jobs customers risk payments outward billing doctor
cli         base db http access provider ledger events jobs customers risk payments outward billing doctor
sandbox     base http web
top         base db http web access provider ledger events jobs customers risk payments outward billing doctor pages
'

# Files that may include web/ although their folder may not: the *_api.c of a feature.
is_door() {
    [[ $1 == *_api.c || $1 == *_api.h ]]
}

folder_of() {
    case $1 in
        */*) echo "${1%%/*}" ;;
        *) echo top ;;
    esac
}

allowed_for() {
    awk -v name="$1" '$1 == name { $1 = ""; print }' <<<"$layers"
}

includes_of() {
    sed -nE 's|^#include "(([a-z_]+)/[^"]+)".*|\1|p' "$1"
}

check_includes() {
    local file=$1 folder=$2 allowed included target
    allowed=" $(allowed_for "$folder") $folder "
    awk -v name="$folder" '$1 == name { found = 1 } END { exit !found }' <<<"$layers" || complain "$file: unknown folder $folder"
    while read -r included; do
        target=${included%%/*}
        [[ $allowed == *" $target "* ]] && continue
        [ "$target" = web ] && is_door "$file" && continue
        # what the table of settings does with a route or a task is for the top files alone
        complain "$file includes $included: $folder may not use $target"
    done < <(includes_of "$file")
    return 0
}

# SQL() stands in stores and in the rows of the ground.
check_sql() {
    local file=$1 folder=$2
    case $folder in db | jobs | ledger | events | access) return ;; esac
    case $file in *_store.c | http/breaker.c) return ;; esac
    if grep -nE '\bSQL\(' "$file" >&2; then
        complain "$file: only a store speaks SQL"
    fi
    if grep -nE '\bPQ(exec|prepare|connect)' "$file" >&2; then
        complain "$file: only db/ speaks to PostgreSQL"
    fi
}

# Names of Stripe's objects and ids stay in its folder.
check_words() {
    local file=$1 folder=$2
    case $folder in provider | sandbox) return ;; esac
    if grep -nE '"(requires_payment_method|requires_confirmation|payment_intent|latest_charge|setup_intent)"|"/v1/' "$file" >&2; then
        complain "$file: a provider's words"
    fi
}

while read -r file; do
    folder=$(folder_of "$file")
    check_includes "$file" "$folder"
    check_sql "$file" "$folder"
    check_words "$file" "$folder"
done < <(find . -name '*.[ch]' -printf '%P\n' | sort)
exit $wrong
