#include "access/totp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "db/db.h"
#include "events/audit.h"
#include "web/percent.h"

#define STEP_SECONDS 30
#define STEPS_OFF 1 // either way: clocks differ, and people type slowly
#define DIGITS 6
#define RECOVERY_LENGTH 10 // of 32 letters: 50 bits

uint32_t totp_code(struct bytes secret, int64_t step)
{
    uint8_t counter[8], hash[20];

    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)(step >> (56 - 8 * i));
    hmac_sha1(secret, (struct bytes){ counter, sizeof(counter) }, hash);
    const uint8_t *at = hash + (hash[19] & 15);
    uint32_t number = (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return number % 1000000;
}

/* The code without what people put between its parts, in lower case. */
static const char *plain_code(struct ctx *ctx, const char *code)
{
    char *out = arena_alloc(ctx->arena, strlen(code) + 1);
    size_t used = 0;

    for (const char *c = code; *c; c++) {
        if (*c != ' ' && *c != '-')
            out[used++] = (char)tolower((unsigned char)*c);
    }
    return out;
}

static bool is_totp(const char *code)
{
    return strlen(code) == DIGITS && strspn(code, "0123456789") == DIGITS;
}

int64_t totp_match(struct bytes secret, struct instant now, const char *code)
{
    int64_t step = instant_to_unix(now) / STEP_SECONDS, found = -1;
    uint32_t given;

    if (!is_totp(code))
        return -1;
    given = (uint32_t)strtoul(code, NULL, 10);
    for (int64_t i = step - STEPS_OFF; i <= step + STEPS_OFF; i++) {
        if (totp_code(secret, i) == given)
            found = i;
    }
    return found;
}

const char *totp_address(struct ctx *ctx, const char *merchant, const char *email, const char *secret_text)
{
    const char *issuer = percent_encode(ctx->arena, merchant);

    return arena_printf(ctx->arena, "otpauth://totp/%s:%s?secret=%s&issuer=%s", issuer,
        percent_encode(ctx->arena, email), secret_text, issuer);
}

/* The secret ------------------------------------------------------------------------------------------------------- */

struct factor {
    struct bytes sealed;
    struct instant set_at;
    int64_t step;
};

static const struct field factor_columns[] = {
    FIELD(struct factor, sealed),
    FIELD(struct factor, set_at),
    FIELD(struct factor, step),
    FIELD_END,
};

static const char *place(struct ctx *ctx, const char *user_id)
{
    return arena_printf(ctx->arena, "users.totp_secret:%s", user_id);
}

static struct error *lock_factor(struct ctx *ctx, const char *user_id, struct factor *factor, struct bytes *secret)
{
    SQL(get,
        "SELECT totp_secret AS sealed, totp_set_at AS set_at, coalesce(totp_step, -1) AS step"
        "  FROM users WHERE id = $1 FOR UPDATE");

    *secret = (struct bytes){ 0 };
    TRY(db_one(ctx, &get, PARAMS(P(user_id)), factor_columns, factor));
    return factor->sealed.data ? unseal(ctx, place(ctx, user_id), factor->sealed, secret) : NULL;
}

static struct error *begin(struct ctx *ctx, const char *user_id, const char **secret_text)
{
    SQL(set, "UPDATE users SET totp_secret = $2 WHERE id = $1");
    uint8_t random[TOTP_SECRET_SIZE];
    struct factor factor;
    struct bytes secret;

    TRY(lock_factor(ctx, user_id, &factor, &secret));
    if (instant_is_set(factor.set_at))
        return error_new(ctx, E_CONFLICT, "You have a second factor already.");
    if (!secret.data) {
        crypto_random(random, sizeof(random));
        secret = (struct bytes){ random, sizeof(random) };
        TRY(db_exec(ctx, &set, PARAMS(P(user_id), P(seal(ctx, place(ctx, user_id), secret))), NULL));
    }
    *secret_text = base32_encode(ctx->arena, secret);
    return NULL;
}

struct error *totp_begin(struct ctx *ctx, const char *user_id, const char **secret_text)
{
    return IN_TX(ctx, begin(ctx, user_id, secret_text));
}

/* Recovery codes --------------------------------------------------------------------------------------------------- */

static struct bytes recovery_hash(struct ctx *ctx, const char *user_id, const char *code)
{
    uint8_t key[32], *hash = arena_alloc(ctx->arena, 32);

    keyring_derive(ctx->config->keyring, "recovery-code", key);
    hmac_sha256((struct bytes){ key, sizeof(key) }, bytes_of(arena_printf(ctx->arena, "%s\n%s", user_id, code)), hash);
    wipe(key, sizeof(key));
    return (struct bytes){ hash, 32 };
}

