#!/bin/bash
# fuzz.sh BUILD SECONDS: each fuzz driver in turn, from its corpus in tests/fuzz/corpus/NAME, with what it finds in var/fuzz.
set -euo pipefail
build=$1
seconds=$2
cd "$(dirname "$0")/.."
found=0

while read -r source; do
    name=$(basename "$source" .c)
    corpus=tests/fuzz/corpus/${name#fuzz_}
    mkdir -p "var/fuzz/$name" "$corpus"
    printf '%-24s ' "$name"
    log=var/fuzz/$name.log
    if "$build/tests/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -artifact_prefix="var/fuzz/$name-" \
        "var/fuzz/$name" "$corpus" >"$log" 2>&1; then
        grep -oE 'Done [0-9]+ runs' "$log" || echo "done"
    else
        echo "found something: $log"
        found=1
    fi
done < <(find tests/fuzz -maxdepth 1 -name '*.c' | sort)
exit $found
