#include "payments/erase_store.h"

#include "base/ctx.h"
#include "db/db.h"

static const struct field item[] = { FIELD(struct erase_item, id), FIELD_END };

#define MY_PAYMENTS "(SELECT id FROM payments WHERE customer_id = $1)"

struct error *erase_list_waiting(struct ctx *ctx, const char *customer_id, struct field_list *out)
{
    SQL(waiting,
        "SELECT id FROM checkout_sessions WHERE customer_id = $1 AND status = 'open'"
        " UNION ALL SELECT id FROM payments WHERE customer_id = $1 AND status IN ('created', 'requires_action')"
        "              AND checkout_id IS NULL");

    return db_list(ctx, &waiting, PARAMS(P(customer_id)), item, sizeof(struct erase_item), out);
}

struct error *erase_is_blocked(struct ctx *ctx, const char *customer_id, bool *out)
{
    SQL(blocked,
        "SELECT EXISTS (SELECT FROM payments WHERE customer_id = $1 AND"
        " (status IN ('created', 'requires_action', 'processing', 'unknown', 'authorized') OR amount_refunding > 0"
        "  OR dispute_state IN ('open', 'inquiry'))) AS blocked");
    struct row {
        bool blocked;
    } row;
    static const struct field columns[] = { FIELD(struct row, blocked), FIELD_END };

    TRY(db_one(ctx, &blocked, PARAMS(P(customer_id)), columns, &row));
    *out = row.blocked;
    return NULL;
}

struct error *erase_texts(struct ctx *ctx, const char *customer_id)
{
    SQL(payments,
        "UPDATE payments SET description = NULL, metadata = '{}', reference = NULL, method_fingerprint = NULL"
        " WHERE customer_id = $1");
    SQL(refunds, "UPDATE refunds SET reason = 'erased' WHERE payment_id IN " MY_PAYMENTS);
    SQL(sessions,
        "UPDATE checkout_sessions SET description = NULL, metadata = '{}', reference = NULL, items = '[]'"
        " WHERE customer_id = $1");
    SQL(events, "SELECT erase_events($1)");
    SQL(webhooks,
        "UPDATE webhook_events SET payload = NULL"
        " WHERE payment_reference IN (SELECT provider_payment_id FROM payments WHERE customer_id = $1)"
        "    OR object_id IN (SELECT reference FROM customer_accounts WHERE customer_id = $1"
        "          UNION SELECT provider_method_id FROM payment_methods WHERE customer_id = $1"
        "          UNION SELECT provider_setup_id FROM payment_methods WHERE customer_id = $1)");
    SQL(answers,
        "DELETE FROM idempotency_keys WHERE resource = $1 OR resource IN " MY_PAYMENTS
        " OR resource IN (SELECT id FROM refunds WHERE payment_id IN " MY_PAYMENTS ")"
        " OR resource IN (SELECT id FROM checkout_sessions WHERE customer_id = $1)"
        " OR resource IN (SELECT id FROM payment_methods WHERE customer_id = $1)");

    TRY(db_exec(ctx, &events, PARAMS(P(customer_id)), NULL));
    TRY(db_exec(ctx, &webhooks, PARAMS(P(customer_id)), NULL));
    TRY(db_exec(ctx, &answers, PARAMS(P(customer_id)), NULL));
    TRY(db_exec(ctx, &payments, PARAMS(P(customer_id)), NULL));
    TRY(db_exec(ctx, &refunds, PARAMS(P(customer_id)), NULL));
    return db_exec(ctx, &sessions, PARAMS(P(customer_id)), NULL);
}

struct error *erase_methods(struct ctx *ctx, const char *customer_id)
{
    SQL(methods,
        "UPDATE payment_methods SET status = 'detached', is_default = false, fingerprint = NULL, last4 = NULL,"
        " metadata = '{}', client_secret = NULL, remembered_until = NULL, updated_at = $2 WHERE customer_id = $1");

    return db_exec(ctx, &methods, PARAMS(P(customer_id), P(ctx->now)), NULL);
}

struct error *erase_sessions(struct ctx *ctx, const char *customer_id, struct field_list *out)
{
    SQL(sessions, "SELECT id FROM checkout_sessions WHERE customer_id = $1 ORDER BY id DESC");

    return db_list(ctx, &sessions, PARAMS(P(customer_id)), item, sizeof(struct erase_item), out);
}
