#include "pages/admin_entry.h"

#include <string.h>

#include "access/csrf.h"
#include "access/session.h"
#include "access/sign_in.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "pages/admin.h"
#include "web/percent.h"
#include "web/reply.h"
#include "web/request.h"

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* Signing in ------------------------------------------------------------------------------------------------------- */

static json_t *sign_in_view(struct request *r, const char *email, const char *next)
{
    return json_in(r->ctx->arena, json_pack("{ss, ss}", "email", or_empty(email), "next", or_empty(next)));
}

struct error *admin_sign_in_page(struct request *r)
{
    const char *next = admin_next(r, request_query(r, "next"), NULL);
    json_t *view = sign_in_view(r, NULL, next);

    TRY(session_find(r));
    if (r->session)
        return reply_redirect(r, 303, next ? next : "/admin");
    if (request_query(r, "again"))
        json_object_set_new(view, "again", json_true());
    if (request_query(r, "out"))
        json_object_set_new(view, "out", json_true());
    return admin_page(r, 200, "admin/sign-in", "Sign in", view);
}

struct error *admin_sign_in(struct request *r)
{
    const char *next = admin_next(r, request_form_member(r, "next"), NULL);
    const struct sign_in claim = {
        .email = or_empty(request_form_member(r, "email")),
        .password = or_empty(request_form_member(r, "password")),
        .code = or_empty(request_form_member(r, "code")),
    };
    struct error *error;

    TRY(csrf_check_origin(r));
    error = sign_in(r, &claim);
    if (error)
        return admin_refused(r, error, "admin/sign-in", "Sign in", sign_in_view(r, claim.email, next));
    if (!r->session->has_second_factor)
        return reply_redirect(r, 303,
            next ? arena_printf(r->ctx->arena, "/admin/second-factor?next=%s", percent_encode(r->ctx->arena, next))
                 : "/admin/second-factor");
    return reply_redirect(r, 303, next ? next : "/admin");
}

struct error *admin_sign_out(struct request *r)
{
    TRY(session_end(r));
    return reply_redirect(r, 303, "/admin/sign-in?out=1");
}
