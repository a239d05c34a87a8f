#include "sandbox/params.h"

#include "base/arena.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { METADATA_KEYS = 50, METADATA_KEY = 40, METADATA_VALUE = 500, TEXT_MAX = 5000 };

const struct param params_none[] = { PARAMS_END };
const struct param params_list[] = { LISTING, PARAMS_END };

const struct param params_address[] = {
    TEXT(city, .clears = true),
    TEXT(country, .clears = true),
    TEXT(line1, .clears = true),
    TEXT(line2, .clears = true),
    TEXT(postal_code, .clears = true),
    TEXT(state, .clears = true),
    PARAMS_END,
};

const struct param params_shipping[] = {
    OBJECT(address, params_address, .required = true),
    TEXT(carrier, .clears = true),
    TEXT(name, .required = true),
    TEXT(phone, .clears = true),
    TEXT(tracking_number, .clears = true),
    PARAMS_END,
};

static const struct param range_fields[] = { INT(gt), INT(gte), INT(lt), INT(lte), PARAMS_END };

/* What every operation takes, and what Stripe.js sends along. */
static const struct param common[] = { TEXTS(expand), PARAMS_END };
static const struct param of_browsers[] = {
    ANY(key),
    ANY(client_secret),
    ANY(_stripe_account),
    ANY(_stripe_version),
    ANY(referrer),
    ANY(payment_user_agent),
    ANY(time_on_page),
    ANY(guid),
    ANY(muid),
    ANY(sid),
    ANY(pasted_fields),
    ANY(client_attribution_metadata),
    ANY(expected_payment_method_type),
    ANY(is_stripe_sdk),
    ANY(radar_options),
    ANY(set_as_default_payment_method),
    PARAMS_END,
};

static const struct param *find(const struct param *table, const char *name)
{
    for (; table->kind != PARAM_END; table++) {
        if (strcmp(table->name, name) == 0)
            return table;
    }
    return NULL;
}

static const struct param *find_any(const struct call *call, const struct param *table, const char *name,
    const char *prefix)
{
    const struct param *param = find(table, name);

    if (!param && !*prefix)
        param = find(common, name);
    if (!param && call->publishable)
        param = find(of_browsers, name);
    if (param && param->until && strcmp(call->version, param->until) >= 0)
        return NULL;
    return param;
}

static const char *path_of(struct call *call, const char *prefix, const char *name)
{
    return *prefix ? arena_printf(call->ctx->arena, "%s[%s]", prefix, name) : name;
}

static struct failure *read_fields(struct call *call, const struct param *table, json_t *in, json_t *out,
    const char *prefix);

static struct failure *read_int(struct call *call, const struct param *param, const char *text, const char *path,
    json_t **out)
{
    char *end;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || strchr(" \t\n+", *text))
        return fail_early(call, 400, "parameter_invalid_integer", path, "Invalid integer: %s", text);
    if (param->min && value < param->min)
        return fail_early(call, 400, "parameter_invalid_integer", path,
            param->min == 1 ? "Invalid positive integer" : "Invalid integer: must be greater than or equal to %lld",
            (long long)param->min);
    if (param->max && value > param->max)
        return fail_early(call, 400, "parameter_invalid_integer", path,
            "Invalid integer: must be less than or equal to %lld", (long long)param->max);
    *out = json_integer(value);
    return NULL;
}

static struct failure *not_among(struct call *call, const struct param *param, const char *text, const char *path)
{
    const char *list = "";

    for (const char *const *name = param->names; *name; name++)
        list = arena_printf(call->ctx->arena, "%s%s%s", list,
            name == param->names ? ""
                : name[1]        ? ", "
                                 : ", or ",
            *name);
    return fail_early(call, 400, NULL, path, "Invalid %s: must be one of %s (got %.80s)", path, list, text);
}

