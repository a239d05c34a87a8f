#include "payments/payment.h"

#include <stdio.h>
#include <string.h>

#include "access/idempotency.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "cli/cli.h"
#include "jobs/clock.h"
#include "payments/payment_view.h"
#include "payments/refund_view.h"

static enum cli_status print(struct cli *cli, const struct payment *payment)
{
    json_t *json;
    struct error *error = payment_json(&cli->ctx, payment, &json);

    if (error)
        return cli_failed(cli, error);
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    return CLI_OK;
}

enum cli_status cli_payment_show(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    struct payment payment;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = payment_find(&cli->ctx, arguments[0], &payment);
    return error ? cli_failed(cli, error) : print(cli, &payment);
}

enum cli_status cli_payment_sync(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    struct payment payment;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = payment_find(&cli->ctx, arguments[0], &payment);
    if (!error)
        error = payment_refresh(&cli->ctx, payment.id, 0, &payment);
    return error ? cli_failed(cli, error) : print(cli, &payment);
}

/* Giving back ------------------------------------------------------------------------------------------------------- */

#define KEY_LENGTH 255

/* Run again with the same key, the command prints what the first run did. */
static void use_key(struct cli *cli, const char *key, const struct refund_request *request)
{
    struct arena *arena = cli->ctx.arena;
    struct idempotency *idempotency = arena_alloc(arena, sizeof *idempotency);

    idempotency->text = key;
    idempotency->operation = "till payment refund";
    sha256(bytes_of(arena_printf(arena, "till\n%s\n%s", idempotency->operation, key)), idempotency->key);
    sha256(bytes_of(arena_printf(arena, "%s\n%lld %s\n%s", request->payment, (long long)request->amount.minor,
               request->amount.currency, request->reason ? request->reason : "")),
        idempotency->fingerprint);
    cli->ctx.idempotency = idempotency;
}

static struct error *finish(struct ctx *ctx, const struct error *error, const char *text)
{
    if (!ctx->idempotency || !ctx->idempotency->taken)
        return NULL;
    return idempotency_finish(ctx, error ? 503 : 200, "application/json", bytes_of(text)); // 503: it may be run again
}

static enum cli_status give_back(struct cli *cli, const struct refund_request *request)
{
    struct stored_answer answer = { 0 };
    struct refund refund;
    const char *text = "";
    struct error *error = cli->ctx.idempotency ? idempotency_find(&cli->ctx, &answer) : NULL;

    if (!error && answer.found) {
        printf("%.*s\n", (int)answer.body.length, (const char *)answer.body.data);
        return CLI_OK;
    }
    if (!error)
        error = refund_create(&cli->ctx, request, &refund);
    if (!error)
        text = json_text(&cli->ctx, field_write(&cli->ctx, refund_shown, &refund));
    struct error *unkept = finish(&cli->ctx, error, text);
    if (error || unkept)
        return cli_failed(cli, error ? error : unkept);
    puts(text);
    return refund.status == REFUND_FAILED || refund.status == REFUND_CANCELLED ? CLI_WRONG : CLI_OK;
}

enum cli_status cli_payment_refund(struct cli *cli, int argc, char **argv)
{
    const char *amount = NULL, *key = NULL, *why = "";
    struct refund_request request = { 0 };
    const struct cli_option options[] = {
        { "amount", &amount, NULL, "4.00, in the payment's currency; all that is left" },
        { "reason", &request.reason, NULL, "why; requested_by_customer" },
        { "key", &key, NULL, "with the same key it is made once" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct payment payment;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = clock_follow(&cli->ctx);
    if (!error)
        error = payment_find(&cli->ctx, arguments[0], &payment);
    if (error)
        return cli_failed(cli, error);
    if (amount && !money_parse(amount, payment.amount.currency, &request.amount, &why)) {
        cli_complain(cli, "--amount %s", why);
        return CLI_USAGE;
    }
    if (amount && !request.amount.minor) {
        cli_complain(cli, "--amount must be more than nothing");
        return CLI_USAGE;
    }
    if (key && (!*key || strlen(key) > KEY_LENGTH)) {
        cli_complain(cli, "--key takes up to %d characters", KEY_LENGTH);
        return CLI_USAGE;
    }
    request.payment = payment.id;
    if (key)
        use_key(cli, key, &request);
    return give_back(cli, &request);
}
