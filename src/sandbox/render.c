#include "sandbox/render.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"
#include "web/request.h"

#include <string.h>

enum { MAX_LEVELS = 4, DEFAULT_LIMIT = 10, MAX_LIMIT = 100 };

/* Members that hold the id of another object. */
static const struct {
    const char *object, *member;
} expandable[] = {
    { "payment_intent", "latest_charge" },
    { "payment_intent", "payment_method" },
    { "payment_intent", "customer" },
    { "setup_intent", "payment_method" },
    { "setup_intent", "customer" },
    { "setup_intent", "latest_attempt" },
    { "setup_intent", "mandate" },
    { "setup_attempt", "setup_intent" },
    { "setup_attempt", "payment_method" },
    { "setup_attempt", "customer" },
    { "charge", "balance_transaction" },
    { "charge", "failure_balance_transaction" },
    { "charge", "customer" },
    { "charge", "payment_intent" },
    { "refund", "charge" },
    { "refund", "payment_intent" },
    { "refund", "balance_transaction" },
    { "refund", "failure_balance_transaction" },
    { "refund", "payment_method" },
    { "refund", "customer" },
    { "dispute", "charge" },
    { "dispute", "payment_intent" },
    { "balance_transaction", "source" },
    { "payment_method", "customer" },
    { "payout", "balance_transaction" },
    { "mandate", "payment_method" },
    { "invoice_settings", "default_payment_method" },
};

/* Lists that are only shown when they are asked for. */
static const struct {
    const char *object, *member;
    enum kind kind;
    const char *by; // the entries' member with our id, NULL for a list that is always empty here
} sublists[] = {
    { "charge", "refunds", KIND_REFUND, "charge" },
    { "customer", "sources", 0, NULL },
    { "customer", "subscriptions", 0, NULL },
    { "customer", "tax_ids", 0, NULL },
};

/* Members that came with a version. */
static const struct {
    const char *object, *inner, *member, *since;
} additions[] = {
    { "payment_intent", NULL, "payment_record", "2026-09-30" },
    { "payment_intent", NULL, "allowed_payment_method_types", "2026-07-29" },
    { "setup_intent", NULL, "allowed_payment_method_types", "2026-07-29" },
    { "charge", "payment_method_details", "electronic_commerce_indicator", "2026-09-30" },
    { "dispute", NULL, "intended_submission_method", "2026-09-30" },
    { "dispute", "evidence_details", "submission_method", "2026-09-30" },
};

/* All that a browser may see of an intent. */
static const char *const safe_members[] = {
    "id",
    "object",
    "amount",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "description",
    "last_payment_error",
    "last_setup_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_types",
    "processing",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "status",
    "usage",
    NULL,
};

static bool is_intent(const json_t *object)
{
    return is_text(object, "object", "payment_intent") || is_text(object, "object", "setup_intent");
}

static json_t *safe_copy(json_t *object)
{
    json_t *copy = made(json_object());

    for (const char *const *member = safe_members; *member; member++) {
        json_t *value = json_object_get(object, *member);

        if (value)
            json_object_set(copy, *member, value);
    }
    return copy;
}

/* Takes a member out of a shallow copy, whose inner objects still belong to the store. */
static void take_out(json_t *copy, const char *inner, const char *member)
{
    if (!inner) {
        json_object_del(copy, member);
        return;
    }
    json_t *within = json_object_get(copy, inner);
    if (!json_is_object(within))
        return;
    json_t *fresh = json_deep_copy(within);
    json_object_del(fresh, member);
    if (json_is_object(json_object_get(fresh, "card")))
        json_object_del(json_object_get(fresh, "card"), member);
    set_new(copy, inner, fresh);
}

/* An event's data is kept as text, a tenth of the memory, and shown in the version that the event names. */
static void open_event(const struct call *call, json_t *event)
{
    struct call as_told = *call;
    json_t *data = made(json_loads(json_get_text(event, "data"), 0, NULL));

    as_told.version = json_get_text(event, "api_version");
    as_told.publishable = false;
    set_new(data, "object", render(&as_told, json_object_get(data, "object")));
    set_new(event, "data", data);
}

