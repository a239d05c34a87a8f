#ifndef TILL_DB_CHECK_H
#define TILL_DB_CHECK_H

#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;

/* What the server and our role on it are like. */
struct db_facts {
    int64_t version;  // 150020 is 15.20
    int64_t clock_us; // the server's clock
    bool superuser;
    bool creates; // may make tables beside ours
    const char *role;
    const char *changeable; // "ledger_lines UPDATE, …": what is append-only and we could change; NULL for nothing
};

MUST_CHECK struct error *db_facts(struct ctx *ctx, struct db_facts *out);

/* A statement of this program that the server does not take. */
struct bad_statement {
    const char *name, *file, *why;
};

/* Has the server parse every statement of sql_list() on a connection of its own; those it refuses come out as struct
 * bad_statement. */
MUST_CHECK struct error *db_check_statements(struct ctx *ctx, const char *conninfo, struct field_list *out);

#endif
