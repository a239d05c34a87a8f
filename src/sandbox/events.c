#include "sandbox/events.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/deliver.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#include <stdlib.h>
#include <string.h>

/* The members of `before` that are different now; in inner objects only the different ones, and null for those that are
 * new there. */
static json_t *difference(json_t *before, json_t *now, bool inner)
{
    json_t *out = made(json_object());
    const char *name;
    json_t *old;

    json_object_foreach(before, name, old)
    {
        json_t *new = json_object_get(now, name);

        if (new &&json_equal(old, new))
            continue;
        if (json_is_object(old) && json_is_object(new))
            set_new(out, name, difference(old, new, true));
        else
            set_new(out, name, json_deep_copy(old));
    }
    json_object_foreach(now, name, old)
    {
        if (inner && !json_object_get(before, name))
            set_null(out, name);
    }
    return out;
}

static const char *text_of_data(struct call *call, const struct record *record, json_t *previous)
{
    struct call whole = *call;

    whole.publishable = false;
    whole.version = "9999"; // with everything; whoever shows the event takes out what its version has not
    json_t *data = made(json_pack("{s:o}", "object", render(&whole, record->object)));
    if (previous)
        set_new(data, "previous_attributes", previous);
    char *text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    if (!text)
        abort();
    arena_defer(call->ctx->arena, free, text);
    return text;
}

static void add(struct call *call, const char *type, const struct record *record, json_t *previous)
{
    json_t *event =
        made(json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:i, s:s, s:{s:s?, s:s?}}", "id", id_stripe(call->ctx, "evt"),
            "object", "event", "api_version", call->sandbox->settings.api_version, "created", (json_int_t)call->now,
            "data", text_of_data(call, record, previous), "livemode", 0, "pending_webhooks", 0, "type", type, "request",
            "id", call->request_id, "idempotency_key", call->request_id ? call->idempotency_key : NULL));
    struct record *stored = store_add(call->sandbox->store, KIND_EVENT, event);

    deliver_event(call, stored);
}

void event_add(struct call *call, const char *type, const struct record *record)
{
    add(call, type, record, NULL);
}

struct change change_begin(struct record *record)
{
    return (struct change){ record, made(json_deep_copy(record->object)) };
}

void change_event(struct call *call, const struct change *change, const char *type)
{
    add(call, type, change->record, difference(change->before, change->record->object, false));
}

void change_event_if(struct call *call, const struct change *change, const char *type)
{
    if (!json_equal(change->before, change->record->object))
        change_event(call, change, type);
}

void change_end(struct change *change)
{
    json_decref(change->before);
    change->before = NULL;
}

void change_undo(struct change *change)
{
    json_decref(change->record->object);
    change->record->object = change->before;
    change->before = NULL;
}

const struct param event_list_params[] = {
    LISTING,
    RANGE(created),
    TEXT(type),
    TEXTS(types),
    BOOL(delivery_success),
    PARAMS_END,
};

struct failure *event_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_EVENT, call->segments[0]);

    return record ? answer(call, record) : fail_missing(call, "event", call->segments[0], "id");
}

/* "charge.*" stands for all that begin so. */
static bool type_fits(const char *type, const char *asked)
{
    size_t length = strlen(asked);

    if (length && asked[length - 1] == '*')
        return strncmp(type, asked, length - 1) == 0;
    return strcmp(type, asked) == 0;
}

static bool is_asked(const struct call *call, const struct record *record)
{
    const char *type = json_get_text(record->object, "type");
    const char *one = json_get_text(call->params, "type");
    const json_t *several = json_object_get(call->params, "types");
    size_t i;
    json_t *entry;

    if (one && !type_fits(type, one))
        return false;
    json_array_foreach(several, i, entry)
    {
        if (type_fits(type, json_string_value(entry)))
            return true;
    }
    return !several;
}

struct failure *event_list(struct call *call)
{
    const char *type = json_get_text(call->params, "type");
    bool exact = type && !strchr(type, '*');

    return answer_list(call, KIND_EVENT, listed(call, KIND_EVENT, exact ? "type" : NULL), is_asked);
}
