#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/id.h"
#include "http/form.h"
#include "provider/stripe/stripe.h"

#define SCHEME "v1"
#define SIGNATURES 8 // of one header; two are sent while a secret is rolled
#define TOLERANCE 300
#define TIME_DIGITS 12
#define TYPE 255 // characters
#define PAGES 100
#define PAGE 100

/* Stripe-Signature: t=<unix>,v1=<hex>,… */
struct signatures {
    const char *time; // the digits that were signed
    int64_t at;
    const char *v1[SIGNATURES];
    size_t count;
};

static struct error *not_signed(struct ctx *ctx, const char *why)
{
    return error_cause(ctx, error_new(ctx, E_INVALID_SIGNATURE, "Invalid signature"), "%s", why);
}

static bool read_time(const char *text, int64_t *out)
{
    size_t length = strspn(text, "0123456789");

    if (!length || length > TIME_DIGITS || text[length])
        return false;
    for (*out = 0; *text; text++)
        *out = *out * 10 + (*text - '0');
    return true;
}

/* One part of the header. False for a time that cannot be read or comes twice: it would not be clear which was signed. */
static bool read_part(char *part, struct signatures *out)
{
    char *value = strchr(part, '=');

    if (!value)
        return true;
    *value++ = '\0';
    if (strcmp(part, "t") == 0) {
        if (out->time || !read_time(value, &out->at))
            return false;
        out->time = value;
    } else if (strcmp(part, SCHEME) == 0 && out->count < SIGNATURES) {
        out->v1[out->count++] = value;
    }
    return true;
}

static bool read_header(struct ctx *ctx, const char *header, struct signatures *out)
{
    char *rest = arena_strdup(ctx->arena, header);
    char *part;

    *out = (struct signatures){ 0 };
    while ((part = strsep(&rest, ",")))
        if (!read_part(part, out))
            return false;
    return out->time && out->count;
}

static bool matches(struct ctx *ctx, struct bytes secret, struct bytes signed_text, const struct signatures *given)
{
    uint8_t digest[32];
    struct bytes expected;
    bool match = false;

    hmac_sha256(secret, signed_text, digest);
    expected = bytes_of(hex_encode(ctx->arena, (struct bytes){ digest, sizeof(digest) }));
    for (size_t i = 0; i < given->count; i++) // all of them, so that the time tells nothing
        match |= same_bytes(expected, bytes_of(given->v1[i]));
    return match;
}

/* Tries each secret that is set: two of them while one is rolled. */
static bool is_signed(struct ctx *ctx, struct bytes body, const char *secrets, const struct signatures *given)
{
    struct buf signed_text = { .arena = ctx->arena };
    char *rest = arena_strdup(ctx->arena, secrets);
    bool match = false;
    char *secret;

    buf_printf(&signed_text, "%s.", given->time);
    buf_add(&signed_text, body.data, body.length);
    while ((secret = strsep(&rest, ", ")))
        if (*secret)
            match |= matches(ctx, bytes_of(secret),
                (struct bytes){ (const uint8_t *)signed_text.data, signed_text.length }, given);
    return match;
}

static struct error *check_signature(struct ctx *ctx, struct bytes body, const char *secrets, const char *header)
{
    int64_t now = instant_to_unix(ctx->now);
    struct signatures given;

    if (!secrets || !*secrets)
        return not_signed(ctx, "STRIPE_WEBHOOK_SECRET is not set");
    if (!header || !*header)
        return not_signed(ctx, "there is no Stripe-Signature");
    if (!read_header(ctx, header, &given))
        return not_signed(ctx, "the Stripe-Signature cannot be read, or has no " SCHEME);
    if (!is_signed(ctx, body, secrets, &given))
        return not_signed(ctx, "no " SCHEME " signature fits the body and a secret that is set");
    if (given.at < now - TOLERANCE || given.at > now + TOLERANCE)
        return not_signed(ctx, "the signature is not of these five minutes");
    return NULL;
}

/* The events that do something here; docs/webhooks.md says what. The others are stored, and can be replayed by a version
 * that knows more. */
static const struct {
    const char *type;
    enum event_concern concern;
} concerns[] = {
#define EVENT(type_, concern_) { type_, concern_ },
#include "provider/stripe/stripe_event.def"
#undef EVENT
};

enum event_concern stripe_concern(const char *type)
{
    for (size_t i = 0; i < sizeof(concerns) / sizeof(concerns[0]); i++)
        if (strcmp(type, concerns[i].type) == 0)
            return concerns[i].concern;
    return CONCERNS_NOTHING;
}

/* Events that carry their object, and those that only name it. */
static bool read_object(json_t *event, struct provider_event *out)
{
    const char *kind = json_get_text(event, "object");
    json_t *object = json_object_get(json_object_get(event, "data"), "object");
    const char *is;

    if (kind && strcmp(kind, "v2.core.event") == 0) {
        out->object_id = json_get_text(json_object_get(event, "related_object"), "id");
        return true;
    }
    if (!kind || strcmp(kind, "event") != 0 || !json_is_object(object))
        return false;
    is = json_get_text(object, "object");
    out->object_id = json_get_text(object, "id");
    if (is && strcmp(is, "payment_intent") == 0)
        out->payment_reference = out->object_id;
    else
        out->payment_reference = stripe_id(json_object_get(object, "payment_intent"));
    return true;
}

/* Ids that could not be ids are as good as missing. */
static const char *plausible(const char *id)
{
    return id && id_is_plausible(id) ? id : NULL;
}

/* Seconds since 1970; a v2 event writes them as RFC 3339. */
static struct instant read_created(const json_t *created)
{
    struct instant instant = { 0 };
    int64_t seconds = json_integer_value(created);

