#include "access/jwt.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/field.h"
#include "db/db.h"

#define MAX_TOKEN 8192
#define MAX_SUBJECT 200 // as a customer's reference
#define LEEWAY 30       // seconds that the signer's clock and ours may differ by
#define UNKNOWN "-"     // the id of a customer whom we do not know yet: nothing is his

/* What a customer may do with his own payments. Giving money back is the merchant's. */
static const char *const customer_scopes[] = { "payments:read", "payments:write", "customers:read", "checkout:read",
    NULL };

/* The three parts, decoded; `signed_part` is what the signature is of. */
struct token {
    json_t *header, *claims;
    struct bytes signed_part, signature;
};

bool jwt_is_one(const char *token)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;

    return strncmp(token, "eyJ", 3) == 0 && second && !strchr(second + 1, '.');
}

static struct error *refused(struct ctx *ctx, const char *why)
{
    return error_cause(ctx, error_new(ctx, E_UNAUTHENTICATED, "This token is not valid."), "%s", why);
}

/* Taking it apart --------------------------------------------------------------------------------------------------- */

static bool decode_json(struct ctx *ctx, const char *text, size_t length, json_t **out)
{
    struct bytes bytes;

    return base64url_decode(ctx->arena, arena_strndup(ctx->arena, text, length), &bytes)
        && !json_read_foreign(ctx, bytes, out) && json_is_object(*out);
}

static bool take_apart(struct ctx *ctx, const char *text, struct token *out)
{
    const char *first = strchr(text, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;

    if (!second || strlen(text) > MAX_TOKEN)
        return false;
    out->signed_part = (struct bytes){ (const uint8_t *)text, (size_t)(second - text) };
    return decode_json(ctx, text, (size_t)(first - text), &out->header)
        && decode_json(ctx, first + 1, (size_t)(second - first - 1), &out->claims)
        && base64url_decode(ctx->arena, second + 1, &out->signature);
}

/* Who signed it ----------------------------------------------------------------------------------------------------- */

static bool fits_secret(struct ctx *ctx, const struct token *token, const char *secret)
{
    uint8_t mac[32];

    (void)ctx;
    hmac_sha256(bytes_of(secret), token->signed_part, mac);
    return same_bytes((struct bytes){ mac, sizeof mac }, token->signature);
}

static bool fits_public_key(struct ctx *ctx, const struct token *token, const char *text)
{
    struct bytes key;

    return base64url_decode(ctx->arena, text, &key) && key.length == 32
        && ed25519_verify(key.data, token->signed_part, token->signature);
}

/* The algorithm chooses among the keys made for it: a public key is never anybody's HMAC secret. */
static bool is_signed(struct ctx *ctx, const struct token *token)
{
    static const char delimiters[] = ", ";
    const char *algorithm = json_get_text(token->header, "alg");
    bool symmetric = algorithm && strcmp(algorithm, "HS256") == 0;
    bool (*fits)(struct ctx * ctx, const struct token *token, const char *key) =
        symmetric ? fits_secret : fits_public_key;
    const char *keys = symmetric ? ctx->config->jwt_secret : ctx->config->jwt_public_key;
    char *rest = NULL;

    if (!algorithm || (!symmetric && strcmp(algorithm, "EdDSA") != 0) || !keys
        || json_object_get(token->header, "crit"))
        return false;
    for (char *key = strtok_r(arena_strdup(ctx->arena, keys), delimiters, &rest); key;
         key = strtok_r(NULL, delimiters, &rest))
        if (fits(ctx, token, key))
            return true;
    return false;
}

/* What it says ------------------------------------------------------------------------------------------------------ */

static bool names(const json_t *audience, const char *wanted)
{
    size_t place;
    json_t *one;

    if (json_is_string(audience))
        return strcmp(json_string_value(audience), wanted) == 0;
    json_array_foreach(audience, place,
        one) if (json_is_string(one) && strcmp(json_string_value(one), wanted) == 0) return true;
    return false;
}

/* A NumericDate may have decimals, which do not matter here. */
static bool read_date(const json_t *claims, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = json_number_value(value);

    *out = seconds > -1e15 && seconds < 1e15 ? (int64_t)seconds : 0;
    return json_is_number(value);
}

static const char *claims_problem(struct ctx *ctx, const json_t *claims)
{
    int64_t now = ctx->now.us / 1000000, until, from;
    const char *subject = json_get_text(claims, "sub");
    const char *issuer = json_get_text(claims, "iss");

    if (!subject || !*subject || strlen(subject) > MAX_SUBJECT)
        return "it has no sub";
    if (!read_date(claims, "exp", &until) || now >= until + LEEWAY)
        return "it has expired, or never would";
    if (json_object_get(claims, "nbf") && (!read_date(claims, "nbf", &from) || now < from - LEEWAY))
        return "it is not good yet";
    if (!names(json_object_get(claims, "aud"), ctx->config->jwt_audience))
        return "it is not for us";
    if (ctx->config->jwt_issuer && (!issuer || strcmp(issuer, ctx->config->jwt_issuer) != 0))
        return "it is from somebody else";
    return NULL;
}

/* Of what a customer may do, what the token asks for. */
static const char *scopes_of(struct ctx *ctx, const char *asked)
{
    struct principal wish = { .scopes = asked };
    struct buf scopes = { .arena = ctx->arena };

    for (size_t i = 0; customer_scopes[i]; i++)
        if (!asked || principal_may(&wish, customer_scopes[i]))
            buf_printf(&scopes, "%s%s", scopes.length ? " " : "", customer_scopes[i]);
    return buf_string(&scopes);
}

struct found_customer {
    const char *id;
};

static const struct field customer_columns[] = { FIELD(struct found_customer, id), FIELD_END };

static struct error *find_customer(struct ctx *ctx, const char *subject, const char **out)
{
    SQL(of_subject, "SELECT id FROM customers WHERE reference = $1 OR id = $1 LIMIT 1");
    struct found_customer customer;
    bool found;

    TRY(db_maybe(ctx, &of_subject, PARAMS(P(subject)), customer_columns, &customer, &found));
    *out = found ? customer.id : UNKNOWN;
    return NULL;
}

struct error *jwt_check(struct ctx *ctx, const char *text, struct principal *out)
{
    struct token token;
    const char *problem;

    if (!take_apart(ctx, text, &token))
        return refused(ctx, "a token that cannot be read");
    if (!is_signed(ctx, &token))
        return refused(ctx, "a token whose signature does not fit");
    problem = claims_problem(ctx, token.claims);
    if (problem)
        return refused(ctx, arena_printf(ctx->arena, "a token of which %s", problem));

    const char *subject = json_get_text(token.claims, "sub");
    *out = (struct principal){
        .kind = PRINCIPAL_CUSTOMER,
        .id = arena_printf(ctx->arena, "user:%s", subject),
        .scopes = scopes_of(ctx, json_get_text(token.claims, "scope")),
        .reference = arena_strdup(ctx->arena, subject),
    };
    return find_customer(ctx, subject, &out->customer_id);
}
