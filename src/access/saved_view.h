#ifndef TILL_ACCESS_SAVED_VIEW_H
#define TILL_ACCESS_SAVED_VIEW_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

struct ctx;

/* Filters of a list that somebody keeps under a name: ctx's principal's own, and nobody else's. */
struct saved_view {
    const char *id, *screen, *name;
    const char *query; // "status=failed&currency=EUR"
    struct instant created_at;
};

#define SAVED_VIEWS_AT_MOST 30

/* Keeps it; one of the same name gets the new filters. Field errors (name, query), and when there are too many. */
MUST_CHECK struct error *saved_view_put(struct ctx *ctx, const char *screen, const char *name, const char *query);
/* By name. */
MUST_CHECK struct error *saved_view_list(struct ctx *ctx, const char *screen, struct field_list *out);
MUST_CHECK struct error *saved_view_delete(struct ctx *ctx, const char *id); // E_NOT_FOUND

#endif
