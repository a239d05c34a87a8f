#include "pages/admin_developers.h"

#include <string.h>

#include "access/api_key.h"
#include "access/role.h"
#include "access/session.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "web/reply.h"
#include "web/request.h"

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
        json_pack("{so, sb, sb, ss}", "keys", keys, "may_write", admin_may(r, "keys:write"), "may_see_docs", 1, "api",
            arena_printf(ctx->arena, "%s/api/v1", ctx->config->url)));
    struct field_list list;

    TRY(api_key_list(ctx, &list));
    for (size_t i = list.count; i > 0; i--)
        json_array_append_new(keys, key_view(ctx, (const struct api_key *)list.items + i - 1));
    json_object_set_new(view, "has_keys", json_boolean(list.count > 0));
    return admin_page(r, 200, "admin/developers", "Developers", view);
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
