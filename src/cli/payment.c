#include "payments/payment.h"

#include <stdio.h>

#include "cli/cli.h"
#include "payments/payment_view.h"

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
