#!/bin/bash
# What compilers and tools say about the code; nothing is the right answer. lint.sh [STEP…]; called by ./dev lint.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
top=$PWD
out=$top/var/lint
failed=()
mkdir -p "$out"

read -r -a libraries < <(pkg-config --cflags libcurl openssl libpq jansson check)
flags=(-std=gnu17 -D_GNU_SOURCE '-DTILL_VERSION="0"' '-DTILL_DATA_DIR="/"' '-DTILL_CONFIG_FILE="/"' -DTILL_MIGRATION_VERSION=1
    -Isrc -Itests/lib "${libraries[@]}")
warnings=(-Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wvla -Werror)

sources() {
    git -c safe.directory='*' ls-files -- "$@" 2>/dev/null || find "$@" -name '*.c'
}

# Runs a command for every file, two at a time; the command takes one file.
each() {
    xargs -P "$(nproc)" -n 1 "$@"
}

step_gcc() {
    sources 'src/*.c' 'tests/*.c' | each gcc "${flags[@]}" "${warnings[@]}" -O2 -D_FORTIFY_SOURCE=3 -c -o /dev/null
}

step_clang() {
    sources 'src/*.c' 'tests/*.c' | each clang "${flags[@]}" "${warnings[@]}" -Wno-unused-command-line-argument -c -o /dev/null
}

step_analyzer() {
    sources 'src/payments/*.c' 'src/ledger/*.c' 'src/provider/*.c' |
        each gcc "${flags[@]}" -O1 -fanalyzer -Werror -c -o /dev/null
}

step_clang_tidy() {
    local status=0
    sources 'src/*.c' | xargs -P "$(nproc)" -I '{}' clang-tidy --quiet --warnings-as-errors='*' '{}' -- "${flags[@]}" \
        >"$out/clang-tidy.txt" 2>&1 || status=1
    grep -vE 'warnings? (and [0-9]+ errors? )?generated|^Suppressed|^Use -header-filter' "$out/clang-tidy.txt"
    return $status
}

step_cppcheck() {
    # shellcheck disable=SC2046
    cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability,performance --inline-suppr -j "$(nproc)" \
        --library=posix --library=gnu --suppressions-list=tests/cppcheck.txt -Isrc \
        -DTILL_VERSION='"0"' -DTILL_DATA_DIR='"/"' -DTILL_CONFIG_FILE='"/"' -DTILL_MIGRATION_VERSION=1 $(sources 'src/*.c')
}

step_format() {
    sources '*.c' '*.h' | xargs clang-format --dry-run --Werror
}

step_shellcheck() {
    # shellcheck disable=SC2046
    shellcheck dev .ci/run $(sources 'tests/*.sh')
}

step_types() {
    tests/node_modules/.bin/tsc --project tests/browser/tsconfig.json
}

# grep_gate PATTERN WHY FILE…: nothing in the files may match.
grep_gate() {
    local pattern=$1 why=$2 hits
    shift 2
    hits=$(grep -nEH "$pattern" "$@" 2>/dev/null)
    [ -z "$hits" ] && return
    printf '%s\n%s\n' "$hits" "$why"
    return 1
}

step_words() {
    local status=0 all money
    mapfile -t all < <(sources 'src/*.c' 'src/*.h')
    mapfile -t money < <(sources 'src/payments/*' 'src/ledger/*' 'src/provider/*' 'src/base/money*' 'src/billing/*' | grep -E '\.[ch]$')
    grep_gate '\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|atof|strtok|gets|alloca|system|popen)\(' 'not these functions' \
        "${all[@]}" || status=1
    grep_gate '\b(float|double|json_real)\b' 'no floating point near money' "${money[@]}" || status=1
    grep_gate '\bPQexec\((conn|[a-z_]+), *(arena_printf|buf_string)' 'parameters, not text' "${all[@]}" || status=1
    mapfile -t all < <(sources '.' | grep -vE '(^|/)package-lock\.json$|\.png$|^tests/lint\.sh$')
    grep_gate '/(home|work|Users)/[a-z]' 'no paths of one machine' "${all[@]}" || status=1
    grep_gate '(npmjs\.org|registry\.npm|pypi\.org|deb\.debian\.org)' 'no hosts of package registries' "${all[@]}" tests/package-lock.json ||
        status=1
    return $status
}

# has FILE PATTERN READELF-OPTION WHAT: says what is missing.
has() {
    local text
    text=$(readelf -W "$3" "$1")
    grep -qE "$2" <<<"$text" && return
    echo "$1 $4"
    return 1
}

# Every program is position-independent, with a canary, relocations read-only before main(), and nothing writable that runs.
step_hardening() {
    local program status=0
    for program in var/build/till var/build/till.fcgi var/build/till-sandbox.fcgi; do
        has "$program" 'Type: *DYN' -h 'is not PIE' || status=1
        has "$program" GNU_RELRO -l 'has no RELRO' || status=1
        has "$program" '\bNOW\b' -d 'binds lazily' || status=1
        has "$program" __stack_chk_fail -s 'has no stack canary' || status=1
        has "$program" '_chk@' -s 'is not fortified' || status=1
        if has "$program" '(GNU_STACK|LOAD).* RWE ' -l '' >/dev/null; then
            echo "$program has memory that is writable and runs"
            status=1
        fi
    done
    return $status
}

steps=(gcc clang analyzer clang_tidy cppcheck format shellcheck types words hardening)
[ $# -gt 0 ] && steps=("$@")
for step in "${steps[@]}"; do
    start=$SECONDS
    if "step_$step" >"$out/$step.log" 2>&1; then
        printf 'ok    %s, %d s\n' "$step" $((SECONDS - start))
    else
        printf 'FAIL  %s, %d s\n' "$step" $((SECONDS - start))
        head -n 60 "$out/$step.log" | sed 's/^/      /'
        failed+=("$step")
    fi
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: ${failed[*]} failed; whole logs in var/lint"
    exit 1
fi
echo "lint: clean"
