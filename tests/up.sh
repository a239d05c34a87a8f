#!/bin/bash
# ./dev up: one command and everything is there, twice the same, what it prints works as it stands, and ./dev down ends all of it.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
TILL_VAR=$(mktemp -d /tmp/till-up-XXXXXX)
export TILL_VAR RATE_LIMIT_REQUESTS=4321
chmod 711 "$TILL_VAR"
ln -s "$top/var/build" "$TILL_VAR/build"
trap './dev down >/dev/null; rm -rf "$TILL_VAR"' EXIT

fail() {
    echo "up: $*" >&2
    exit 1
}

# The processes that have something of ours open or on their command line.
ours() {
    pgrep -f -- "$TILL_VAR" | grep -vx "$$" || true
}

port=$((20000 + RANDOM % 10000))
./dev up --port $port >"$TILL_VAR/first" || fail "it did not come up: $(cat "$TILL_VAR/first")"
./dev up >"$TILL_VAR/second"
diff <(sed -n '/Demo shop/,$p' "$TILL_VAR/first") <(sed -n '/Demo shop/,$p' "$TILL_VAR/second") || fail "the second time it says something else"
# shellcheck disable=SC1091 # made by it
. "$TILL_VAR/up.env"
[ "$TILL_URL" = "http://127.0.0.1:$port" ] || fail "it is at $TILL_URL"
for name in TILL_API_KEY TILL_ADMIN_USER TILL_ADMIN_PASSWORD STRIPE_WEBHOOK_SECRET DATABASE_URL; do
    [ -n "${!name:-}" ] || fail "up.env lacks $name"
done
example=$(sed -n 's/^ *Try it: *//p' "$TILL_VAR/first")
answer=$(eval "$example")
[[ $answer == *'"status":"succeeded"'* ]] || fail "the line that can be tried says: $answer"
pages=$(sed -nE 's/^  (Demo shop|OpenAPI|Sandbox|Dashboard) +(http[^ ]+).*/\2/p' "$TILL_VAR/first")
[ "$(wc -w <<<"$pages")" -eq 4 ] || fail "it names other pages: $pages"
for page in $pages; do
    curl -sf -o /dev/null "$page" || fail "$page does not answer"
done
limit=$(curl -si -H "Authorization: Bearer $TILL_API_KEY" "$TILL_URL/api/v1/payments" | grep -i '^ratelimit') || fail "no limit is told"
[[ $limit == *4321* ]] || fail "a setting of the environment was not passed on: $limit"
./dev down >/dev/null
curl -s -o /dev/null "$TILL_URL/healthz" && fail "it still answers"
[ -z "$(ours)" ] || fail "these go on: $(ours | xargs ps -o args= -p)"