static struct failure *read_bool(struct call *call, const struct param *param, const char *text, const char *path,
    json_t **out)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *out = json_boolean(*text == 't');
        return NULL;
    }
    if (param->kind == PARAM_BOOL)
        return fail_early(call, 400, NULL, path, "Invalid boolean: %s", text);
    if (name_index(param->names, text) < 0)
        return not_among(call, param, text, path);
    *out = json_string(text);
    return NULL;
}

static struct failure *read_text(struct call *call, const struct param *param, const char *text, const char *path,
    json_t **out)
{
    json_int_t max = param->max ? param->max : TEXT_MAX;

    if (param->names && name_index(param->names, text) < 0)
        return not_among(call, param, text, path);
    if (strlen(text) > (size_t)max)
        return fail_early(call, 400, NULL, path, "Invalid string: %.20s...; must be at most %lld characters", text,
            (long long)max);
    *out = json_string(text);
    return NULL;
}

static struct failure *read_metadata(struct call *call, json_t *value, const char *path, json_t **out)
{
    const char *key;
    json_t *entry;

    json_object_foreach(value, key, entry)
    {
        const char *at = path_of(call, path, key);

        if (!json_is_string(entry))
            return fail_early(call, 400, NULL, at, "Invalid string: metadata values must be strings.");
        if (strlen(key) > METADATA_KEY)
            return fail_early(call, 400, NULL, path,
                "Metadata keys can be up to %d characters long. Invalid key: %.60s...", METADATA_KEY, key);
        if (json_string_length(entry) > METADATA_VALUE)
            return fail_early(call, 400, NULL, at,
                "Metadata values can have up to %d characters, but you passed in a value that is %zu characters.",
                METADATA_VALUE, json_string_length(entry));
    }
    *out = json_deep_copy(value);
    return NULL;
}

/* The entries of a list, whether it came as a[] or as a[0], a[1], …; a new reference, or NULL when it is no list. */
static json_t *list_of(json_t *value)
{
    if (json_is_array(value))
        return json_incref(value);

    json_t *list = made(json_array());
    size_t count = json_object_size(value);
    for (size_t i = 0; i < count; i++) {
        char name[24];

        snprintf(name, sizeof name, "%zu", i);
        json_t *entry = json_object_get(value, name);
        if (!entry) {
            json_decref(list);
            return NULL;
        }
        json_array_append(list, entry);
    }
    return list;
}

static struct failure *read_list(struct call *call, const struct param *param, json_t *value, const char *path,
    json_t **out)
{
    json_t *list = json_is_string(value) ? NULL : list_of(value);
    size_t i;
    json_t *entry;

    if (!list)
        return fail_early(call, 400, NULL, path, "Invalid array");
    json_in(call->ctx->arena, list);
    *out = json_array();
    json_in(call->ctx->arena, json_incref(*out));
    json_array_foreach(list, i, entry)
    {
        const char *at = arena_printf(call->ctx->arena, "%s[%zu]", path, i);

        if (param->kind == PARAM_TEXTS) {
            if (!json_is_string(entry))
                return fail_early(call, 400, NULL, at, "Invalid string");
            json_array_append(*out, entry);
            continue;
        }
        json_t *object = made(json_object());
        json_array_append_new(*out, object);
        PASS(read_fields(call, param->fields, entry, object, at));
    }
    return NULL;
}

static struct failure *read_object(struct call *call, const struct param *param, json_t *value, const char *path,
    json_t **out)
{
    if (!json_is_object(value))
        return fail_early(call, 400, NULL, path, "Invalid object");
    *out = json_object();
    return read_fields(call, param->kind == PARAM_RANGE ? range_fields : param->fields, value, *out, path);
}

static struct failure *read_scalar(struct call *call, const struct param *param, json_t *value, const char *path,
    json_t **out)
{
    const char *text = json_string_value(value);

    if (!text)
        return fail_early(call, 400, NULL, path, "Invalid %s", param->kind == PARAM_INT ? "integer" : "string");
    switch (param->kind) {
    case PARAM_INT:
    case PARAM_RANGE:
        return read_int(call, param, text, path, out);
    case PARAM_BOOL:
    case PARAM_FLAG:
        return read_bool(call, param, text, path, out);
    default:
        return read_text(call, param, text, path, out);
    }
}

