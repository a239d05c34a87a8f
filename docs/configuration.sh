#!/bin/bash
# Writes configuration.md from what `till config` says: docs/configuration.sh [TILL] >docs/configuration.md
set -euo pipefail

cat <<'END'
# Configuration

Settings are `NAME=value` lines of a file (`/usr/local/etc/till/till.conf`, or `--config FILE`) and variables of the environment, which win.
`till config` prints all of them with their values, `till config --names` the names alone, and `till doctor` says what is wrong.
When something is wrong, all of it is said at once and nothing starts (status 78). `SIGHUP` lets `till.fcgi` read them again.

Secrets never leave the program: they are taken out of the environment after the start, are not printed, and a file that holds
one must not be readable by others. Keys of test and live mode never mix: the mode follows from the keys.

| setting | default | what it is |
| --- | --- | --- |
END
env -i "${1:-till}" config | awk '
    /^# / {
        sentence = substr($0, 3); also = ""; fallback = ""
        if (match(sentence, / Also called [A-Z_]+\.$/)) {
            also = substr(sentence, RSTART + 13, RLENGTH - 14)
            sentence = substr(sentence, 1, RSTART - 1)
        }
        if (match(sentence, / Default: .*\.$/)) {
            fallback = substr(sentence, RSTART + 10, RLENGTH - 11)
            sentence = substr(sentence, 1, RSTART - 1)
        }
        gsub(/\|/, "\\|", sentence)
        next
    }
    /^[A-Z_]+=/ {
        name = substr($0, 1, index($0, "=") - 1)
        printf "| `%s` | %s | %s%s |\n", name, fallback == "" ? "" : "`" fallback "`", sentence,
            also == "" ? "" : " Also called `" also "`."
    }'
cat <<'END'

`REDIS_*` is not needed and says so: everything is in PostgreSQL.

## While a secret is rolled

- **Webhooks**: `till stripe setup --new-secret` does it; with one made by hand, put the new secret beside the old one, `STRIPE_WEBHOOK_SECRET=whsec_old,whsec_new`, `SIGHUP`, remove the old one later.
- **API keys**: make a second one (`till api-key create`), let the application use it, revoke the first (`till api-key revoke ID`).
- **Field keys**: `till key create FILE` adds one; the newest encrypts, older ones still decrypt and must stay in the file.
END