json_t *render(const struct call *call, json_t *object)
{
    json_t *copy = call->publishable && is_intent(object) ? safe_copy(object) : made(json_copy(object));

    if (is_text(object, "object", "event"))
        open_event(call, copy);
    for (size_t i = 0; i < sizeof additions / sizeof *additions; i++) {
        if (is_text(object, "object", additions[i].object) && strcmp(call->version, additions[i].since) < 0)
            take_out(copy, additions[i].inner, additions[i].member);
    }
    return copy;
}

static bool is_expandable(const json_t *object, const char *name, const char *member)
{
    const char *own = json_get_text(object, "object");

    for (size_t i = 0; i < sizeof expandable / sizeof *expandable; i++) {
        if (strcmp(expandable[i].object, own ? own : name) == 0 && strcmp(expandable[i].member, member) == 0)
            return true;
    }
    return false;
}

static json_t *sublist(const struct call *call, const json_t *object, const char *member)
{
    for (size_t i = 0; i < sizeof sublists / sizeof *sublists; i++) {
        if (!is_text(object, "object", sublists[i].object) || strcmp(sublists[i].member, member) != 0)
            continue;

        const char *id = json_get_text(object, "id");
        json_t *data = made(json_array());
        if (sublists[i].by) {
            struct records records = store_by(call->sandbox->store, sublists[i].kind, sublists[i].by, id);

            for (size_t n = records.count; n-- > 0;)
                json_array_append_new(data, render(call, records.items[n]->object));
        }
        return made(json_pack("{s:s, s:o, s:b, s:o}", "object", "list", "data", data, "has_more", 0, "url",
            json_sprintf("/v1/%ss/%s/%s", sublists[i].object, id, member)));
    }
    return NULL;
}

static struct failure *cannot_expand(struct call *call, const char *path)
{
    return fail(call, NULL, "expand", "This property cannot be expanded (%s).", path);
}

static struct failure *expand(struct call *call, json_t *object, const char *name, const char *path, const char *whole);

/* Puts the object whose id stands in a member there, itself expanded by the rest of the path. */
static struct failure *expand_id(struct call *call, json_t *object, const char *member, const char *rest,
    const char *whole)
{
    json_t *value = json_object_get(object, member);

    if (json_is_string(value)) {
        struct record *record = store_find(call->sandbox->store, json_string_value(value));

        if (!record)
            return NULL;
        value = render(call, record->object);
        set_new(object, member, value);
    }
    return rest && json_is_object(value) ? expand(call, value, member, rest, whole) : NULL;
}

static struct failure *expand_each(struct call *call, json_t *list, const char *rest, const char *whole)
{
    size_t i;
    json_t *entry;

    json_array_foreach(json_object_get(list, "data"), i, entry)
    {
        PASS(expand(call, entry, "data", rest, whole));
    }
    return NULL;
}

static struct failure *expand(struct call *call, json_t *object, const char *name, const char *path, const char *whole)
{
    size_t length = strcspn(path, ".");
    const char *member = arena_strndup(call->ctx->arena, path, length);
    const char *rest = path[length] ? path + length + 1 : NULL;
    json_t *list;

    if (is_expandable(object, name, member))
        return expand_id(call, object, member, rest, whole);
    if ((list = sublist(call, object, member))) {
        set_new(object, member, list);
        return rest && strncmp(rest, "data.", 5) == 0 ? expand_each(call, list, rest + 5, whole) : NULL;
    }
    json_t *inner = json_object_get(object, member);
    if (rest && strcmp(member, "data") == 0 && json_is_array(inner))
        return expand_each(call, object, rest, whole);
    if (rest && json_is_object(inner)) {
        inner = json_copy(inner);
        set_new(object, member, inner);
        return expand(call, inner, member, rest, whole);
    }
    return cannot_expand(call, whole);
}

static size_t levels(const char *path)
{
    size_t count = 1;

    for (; *path; path++)
        count += *path == '.';
    return count;
}

struct failure *render_answer(struct call *call, json_t *object, json_t **out)
{
    size_t i;
    json_t *path;

