#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#include <string.h>

const struct param endpoint_create_params[] = {
    TEXTS(enabled_events, .required = true),
    TEXT(url, .required = true),
    TEXT(api_version),
    BOOL(connect),
    TEXT(description, .clears = true),
    METADATA(),
    PARAMS_END,
};
const struct param endpoint_update_params[] = {
    TEXTS(enabled_events),
    TEXT(url),
    TEXT(description, .clears = true),
    BOOL(disabled),
    METADATA(),
    PARAMS_END,
};

static struct failure *check_url(struct call *call)
{
    const char *url = json_get_text(call->params, "url");

    if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return fail_early(call, 400, "url_invalid", "url", "Invalid URL: %.200s", url);
    return NULL;
}

static struct failure *apply(struct call *call, json_t *endpoint)
{
    PASS(check_url(call));
    params_apply(call, endpoint, (const char *const[]){ "enabled_events", "url", "api_version", "description", NULL });
    if (json_object_get(call->params, "disabled"))
        set_text(endpoint, "status", json_get_bool(call->params, "disabled") ? "disabled" : "enabled");
    return params_apply_metadata(call, endpoint);
}

/* The secret is shown once. */
struct failure *endpoint_create(struct call *call)
{
    json_t *endpoint = json_in(call->ctx->arena,
        blank("{'id':null,'object':'webhook_endpoint','api_version':null,'application':null,'created':0,'description':"
              "null,"
              "'enabled_events':[],'livemode':false,'metadata':{},'status':'enabled','url':null}"));
    const char *secret = id_stripe(call->ctx, "whsec");

    set_text(endpoint, "id", id_stripe(call->ctx, "we"));
    set_int(endpoint, "created", call->now);
    PASS(apply(call, endpoint));
    struct record *record = store_add(call->sandbox->store, KIND_ENDPOINT, json_incref(endpoint));
    set_text(record->hidden, "secret", secret);
    call->answer = json_in(call->ctx->arena, json_copy(endpoint));
    set_text(call->answer, "secret", secret);
    return NULL;
}

static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_ENDPOINT, call->segments[0]);
    return *out ? NULL : fail_missing(call, "webhook endpoint", call->segments[0], "webhook_endpoint");
}

struct failure *endpoint_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer(call, record);
}

struct failure *endpoint_update(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    PASS(apply(call, record->object));
    return answer(call, record);
}

struct failure *endpoint_delete(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    record->deleted = true;
    call->answer = json_in(call->ctx->arena,
        json_pack("{s:s, s:s, s:b}", "id", record->id, "object", "webhook_endpoint", "deleted", 1));
    return NULL;
}

struct failure *endpoint_list(struct call *call)
{
    return answer_list(call, KIND_ENDPOINT, store_all(call->sandbox->store, KIND_ENDPOINT), NULL);
}