static const char *new_code(struct ctx *ctx)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    char *out = arena_alloc(ctx->arena, RECOVERY_LENGTH + 1);
    uint8_t random[RECOVERY_LENGTH];

    crypto_random(random, sizeof(random));
    for (size_t i = 0; i < RECOVERY_LENGTH; i++)
        out[i] = letters[random[i] % 32];
    return out;
}

static struct error *replace_codes(struct ctx *ctx, const char *user_id, const char *codes[RECOVERY_CODES])
{
    SQL(forget, "DELETE FROM recovery_codes WHERE user_id = $1");
    SQL(insert, "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)");

    TRY(db_exec(ctx, &forget, PARAMS(P(user_id)), NULL));
    for (size_t i = 0; i < RECOVERY_CODES; i++) {
        const char *code = new_code(ctx);

        TRY(db_exec(ctx, &insert, PARAMS(P(user_id), P(recovery_hash(ctx, user_id, code))), NULL));
        codes[i] = arena_printf(ctx->arena, "%.5s-%s", code, code + 5);
    }
    return NULL;
}

static struct error *new_codes(struct ctx *ctx, const char *user_id, const char *codes[RECOVERY_CODES])
{
    TRY(replace_codes(ctx, user_id, codes));
    return audit_add(ctx, "user.recovery_codes_made", user_id, NULL);
}

struct error *totp_new_codes(struct ctx *ctx, const char *user_id, const char *codes[RECOVERY_CODES])
{
    return IN_TX(ctx, new_codes(ctx, user_id, codes));
}

struct error *totp_recovery_left(struct ctx *ctx, const char *user_id, int64_t *out)
{
    SQL(left, "SELECT count(*) AS count FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL");
    struct row {
        int64_t count;
    } row;
    static const struct field columns[] = { FIELD(struct row, count), FIELD_END };

    TRY(db_one(ctx, &left, PARAMS(P(user_id)), columns, &row));
    *out = row.count;
    return NULL;
}

static struct error *use_recovery(struct ctx *ctx, const char *user_id, const char *code, bool *good)
{
    SQL(take, "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND hash = $2 AND used_at IS NULL");
    int64_t taken;

    TRY(db_exec(ctx, &take, PARAMS(P(user_id), P(recovery_hash(ctx, user_id, code)), P(ctx->now)), &taken));
    *good = taken > 0;
    return *good ? audit_add(ctx, "user.recovery_code_used", user_id, NULL) : NULL;
}

/* Using and confirming --------------------------------------------------------------------------------------------- */

static struct error *take_step(struct ctx *ctx, const char *user_id, int64_t step)
{
    SQL(take, "UPDATE users SET totp_step = $2 WHERE id = $1");

    return db_exec(ctx, &take, PARAMS(P(user_id), P(step)), NULL);
}

struct error *totp_use(struct ctx *ctx, const char *user_id, const char *code, bool *good, bool *recovery)
{
    const char *plain = plain_code(ctx, code);
    struct factor factor;
    struct bytes secret;

    *good = *recovery = false;
    if (!is_totp(plain)) {
        TRY(use_recovery(ctx, user_id, plain, good));
        *recovery = *good;
        return NULL;
    }
    TRY(lock_factor(ctx, user_id, &factor, &secret));
    if (!secret.data || !instant_is_set(factor.set_at))
        return NULL;
    int64_t step = totp_match(secret, ctx->now, plain);
    if (step <= factor.step)
        return NULL;
    *good = true;
    return take_step(ctx, user_id, step);
}

static struct error *finish(struct ctx *ctx, const char *user_id, const char *code, const char *codes[RECOVERY_CODES])
{
    SQL(confirm, "UPDATE users SET totp_set_at = $2, totp_step = $3, updated_at = $2 WHERE id = $1");
    struct error *error = NULL;
    struct factor factor;
    struct bytes secret;
    int64_t step;

    TRY(lock_factor(ctx, user_id, &factor, &secret));
    if (instant_is_set(factor.set_at))
        return error_new(ctx, E_CONFLICT, "You have a second factor already.");
    step = secret.data ? totp_match(secret, ctx->now, plain_code(ctx, code)) : -1;
    if (step < 0) {
        error_add_field(ctx, &error, "#/code", "is not the code that the app shows now");
        return error;
    }
    TRY(db_exec(ctx, &confirm, PARAMS(P(user_id), P(ctx->now), P(step)), NULL));
    TRY(replace_codes(ctx, user_id, codes));
    return audit_add(ctx, "user.second_factor_set", user_id, NULL);
}

struct error *totp_finish(struct ctx *ctx, const char *user_id, const char *code, const char *codes[RECOVERY_CODES])
{
    return IN_TX(ctx, finish(ctx, user_id, code, codes));
}
