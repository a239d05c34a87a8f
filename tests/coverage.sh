#!/bin/bash
# coverage.sh BUILD: lines that ran, of the folders whose mistakes cost money, as a table; fails below 95 % in all.
set -euo pipefail
build=$1
top=$(cd "$(dirname "$0")/.." && pwd)
least=95

# "file lines ran" for each source of a folder.
measure() {
    local folder=$1 data
    while read -r data; do
        (cd "$build" || exit; gcov -n -r -s "$top" "$data" 2>/dev/null) || true
    done < <(find "$build/src/$folder" -name '*.gcda' -o -path "$build/src/$folder/*" -name '*.gcno' | sed 's/\.gc[dn][ao]$/.gcno/' | sort -u) |
        awk -v folder="/$folder/" '
            /^File / { gsub(/\x27/, ""); file = $2 }
            /^Lines executed:/ {
                split($0, part, /[:% ]+/)
                if (index(file, folder) && file ~ /\.c$/) { sub(/.*src\//, "", file); print file, part[5], part[3] }
                file = ""
            }'
}

for folder in payments provider access; do
    measure "$folder"
done | sort | awk -v least=$least '
    { ran = int($2 * $3 / 100 + 0.5); printf "%-36s %5d lines %6.1f %%\n", $1, $2, $3
      split($1, part, "/"); lines[part[1]] += $2; hit[part[1]] += ran; all += $2; all_hit += ran }
    END {
        if (!all) { print "nothing was measured"; exit 1 }
        for (folder in lines) printf "%-36s %5d lines %6.1f %%\n", "src/" folder, lines[folder], 100 * hit[folder] / lines[folder]
        printf "%-36s %5d lines %6.1f %%\n", "together", all, 100 * all_hit / all
        exit 100 * all_hit / all < least
    }'
