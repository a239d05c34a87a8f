#ifndef TILL_DB_GROUP_H
#define TILL_DB_GROUP_H

#include "db/tx.h"

/* Shared transactions. A few may be under way in a process at the same time; who comes then waits, and those who wait go together:
 * each runs its own work in its own thread, and when all of a group wait for the database, one of them sends what all have asked
 * for, the rows of a statement together, and hands out the answers. It commits when all have come to their end. */

/* Takes a place, or one in a group (tx->member). E_UNAVAILABLE when neither came free within 2 s. */
struct error *group_enter(struct ctx *ctx, struct tx *tx, struct shared_keys keys);

/* How many wait for a place. */
int group_waiting(void);

/* Gives the place of one that went alone to those who wait. */
void group_leave(void);

/* For ctx->tx of a member: a statement whose answer nobody waits for, and those that are waited for. */
struct error *group_send(struct ctx *ctx, const struct sql *sql, const struct params *rows, size_t count);
struct error *group_ask(struct ctx *ctx, const struct question *questions, size_t count, struct reply **replies);

/* The end of the member's work: with an error it leaves, and has the others do theirs again if it had written already. Otherwise
 * waits until all are committed. Sets tx->again where its own work is to be done again, alone. Sets ctx->tx to NULL. */
struct error *group_end(struct ctx *ctx, struct error *error);

#endif
