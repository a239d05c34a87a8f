#!/bin/bash
# make install puts everything where an installed program looks for it, and nothing that is for development only. A distribution
# unpacks, builds and checks (make distcheck). Optimising is left to the other builds, whose warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
work=$(mktemp -d /tmp/till-install-XXXXXX)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install: $*" >&2
    exit 1
}

has() {
    [ -e "$work/root/opt/till/$1" ] || fail "$1 was not installed"
}

# An installed program finds its templates, locales and migrations by itself: built for its own prefix, away from the others.
mkdir "$work/build"
cd "$work/build"
"$top/configure" -q --prefix=/opt/till --disable-werror CFLAGS=-O0 >/dev/null
make -s -j2 >/dev/null
make -s install DESTDIR="$work/root" >/dev/null

for file in bin/till bin/till.fcgi share/till/sql/0001_ground.sql share/till/templates share/till/locales share/till/static \
    share/till/static/errors/api/503.html share/till/lighttpd-conf/till-rules.conf share/till/apache-conf/till-rules.conf \
    share/man/man1/till.1 share/man/man8/till.fcgi.8 lib/systemd/system/till.service lib/systemd/system/till-cron.timer; do
    has "$file"
done
[ -z "$(find "$work/root" -name '*sandbox*')" ] || fail "the sandbox was installed"
# All is read before it is searched: a reader that stops at the first find would end the program that still writes.
settings=$("$work/root/opt/till/bin/till" config 2>/dev/null)
grep -qx 'TILL_SQL=/opt/till/share/till/sql' <<<"$settings" || fail "till looks elsewhere for sql/"
grep -qF 'ExecStart=/opt/till/bin/till.fcgi --config /opt/till/etc/till/till.conf' \
    "$work/root/opt/till/lib/systemd/system/till.service" || fail "the unit starts something else"

# What the manuals say is what the programs take.
for option in $("$work/root/opt/till/bin/till.fcgi" --help | grep -oE '^  --[a-z]+' | tr -d ' '); do
    grep -qF -- "${option//-/\\-}" "$top/man/till.fcgi.8" || fail "till.fcgi.8 does not know $option"
done
while read -r command; do
    read -r -a words <<<"$command"
    grep -qE "^\.(B|BI|BR) .*${command//-/.?.?-}" "$top/man/till.1" || fail "till.1 does not know till $command"
    for option in $("$work/root/opt/till/bin/till" "${words[@]}" --help | grep -oE '^  --[a-z-]+' | tr -d ' '); do
        grep -qF -- "${option//-/\\-}" "$top/man/till.1" || fail "till.1 does not know $option of till $command"
    done
done < <("$work/root/opt/till/bin/till" --help | grep -oE '^  [a-z][a-z-]+( [a-z-]+)?' | sed 's/^  //')

# What docs/install.md installs is enough to build; Check is for those who test.
while read -r package purpose _; do
    [ "$purpose" != build ] || [ "$package" = check ] || grep -qE -- "^    .*\b$package\b" "$top/docs/install.md" ||
        fail "docs/install.md does not install $package"
done < <("$top/dev" packages)

make -s distcheck DISTCHECK_CONFIGURE_FLAGS="--disable-werror CFLAGS=-O0" >"$work/distcheck.log" 2>&1 || { tail -n 60 "$work/distcheck.log" >&2; fail "make distcheck failed"; }