    if (json_is_string(created))
        instant_parse(json_string_value(created), &instant);
    else if (seconds > 0 && seconds < INT64_C(100000000000))
        instant = instant_of_unix(seconds);
    return instant;
}

bool stripe_event_read(json_t *event, struct provider_event *out)
{
    *out = (struct provider_event){
        .id = plausible(json_get_text(event, "id")),
        .type = json_get_text(event, "type"),
        .livemode = json_get_bool(event, "livemode"),
        .created_at = read_created(json_object_get(event, "created")),
        .api_version = json_get_text(event, "api_version"),
    };
    if (!out->id || !out->type || !*out->type || strlen(out->type) > TYPE || !read_object(event, out))
        return false;
    out->object_id = plausible(out->object_id);
    out->payment_reference = plausible(out->payment_reference);
    return true;
}

struct error *stripe_parse(struct ctx *ctx, struct bytes body, struct provider_event *out)
{
    json_t *event = stripe_json(ctx, body);

    if (!event)
        return error_new(ctx, E_INVALID_PAYLOAD, "Invalid payload: it is not a JSON object");
    if (!stripe_event_read(event, out))
        return error_new(ctx, E_INVALID_PAYLOAD, "Invalid payload: it is not an event");
    return NULL;
}

struct error *stripe_verify(struct ctx *ctx, struct bytes body, const char *(*header)(void *from, const char *name),
    void *from, const char *secrets, struct provider_event *out)
{
    TRY(check_signature(ctx, body, secrets ? secrets : ctx->config->stripe_webhook_secret,
        header(from, "Stripe-Signature")));
    TRY(stripe_parse(ctx, body, out));
    if (out->livemode != (ctx->config->mode == MODE_LIVE))
        return error_new(ctx, E_INVALID_PAYLOAD, "Invalid payload: this is a %s event, and Till runs in %s mode",
            mode_names[out->livemode ? MODE_LIVE : MODE_TEST], mode_names[ctx->config->mode]);
    return NULL;
}

/* Events from a list, in the order they came. */
struct collection {
    json_t *events;
};

static bool visit_event(void *to, json_t *event)
{
    struct collection *collection = to;

    json_array_append(collection->events, event);
    return true;
}

/* Adds the oldest of newest-first events, as long as there is room for `limit`. */
static void oldest_first(json_t *events, size_t limit, struct provider_event *out, size_t *count)
{
    for (size_t i = json_array_size(events); i-- > 0 && *count < limit;)
        if (stripe_event_read(json_array_get(events, i), &out[*count]))
            (*count)++;
}

static struct error *events_since(struct ctx *ctx, struct instant since, size_t limit, struct provider_event **out,
    size_t *count)
{
    struct collection collection = { json_in(ctx->arena, json_array()) };
    struct buf filter = { .arena = ctx->arena };
    bool complete;

    form_add(&filter, "created[gte]", "%jd", (intmax_t)instant_to_unix(since));
    TRY(stripe_each(ctx, "/v1/events", buf_string(&filter), PAGES, visit_event, &collection, &complete));
    if (!complete)
        return error_cause(ctx, error_new(ctx, E_PROVIDER_ERROR, "Stripe has too many events to look through"),
            "more than %d events since %s", PAGES * PAGE, instant_format(ctx->arena, since, false));
    *out = arena_array(ctx->arena, limit, sizeof(**out));
    *count = 0;
    oldest_first(collection.events, limit, *out, count);
    return NULL;
}

/* Pages next to the event `after`, of what came later. Each is newest first, the pages go forward. */
static struct error *events_after(struct ctx *ctx, struct instant since, const char *after, size_t limit,
    struct provider_event **out, size_t *count)
{
    bool more = true;

    *out = arena_array(ctx->arena, limit, sizeof(**out));
    for (*count = 0; more && *count < limit;) {
        struct buf query = { .arena = ctx->arena };
        size_t left = limit - *count;
        json_t *list, *events;

        form_add(&query, "created[gte]", "%jd", (intmax_t)instant_to_unix(since));
        form_add(&query, "limit", "%zu", left < PAGE ? left : PAGE);
        form_add(&query, "ending_before", "%s", after);
        TRY(stripe_get(ctx, "/v1/events", &query, "list", &list));
        events = json_object_get(list, "data");
        oldest_first(events, limit, *out, count);
        after = json_get_text(json_array_get(events, 0), "id");
        more = json_get_bool(list, "has_more") && after;
    }
    return NULL;
}

/* The newest event before a time: from it the pages go forward. The list of what came since begins with the newest, and of a busy
 * account it is too long to be read back. */
static struct error *event_before(struct ctx *ctx, struct instant since, struct provider_event *out, bool *found)
{
    struct buf query = { .arena = ctx->arena };
    json_t *list;

    form_add(&query, "created[lt]", "%jd", (intmax_t)instant_to_unix(since));
    form_add(&query, "limit", "1");
    TRY(stripe_get(ctx, "/v1/events", &query, "list", &list));
    *found = stripe_event_read(json_array_get(json_object_get(list, "data"), 0), out);
    return NULL;
}

struct error *stripe_list_events(struct ctx *ctx, struct instant since, const char *after, int limit,
    struct provider_event **out, size_t *count)
{
    size_t most = limit > 0 ? (size_t)limit : 1;
    struct provider_event before;
    bool found;

    if (after) {
        struct error *error = events_after(ctx, since, after, most, out, count);
        if (!error || error->code != E_NOT_FOUND) // Stripe forgets events after a month
            return error;
    }
    TRY(event_before(ctx, since, &before, &found));
    return found ? events_after(ctx, before.created_at, before.id, most, out, count)
                 : events_since(ctx, since, most, out, count);
}
