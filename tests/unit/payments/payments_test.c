#include "payments_test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "db/db.h"
#include "testdb.h"

#define AMOUNT 10000

static const struct money amount = { AMOUNT, "USD" };

struct payment payment_made(enum payment_confirmation confirmation)
{
    struct payment payment = {
        .id = id_new(&ctx, "pay"),
        .mode = MODE_TEST,
        .status = PAYMENT_CREATED,
        .amount = amount,
        .capture = CAPTURE_AUTOMATIC,
        .confirmation = confirmation,
        .metadata = json_in(ctx.arena, json_object()),
        .provider = "stripe",
        .method_id = "pm_card_visa",
        .created_by = "test",
        .created_at = ctx.now,
        .updated_at = ctx.now,
    };

    ok(payment_insert(&ctx, &payment));
    ok(payment_get(&ctx, payment.id, &payment));
    return payment;
}

struct payment payment_in(enum payment_status status)
{
    struct payment payment = payment_made(CONFIRMATION_AUTOMATIC);
    int64_t captured = status == PAYMENT_SUCCEEDED ? AMOUNT : 0;

    // a superuser may put it anywhere, for the check of transitions is a trigger
    testdb_value("BEGIN; SET LOCAL session_replication_role = replica;"
                 "UPDATE payments SET status = '%s', amount_captured = %lld, provider_payment_id = 'pi_' || id"
                 " WHERE id = '%s'; COMMIT",
        payment_status_names[status], (long long)captured, payment.id);
    ok(payment_get(&ctx, payment.id, &payment));
    return payment;
}

struct attempt attempt_on(const struct payment *payment, enum attempt_operation operation, enum attempt_phase phase)
{
    struct attempt attempt = {
        .id = id_new(&ctx, "att"),
        .payment_id = payment->id,
        .operation = operation,
        .status = ATTEMPT_OPEN,
        .phase = phase,
        .amount = payment->amount.minor,
        .final = true,
        .method = payment->method_id,
        .confirms = phase != PHASE_WAITING,
        .created_by = "test",
        .created_at = ctx.now,
    };

    ok(attempt_insert(&ctx, &attempt));
    return attempt;
}

struct snapshot said_of(const struct payment *payment, enum provider_state state)
{
    return (struct snapshot){
        .reference =
            payment->provider_payment_id ? payment->provider_payment_id : arena_printf(ctx.arena, "pi_%s", payment->id),
        .asked_at = clock_now(),
        .state = state,
        .amount = payment->amount,
        .authorized = state == PROVIDER_STATE_AUTHORIZED ? payment->amount.minor : 0,
        .captured = state == PROVIDER_STATE_SUCCEEDED ? payment->amount.minor : 0,
        .charge = state == PROVIDER_STATE_AUTHORIZED || state == PROVIDER_STATE_SUCCEEDED
            ? arena_printf(ctx.arena, "ch_%s", payment->id)
            : NULL,
        .client_secret = "pi_secret",
        .next_action = state == PROVIDER_STATE_ACTION ? "redirect_to_url" : NULL,
        .next_action_url = state == PROVIDER_STATE_ACTION ? "https://bank.example/3ds" : NULL,
        .payment_id = payment->id,
        .refunds_listed = true,
    };
}

struct snapshot declined(const struct payment *payment, const char *charge)
{
    struct snapshot snapshot = said_of(payment, PROVIDER_STATE_WAITING);

    snapshot.charge = charge;
    snapshot.decline = (struct decline){
        .kind = DECLINE_INSUFFICIENT_FUNDS,
        .code = "card_declined/insufficient_funds",
        .message = "Your card has insufficient funds.",
    };
    return snapshot;
}

long long counted(const char *format, ...)
{
    char statement[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(statement, sizeof statement, format, arguments);
    va_end(arguments);
    return atoll(testdb_value("%s", statement));
}
