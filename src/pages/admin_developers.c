#include "pages/admin_developers.h"

#include <string.h>

#include "access/api_key.h"
#include "access/idempotency.h"
#include "access/role.h"
#include "access/session.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "web/reply.h"
#include "web/request.h"

#define REQUESTS 50
#define STRIPE "https://api.stripe.com"

/* In test mode: what time it is, and where the provider's stand-in is set. */
static json_t *test_view(struct ctx *ctx)
{
    int64_t offset = clock_offset();
    const char *provider = ctx->config->stripe_api_url;

    if (ctx->config->mode != MODE_TEST)
        return json_null();
    return json_pack("{so, so, so}", "time", view_time(ctx, ctx->now), "moved",
        view_text(offset ? arena_printf(ctx->arena, "%s %s", view_span(ctx, offset < 0 ? -offset : offset),
                      offset < 0 ? "behind" : "ahead")
                         : NULL),
        "sandbox", view_text(strcmp(provider, STRIPE) ? arena_printf(ctx->arena, "%s/sandbox", provider) : NULL));
}

static json_t *key_view(struct ctx *ctx, const struct api_key *key)
{
    bool good = !instant_is_set(key->revoked_at);

    return json_pack("{ss, ss, ss, ss, so, sb, so, so, so}", "id", key->id, "name",
        *key->name ? key->name : "Without a name", "prefix",
        arena_printf(ctx->arena, "till_%s_%s_…", mode_names[key->mode], key->id), "scopes", key->scopes, "state",
        view_badge(ctx, good ? TONE_GOOD : TONE_MUTED, good ? "Active" : "Revoked"), "is_good", good, "created",
        view_time(ctx, key->created_at), "last_used", view_time(ctx, key->last_used_at), "revoked",
        view_time(ctx, key->revoked_at));
}

struct error *admin_developers_page(struct request *r)
{
    struct ctx *ctx = r->ctx;
    json_t *keys = json_array();
    json_t *view = json_in(ctx->arena,
        json_pack("{so, sb, ss, so}", "keys", keys, "may_write", admin_may(r, "keys:write"), "api",
            arena_printf(ctx->arena, "%s/api/v1", ctx->config->url), "test", test_view(ctx)));
    struct field_list list;

    TRY(api_key_list(ctx, &list));
    for (size_t i = list.count; i > 0; i--)
        json_array_append_new(keys, key_view(ctx, (const struct api_key *)list.items + i - 1));
    json_object_set_new(view, "has_keys", json_boolean(list.count > 0));
    return admin_page(r, 200, "admin/developers", "Developers", view);
}

/* What they asked for ---------------------------------------------------------------------------------------------- */

struct requests_query {
    const char *caller, *after;
    bool refused;
};

static const char *check_key(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64 ? NULL : "must come from a page before";
}

const struct field admin_key_requests_query[] = {
    FIELD(struct requests_query, caller, .optional = true, .max = 40, .summary = "Id of a key"),
    FIELD(struct requests_query, refused, .optional = true, .summary = "Only what was answered with an error"),
    FIELD(struct requests_query, after, .optional = true, .max = 64, .check = check_key, .summary = "The next page"),
    FIELD_END,
};

/* The key's name; a person's for what was done in the dashboard. */
static const char *caller_name(struct ctx *ctx, const struct field_list *keys, const char *id)
{
    const struct api_key *all = keys->items;

    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(all[i].id, id) == 0)
            return *all[i].name ? all[i].name : "Without a name";
    }
    return view_person(ctx, id);
}

static json_t *answer_badge(struct ctx *ctx, int status)
{
    if (!status)
        return view_badge(ctx, TONE_INFO, "Under way");
    return view_badge(ctx, status < 400 ? TONE_GOOD : TONE_BAD, arena_printf(ctx->arena, "%d", status));
}

static json_t *use_view(struct ctx *ctx, const struct field_list *keys, const struct idempotency_use *use)
{
    return json_pack("{so, ss, ss, so, so, so, so}", "at", view_time(ctx, use->created_at), "caller",
        caller_name(ctx, keys, use->caller), "operation", use->operation, "answer", answer_badge(ctx, use->status),
        "object", view_text(use->resource), "place", view_text(view_place(ctx, use->resource)), "hits",
        use->hits ? json_integer(use->hits) : json_null());
}

static json_t *caller_options(const struct field_list *keys, const char *selected)
{
    const struct api_key *all = keys->items;
    json_t *options = json_array();

    for (size_t i = keys->count; i > 0; i--) {
        const struct api_key *key = &all[i - 1];
        json_array_append_new(options,
            json_pack("{ss, ss, sb}", "value", key->id, "word", *key->name ? key->name : key->id, "selected",
                selected && strcmp(selected, key->id) == 0));
    }
    return options;
}

struct error *admin_key_requests(struct request *r)
{
    static const char address[] = "/admin/developers/requests";
    struct ctx *ctx = r->ctx;
    struct requests_query query = { 0 };
    json_t *view = json_in(ctx->arena, json_object()), *rows = json_array();
    struct field_list keys, uses;
    const char *next = NULL;

