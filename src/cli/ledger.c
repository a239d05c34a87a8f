#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "ledger/balance.h"

enum cli_status cli_ledger_check(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
        { "json", NULL, &json, "the balances as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list balances, wrong;
    int64_t entries;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = balance_check(&cli->ctx, &entries, &wrong);
    if (!error)
        error = balance_list(&cli->ctx, &balances);
    if (error)
        return cli_failed(cli, error);
    cli_print_list(cli, balance_columns, sizeof(struct balance), &balances, json);
    const struct unbalanced *list = wrong.items;
    for (size_t i = 0; i < wrong.count; i++)
        cli_complain(cli, "entry %" PRId64 " (%s %s) is off by %" PRId64 " %s", list[i].entry, list[i].kind,
            list[i].source, list[i].off, list[i].currency);
    if (!json)
        printf("%" PRId64 " entries, %zu out of balance\n", entries, wrong.count);
    return wrong.count ? CLI_WRONG : CLI_OK;
}
