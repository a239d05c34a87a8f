#!/bin/bash
# Checks tests/requirements.tsv: a row for every id of requirements.ids and no other, once; a known state; and for what is done a
# proof that exists: "file" or "file:test name", where the name stands in the file.
set -euo pipefail
cd "$(dirname "$0")"

rows=requirements.tsv
wrong=0

complain() {
    echo "requirements.tsv: $*" >&2
    wrong=1
}

check_ids() {
    local ids
    ids=$(tail -n +2 "$rows" | cut -f1)
    while read -r id; do
        complain "$id stands there twice"
    done < <(sort <<<"$ids" | uniq -d)
    while read -r id; do
        complain "$id has no row"
    done < <(comm -23 <(sort requirements.ids) <(sort -u <<<"$ids"))
    while read -r id; do
        complain "$id is no requirement"
    done < <(comm -13 <(sort requirements.ids) <(sort -u <<<"$ids"))
}

# A proof is relative to the top of the project; several are separated by "; ".
check_proof() {
    local id=$1 proof file name
    while read -r proof; do
        file=${proof%%:*}
        name=${proof#"$file"}
        name=${name#:}
        if [ ! -f "../$file" ]; then
            complain "$id: there is no $file"
        elif [ -n "$name" ] && ! grep -qF -- "$name" "../$file"; then
            complain "$id: $file has no test \"$name\""
        fi
    done <<<"${2//; /$'\n'}"
}

check_rows() {
    local line id state proof
    while IFS= read -r line; do
        id=$(cut -f1 <<<"$line")
        state=$(cut -f2 <<<"$line")
        proof=$(cut -f3 <<<"$line")
        [ "$(tr -cd '\t' <<<"$line" | wc -c)" -eq 3 ] || complain "$id: a row is id, state, proof, note"
        case $state in
            done)
                [ -n "$proof" ] || complain "$id is done without proof"
                [ -z "$proof" ] || check_proof "$id" "$proof"
                ;;
            partial) [ -z "$proof" ] || check_proof "$id" "$proof" ;;
            open | declined) ;;
            *) complain "$id: \"$state\" is no state" ;;
        esac
    done < <(tail -n +2 "$rows")
}

[ -e "$rows" ] || { echo "tests/requirements.tsv is missing" >&2; exit 1; }
[ "$(head -n 1 "$rows")" = "$(printf 'id\tstate\tproof\tnote')" ] || complain "the first line is id, state, proof, note"
check_ids
check_rows
exit $wrong
