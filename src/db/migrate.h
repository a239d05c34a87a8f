#ifndef TILL_DB_MIGRATE_H
#define TILL_DB_MIGRATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct ctx;

/* Applies the files NNNN_*.sql of `directory` that the database does not have yet, each in one transaction, as the role
 * of `conninfo`, which owns the schema. `app_role` gets what the application needs and no more. A second run at the same
 * time waits. Refuses a directory that lacks or has changed what was already applied. Prints each name it applies to
 * stdout unless quiet. */
MUST_CHECK struct error *migrate(struct ctx *ctx, const char *conninfo, const char *directory, const char *app_role,
    bool quiet);

/* The role that connects with `conninfo`, for app_role. */
MUST_CHECK struct error *migrate_role(struct ctx *ctx, const char *conninfo, const char **out);

/* The number of the newest migration the database has, 0 for none. */
MUST_CHECK struct error *migrate_version(struct ctx *ctx, int *out);

/* The newest migration this program was built with. */
int migrate_known_version(void);

#endif
