#!/bin/bash
# Writes sources.am, the lists of files that Makefile.am includes, from what git tracks; with --check says instead
# whether it is up to date. A file joins the build with `git add` and this.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -e .git ]; then
    echo "sources.sh: no git checkout here; sources.am is what it is" >&2
    exit 0
fi

# Prints a make variable with one file a line; the files come on stdin.
list() {
    local file
    printf '%s =' "$1"
    while read -r file; do
        printf ' \\\n\t%s' "$file"
    done
    printf '\n\n'
}

# One line for each argument, none without.
lines() {
    [ $# -eq 0 ] || printf '%s\n' "$@"
}

tracked() {
    git -c safe.directory='*' ls-files -- "$@" | LC_ALL=C sort
}

# Turns tests/unit/base/money_test.c into unit_base_money_test and so on, as automake spells it.
canonical() {
    printf '%s' "$1" | tr -c 'A-Za-z0-9_@' '_'
}

newest_migration() {
    local newest
    newest=$(tracked 'sql/*.sql' | tail -n 1)
    newest=${newest#sql/}
    echo "$((10#0${newest%%_*}))"
}

# A test file with a main() is a program; the others beside it are linked to every program of that directory.
tests() {
    local all programs=() program helper helpers
    mapfile -t all < <(tracked 'tests/unit/*.[ch]')
    for program in "${all[@]}"; do
        [ -e "$program" ] && grep -qE '^int main\(' "$program" && programs+=("${program%.c}")
    done
    lines "${programs[@]}" | list test_programs
    tracked 'tests/lib/*.c' 'tests/lib/*.h' | list test_library_files
    for program in "${programs[@]}"; do
        helpers=()
        for helper in "${all[@]}"; do
            [ "${helper%/*}" = "${program%/*}" ] && ! grep -qE '^int main\(' "$helper" && helpers+=("$helper")
        done
        lines "$program.c" "${helpers[@]}" | list "$(canonical "$program")_SOURCES"
        printf '%s_LDADD = %s\n\n' "$(canonical "$program")" "\$(test_libs)"
    done
}

# Programs that a test in another language runs; the files beside them are linked to each.
drivers() {
    local all programs=() file helpers=()
    mapfile -t all < <(tracked 'tests/contract/*.[ch]')
    for file in "${all[@]}"; do
        if grep -qE '^int main\(' "$file"; then
            programs+=("${file%.c}")
        else
            helpers+=("$file")
        fi
    done
    lines "${programs[@]}" | list driver_programs
    for file in "${programs[@]}"; do
        lines "$file.c" "${helpers[@]}" | list "$(canonical "$file")_SOURCES"
    done
}

# Programs of ./dev bench, a file each.
benches() {
    local all program
    mapfile -t all < <(tracked 'tests/bench/*.c')
    lines "${all[@]%.c}" | list bench_programs
    for program in "${all[@]}"; do
        lines "$program" | list "$(canonical "${program%.c}")_SOURCES"
    done
}

fuzzers() {
    local all driver
    mapfile -t all < <(tracked 'tests/fuzz/*.c')
    lines "${all[@]%.c}" | list fuzz_programs
    for driver in "${all[@]}"; do
        lines "$driver" | list "$(canonical "${driver%.c}")_SOURCES"
        printf '%s_LDFLAGS = %s -fsanitize=fuzzer\n\n' "$(canonical "${driver%.c}")" "\$(AM_LDFLAGS)"
    done
}

make_lists() {
    echo "# Written by tests/sources.sh from the files that git tracks."
    echo
    printf 'newest_migration = %d\n\n' "$(newest_migration)"
    tracked 'src/*.c' 'src/*.h' 'src/*.def' | grep -vE '^src/(main\.c|cli/|sandbox/)' | list library_files
    tracked src/main.c | list server_files
    tracked 'src/cli/*.c' 'src/cli/*.h' | list command_files
    tracked 'src/sandbox/*.c' 'src/sandbox/*.h' | list sandbox_files
    tracked templates static locales 'sql/*.sql' | list data_files
    tracked apache-conf lighttpd-conf | list conf_files
    tracked docs | list doc_files
    tracked 'src/sandbox' | grep -vE '\.[ch]$' | list sandbox_data_files
    tracked tests | grep -vE '^tests/(lib|unit|domain|contract|fuzz|bench)/.*\.[ch]$' | list test_files
    tests
    drivers
    benches
    fuzzers
}

if [ "${1:-}" = --check ]; then
    if ! diff <(make_lists) sources.am >&2; then
        echo "sources.am does not list what git tracks: run tests/sources.sh" >&2
        exit 1
    fi
else
    make_lists >sources.am.new
    mv sources.am.new sources.am
fi