    *out = json_in(call->ctx->arena, render(call, object));
    json_array_foreach(json_object_get(call->params, "expand"), i, path)
    {
        const char *text = json_string_value(path);

        if (levels(text) > MAX_LEVELS)
            return fail(call, NULL, "expand", "You cannot expand more than %d levels of a property (%s).", MAX_LEVELS,
                text);
        PASS(expand(call, *out, "", text, text));
    }
    return NULL;
}

struct failure *answer(struct call *call, const struct record *record)
{
    call->answer = json_in(call->ctx->arena, json_incref(record->object));
    return NULL;
}

struct records listed(const struct call *call, enum kind kind, const char *member)
{
    const char *value = member ? json_get_text(call->params, member) : NULL;

    return value ? store_by(call->sandbox->store, kind, member, value) : store_all(call->sandbox->store, kind);
}

bool matches_params(const struct call *call, const struct record *record, const char *const *members)
{
    for (; *members; members++) {
        const char *asked = json_get_text(call->params, *members);

        if (asked && !is_text(record->object, *members, asked))
            return false;
    }
    return true;
}

static bool in_range(const json_t *range, int64_t created)
{
    if (!range)
        return true;
    if (json_is_integer(range))
        return created == json_integer_value(range);

    const json_t *gt = json_object_get(range, "gt");
    const json_t *gte = json_object_get(range, "gte");
    const json_t *lt = json_object_get(range, "lt");
    const json_t *lte = json_object_get(range, "lte");
    return (!gt || created > json_integer_value(gt)) && (!gte || created >= json_integer_value(gte))
        && (!lt || created < json_integer_value(lt)) && (!lte || created <= json_integer_value(lte));
}

/* How many of the records were made before this one, which need not be among them. */
static size_t older_than(struct records records, const struct record *record)
{
    size_t low = 0, high = records.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (records.items[middle]->position < record->position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct failure *cursor(struct call *call, enum kind kind, const char *name, const struct record **out)
{
    const char *id = json_get_text(call->params, name);
    const struct record *record = store_find(call->sandbox->store, id);

    if (!id)
        return NULL;
    if (!record || record->kind != kind)
        return fail_missing_param(call, "object", id, name);
    *out = record;
    return NULL;
}

static bool is_listed(const struct call *call, const struct record *record, matches *matches)
{
    return !record->deleted && in_range(json_object_get(call->params, "created"), record->created)
        && (!matches || matches(call, record));
}

/* Collects up to limit + 1 records, walking by `step` from `at` (which may be past either end). */
static size_t collect(const struct call *call, struct records records, matches *matches, size_t at, int step,
    const struct record **out, size_t most)
{
    size_t count = 0;

    while (at < records.count && count < most) {
        if (is_listed(call, records.items[at], matches))
            out[count++] = records.items[at];
        at = step > 0 ? at + 1 : at - 1; // wraps past the first, which ends it
    }
    return count;
}

static json_t *render_list(struct call *call, const struct record **page, size_t count, bool backwards, bool more)
{
    json_t *data = made(json_array());

    for (size_t i = 0; i < count; i++)
        json_array_append_new(data, render(call, page[backwards ? count - 1 - i : i]->object));
    return json_pack("{s:s, s:o, s:b}", "object", "list", "data", data, "has_more", more);
}

struct failure *answer_list(struct call *call, enum kind kind, struct records records, matches *matches)
{
    json_int_t asked = json_get_int(call->params, "limit");
    size_t limit = asked ? (size_t)asked : DEFAULT_LIMIT;
    const struct record *page[MAX_LIMIT + 1];
    const struct record *after = NULL, *before = NULL;
    size_t count;

    PASS(cursor(call, kind, "starting_after", &after));
    PASS(cursor(call, kind, "ending_before", &before));
    if (after && before)
        return fail(call, NULL, NULL, "You cannot parameterize both starting_after and ending_before.");
    if (before) {
        size_t at = older_than(records, before);

        at += at < records.count && records.items[at] == before;
        count = collect(call, records, matches, at, 1, page, limit + 1);
    } else {
        count = collect(call, records, matches, (after ? older_than(records, after) : records.count) - 1, -1, page,
            limit + 1);
    }
    bool more = count > limit;
    call->answer = json_in(call->ctx->arena, render_list(call, page, more ? limit : count, before != NULL, more));
    set_text(call->answer, "url", call->request->path);
    return NULL;
}
