#include <stdio.h>

#include "cli/cli.h"
#include "payments/webhook.h"

static const struct field columns[] = {
    FIELD(struct webhook_event, id),
    FIELD(struct webhook_event, provider_event_id),
    FIELD(struct webhook_event, type),
    FIELD(struct webhook_event, payment_reference),
    FIELD(struct webhook_event, status, .names = webhook_status_names),
    FIELD(struct webhook_event, error),
    FIELD(struct webhook_event, received_at),
    FIELD_END,
};

enum cli_status cli_event_list(struct cli *cli, int argc, char **argv)
{
    const char *limit_text = "100", *status = NULL;
    struct webhook_filter filter = { 0 };
    bool json = false;
    const struct cli_option options[] = {
        { "status", &status, NULL, "stored, processed, ignored or failed" },
        { "type", &filter.type, NULL, "the provider's type" },
        { "payment", &filter.payment_reference, NULL, "the provider's id of a payment" },
        { "limit", &limit_text, NULL, "at most so many; 100" },
        { "json", NULL, &json, "as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list list;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments)
        || !cli_number(cli, "--limit", limit_text, &filter.limit))
        return cli->status;
    int index = status ? name_index(webhook_status_names, status) : -1;
    if (status && index < 0) {
        cli_complain(cli, "an event is stored, processed, ignored or failed, not \"%s\"", status);
        return CLI_USAGE;
    }
    filter.status = (unsigned)(index + 1);
    struct error *error = webhook_list(&cli->ctx, &filter, &list);
    if (error)
        return cli_failed(cli, error);
    if (list.count > (size_t)filter.limit)
        list.count = (size_t)filter.limit;
    cli_print_list(cli, columns, sizeof(struct webhook_event), &list, json);
    return CLI_OK;
}

enum cli_status cli_event_replay(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    struct webhook_event event;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = webhook_replay(&cli->ctx, arguments[0], &event);
    if (error)
        return cli_failed(cli, error);
    printf("%s\n", event.id);
    return CLI_OK;
}
