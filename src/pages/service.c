#include "pages/service.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "db/db.h"
#include "db/migrate.h"
#include "events/audit.h"
#include "jobs/clock.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/router.h"

#define DOMAIN_FILE 65536 // bytes

struct service {
    const char *status, *version;
    int schema;
    unsigned mode;
};

const struct field service_shown[] = {
    FIELD(struct service, status),
    FIELD(struct service, version),
    FIELD(struct service, mode, .names = mode_names),
    FIELD_END,
};

struct error *service_health(struct request *r)
{
    struct service service = { .status = "ok", .version = TILL_VERSION, .mode = r->ctx->config->mode };

    return reply_json(r, 200, service_shown, &service);
}

struct error *service_ready(struct request *r)
{
    int version;

    TRY(migrate_version(r->ctx, &version));
    if (version < migrate_known_version())
        return error_new(r->ctx, E_UNAVAILABLE, "The database lacks migrations; run till migrate.");
    return service_health(r);
}

struct error *service_openapi(struct request *r)
{
    return reply_value(r, 200, router_openapi(r->ctx));
}

struct error *service_errors(struct request *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < error_code_count(); i++)
        json_array_append_new(list,
            json_pack("{ss, si, ss}", "code", error_name((enum error_code)i), "status",
                error_status((enum error_code)i), "title", error_title((enum error_code)i)));
    return reply_page(r, 200, "docs/errors", json_in(r->ctx->arena, json_pack("{so}", "codes", list)));
}

struct clock_body {
    int64_t offset;
};

const struct field service_clock_asked[] = {
    FIELD(struct clock_body, offset, .min = -86400, .max = 315360000, .summary = "Seconds ahead of the system's clock"),
    FIELD_END,
};

struct clock_view {
    int64_t offset;
    struct instant now;
};

const struct field service_clock_shown[] = {
    FIELD(struct clock_view, offset),
    FIELD(struct clock_view, now),
    FIELD_END,
};

struct error *service_clock(struct request *r)
{
    struct clock_body body = { 0 };

    TRY(request_json(r, service_clock_asked, &body));
    TRY(clock_move(r->ctx, body.offset));
    struct clock_view view = { body.offset, clock_now() };
    return reply_json(r, 200, service_clock_shown, &view);
}

/* The same bytes as the operator got from the provider. What is not set up, or cannot be read, is not there. */
struct error *service_apple_pay(struct request *r)
{
    const char *path = r->ctx->config->apple_pay_file;
    FILE *file = path ? fopen(path, "re") : NULL;
    char *text = arena_alloc(r->ctx->arena, DOMAIN_FILE + 1);

    if (!file)
        return error_new(r->ctx, E_NOT_FOUND, "There is nothing at this address.");
    text[fread(text, 1, DOMAIN_FILE, file)] = '\0';
    bool whole = !ferror(file) && feof(file);
    fclose(file);
    if (!whole)
        return error_new(r->ctx, E_NOT_FOUND, "There is nothing at this address.");
    return reply_text(r, 200, "text/plain; charset=utf-8", text);
}
