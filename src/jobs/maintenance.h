#ifndef TILL_JOBS_MAINTENANCE_H
#define TILL_JOBS_MAINTENANCE_H

#include "base/error.h"
#include "base/field.h"
#include "base/instant.h"

#include <jansson.h>
#include <stdbool.h>

struct ctx;

/* The last run of a kind of maintenance. */
struct maintenance_run {
    const char *kind;
    struct instant started_at, finished_at; // finished_at unset while it runs
    json_t *result;
};

extern const struct field maintenance_shown[];

/* Runs `work` for `kind` unless a run of that kind is under way (*busy): overlapping, double and late calls do no harm. `work`
 * gets `order` and fills *result, an object of numbers. A run that died is taken to be over after a quarter of an hour: one that
 * may take longer says maintenance_alive() now and then. */
MUST_CHECK struct error *maintenance_run(struct ctx *ctx, const char *kind,
    struct error *(*work)(struct ctx *ctx, void *order, json_t **result), void *order, struct maintenance_run *out,
    bool *busy);

/* The run of this kind that is under way goes on; without one nothing happens. */
MUST_CHECK struct error *maintenance_alive(struct ctx *ctx, const char *kind);

/* The last run of each kind. */
MUST_CHECK struct error *maintenance_list(struct ctx *ctx, struct field_list *out);

#endif