static struct failure *read_one(struct call *call, const struct param *param, json_t *value, const char *path,
    json_t **out)
{
    if (json_is_string(value) && !json_string_length(value)) {
        if (param->clears) {
            *out = json_null();
            return NULL;
        }
        return fail_early(call, 400, "parameter_invalid_empty", path,
            "You passed an empty string for '%s'. We assume empty values are an attempt to unset a parameter; however "
            "'%s' cannot be unset. You should remove '%s' from your request or supply a non-empty value.",
            path, path, path);
    }
    switch (param->kind) {
    case PARAM_ANY:
        *out = json_deep_copy(value);
        return NULL;
    case PARAM_METADATA:
        return json_is_object(value) ? read_metadata(call, value, path, out)
                                     : fail_early(call, 400, NULL, path, "Invalid hash");
    case PARAM_TEXTS:
    case PARAM_OBJECTS:
        return read_list(call, param, value, path, out);
    case PARAM_OBJECT:
        return read_object(call, param, value, path, out);
    case PARAM_RANGE:
        return json_is_object(value) ? read_object(call, param, value, path, out)
                                     : read_scalar(call, param, value, path, out);
    default:
        return read_scalar(call, param, value, path, out);
    }
}

static struct failure *check_required(struct call *call, const struct param *table, const json_t *out,
    const char *prefix)
{
    for (; table->kind != PARAM_END; table++) {
        if (table->required && !json_object_get(out, table->name)) {
            const char *path = path_of(call, prefix, table->name);

            return fail_early(call, 400, "parameter_missing", path, "Missing required param: %s.", path);
        }
    }
    return NULL;
}

static struct failure *read_fields(struct call *call, const struct param *table, json_t *in, json_t *out,
    const char *prefix)
{
    const char *name;
    json_t *value;

    if (!json_is_object(in))
        return fail_early(call, 400, NULL, prefix, "Invalid object");
    json_object_foreach(in, name, value)
    {
        const char *path = path_of(call, prefix, name);
        const struct param *param = find_any(call, table, name, prefix);
        json_t *typed = NULL;

        if (!param)
            return fail_early(call, 400, "parameter_unknown", path, "Received unknown parameter: %s", path);
        struct failure *failure = read_one(call, param, value, path, &typed);
        if (typed)
            set_new(out, name, typed);
        if (failure)
            return failure;
    }
    return check_required(call, table, out, prefix);
}

struct failure *params_read(struct call *call, const struct param *table, json_t *in, json_t **out)
{
    *out = json_in(call->ctx->arena, json_object());
    return read_fields(call, table, in, *out, "");
}

void params_apply(const struct call *call, json_t *object, const char *const *members)
{
    for (; *members; members++) {
        json_t *value = json_object_get(call->params, *members);

        if (value)
            set_new(object, *members, json_deep_copy(value));
    }
}

struct failure *params_apply_metadata(struct call *call, json_t *object)
{
    json_t *sent = json_object_get(call->params, "metadata");
    json_t *merged = json_is_null(sent) ? made(json_object()) : json_deep_copy(json_object_get(object, "metadata"));
    const char *key;
    json_t *value;

    if (!merged)
        merged = made(json_object());
    json_object_foreach(sent, key, value)
    {
        if (json_string_length(value))
            json_object_set(merged, key, value);
        else
            json_object_del(merged, key);
    }
    if (json_object_size(merged) > METADATA_KEYS) {
        json_decref(merged);
        return fail_early(call, 400, NULL, "metadata", "You can only set up to %d metadata keys.", METADATA_KEYS);
    }
    set_new(object, "metadata", merged);
    return NULL;
}