    json_object_set_new(view, "requests", rows);
    TRY(request_query_fields(r, admin_key_requests_query, &query));
    const struct idempotency_use_filter filter = {
        .caller = query.caller && *query.caller ? query.caller : NULL,
        .after = query.after,
        .refused = query.refused,
        .limit = REQUESTS + 1,
    };
    TRY(api_key_list(ctx, &keys));
    TRY(idempotency_uses(ctx, &filter, &uses));
    const struct idempotency_use *use = uses.items;
    if (uses.count > REQUESTS)
        next = use[--uses.count - 1].key;
    for (size_t i = 0; i < uses.count; i++)
        json_array_append_new(rows, use_view(ctx, &keys, &use[i]));
    const char *refused = query.refused ? "true" : NULL;
    const char *first = view_link(ctx, address, "caller", filter.caller, "refused", refused, NULL);
    json_object_set_new(view, "any", json_boolean(uses.count > 0));
    json_object_set_new(view, "filtered", json_boolean(filter.caller || query.refused));
    json_object_set_new(view, "refused", json_boolean(query.refused));
    json_object_set_new(view, "callers", caller_options(&keys, filter.caller));
    json_object_set_new(view, "searched", json_integer(IDEMPOTENCY_SEARCHED));
    json_object_set_new(view, "pager",
        view_pager(query.after ? first : NULL,
            next ? view_link(ctx, address, "caller", filter.caller, "refused", refused, "after", next, NULL) : NULL));
    return admin_page(r, 200, "admin/requests", "Requests", view);
}

/* Making one ------------------------------------------------------------------------------------------------------- */

/* "payments:write" is what the form calls "payments-write": a box each. */
static bool is_ticked(struct request *r, const char *scope)
{
    return request_form_member(r, arena_printf(r->ctx->arena, "scope:%s", scope)) != NULL;
}

static json_t *new_view(struct request *r, const char *name)
{
    json_t *scopes = json_array();

    for (size_t i = 0; api_key_scopes[i]; i++) {
        if (role_may_give(r->session->role, api_key_scopes[i]))
            json_array_append_new(scopes,
                json_pack("{ss, sb, sb}", "scope", api_key_scopes[i], "ticked", is_ticked(r, api_key_scopes[i]), "all",
                    strcmp(api_key_scopes[i], "*") == 0));
    }
    return json_in(r->ctx->arena, json_pack("{ss, so}", "typed_name", name, "scopes", scopes));
}

struct error *admin_key_new_page(struct request *r)
{
    if (!session_demand_step_up(r, NULL))
        return NULL;
    return admin_page(r, 200, "admin/key-new", "Make an API key", new_view(r, ""));
}

static const char *ticked_scopes(struct request *r)
{
    struct buf scopes = { .arena = r->ctx->arena };

    for (size_t i = 0; api_key_scopes[i]; i++) {
        if (is_ticked(r, api_key_scopes[i]))
            buf_printf(&scopes, "%s%s", scopes.length ? " " : "", api_key_scopes[i]);
    }
    return buf_string(&scopes);
}

static struct error *check_form(struct request *r, const char *name, const char *scopes)
{
    struct error *error = NULL;

    if (!*name || strlen(name) > 100)
        error_add_field(r->ctx, &error, "#/name", "must have 1 to 100 characters");
    if (!*scopes)
        error_add_field(r->ctx, &error, "#/scopes", "must be one at least");
    for (size_t i = 0; api_key_scopes[i]; i++) {
        if (is_ticked(r, api_key_scopes[i]) && !role_may_give(r->session->role, api_key_scopes[i]))
            error_add_field(r->ctx, &error, "#/scopes", "may not include %s, which your role does not have",
                api_key_scopes[i]);
    }
    return error;
}

struct error *admin_key_create(struct request *r)
{
    struct ctx *ctx = r->ctx;
    const char *typed = request_form_member(r, "name"), *scopes = ticked_scopes(r), *secret;
    const char *name = typed ? typed : "";
    struct api_key key;

    if (!session_demand_step_up(r, "/admin/developers/new"))
        return NULL;
    struct error *error = check_form(r, name, scopes);
    if (!error)
        error = api_key_create(ctx, name, scopes, &key, &secret);
    if (error)
        return admin_refused(r, error, "admin/key-new", "Make an API key", new_view(r, name));
    return admin_page(r, 200, "admin/key-made", "A new API key",
        json_in(ctx->arena,
            json_pack("{ss, ss, ss, ss}", "id", key.id, "name", key.name, "scopes", key.scopes, "secret", secret)));
}

struct error *admin_key_revoke(struct request *r)
{
    const char *id = request_path(r, "id");

    if (!session_demand_step_up(r, "/admin/developers"))
        return NULL;
    TRY(api_key_revoke(r->ctx, id));
    return admin_done(r, "/admin/developers", "The key %s opens nothing any more.", id);
}
