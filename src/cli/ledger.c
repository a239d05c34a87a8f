#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "jobs/clock.h"
#include "ledger/balance.h"
#include "payments/reconcile.h"
#include "provider/provider.h"

static const char *decimal(struct cli *cli, int64_t minor, const char *currency)
{
    struct money money = { .minor = minor };

    if (currency_exponent(currency) < 0)
        return arena_printf(cli->ctx.arena, "%" PRId64, minor);
    memccpy(money.currency, currency, 0, sizeof money.currency);
    return money_value(cli->ctx.arena, money);
}

static enum cli_status complain_of(struct cli *cli, const struct field_list *breaches)
{
    const struct breach *list = breaches->items;

    for (size_t i = 0; i < breaches->count; i++)
        cli_complain(cli, "%s: %s: %s %s expected, %s found", list[i].rule, list[i].object,
            decimal(cli, list[i].expected, list[i].currency), list[i].currency,
            decimal(cli, list[i].found, list[i].currency));
    return breaches->count ? CLI_WRONG : CLI_OK;
}

enum cli_status cli_ledger_check(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
        { "json", NULL, &json, "the balances as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list balances, wrong, breaches;
    int64_t entries;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = balance_check(&cli->ctx, &entries, &wrong);
    if (!error)
        error = ledger_check(&cli->ctx, &breaches);
    if (!error)
        error = balance_list(&cli->ctx, &balances);
    if (error)
        return cli_failed(cli, error);
    cli_print_list(cli, balance_columns, sizeof(struct balance), &balances, json);
    enum cli_status status = complain_of(cli, &breaches);
    if (!json)
        printf("%" PRId64 " entries, %zu out of balance, %zu breaches\n", entries, wrong.count, breaches.count);
    return status;
}

/* A row of the table, amounts as people write them. */
struct shown {
    const char *account, *currency, *before, *debits, *credits, *after;
};

static const struct field shown_columns[] = {
    FIELD(struct shown, account),
    FIELD(struct shown, currency),
    FIELD(struct shown, before),
    FIELD(struct shown, debits),
    FIELD(struct shown, credits),
    FIELD(struct shown, after),
    FIELD_END,
};

static void print_day(struct cli *cli, const struct field_list *balances, bool json)
{
    const struct day_balance *from = balances->items;
    struct shown *to = arena_array(cli->ctx.arena, balances->count + 1, sizeof *to);
    struct field_list list = { .items = to, .count = balances->count };

    for (size_t i = 0; i < balances->count; i++)
        to[i] = (struct shown){
            .account = from[i].account,
            .currency = from[i].currency,
            .before = decimal(cli, from[i].before, from[i].currency),
            .debits = decimal(cli, from[i].debits, from[i].currency),
            .credits = decimal(cli, from[i].credits, from[i].currency),
            .after = decimal(cli, from[i].after, from[i].currency),
        };
    cli_print_list(cli, shown_columns, sizeof(struct shown), &list, json);
}

enum cli_status cli_ledger_balances(struct cli *cli, int argc, char **argv)
{
    const char *day_text = NULL;
    bool json = false;
    const struct cli_option options[] = {
        { "day", &day_text, NULL, "2026-11-20, UTC; today" },
        { "json", NULL, &json, "as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list balances;
    struct instant day;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = clock_follow(&cli->ctx);
    if (error)
        return cli_failed(cli, error);
    day = instant_of_unix(instant_to_unix(clock_now()) / 86400 * 86400);
    if (day_text
        && (strlen(day_text) != strlen("2026-11-20")
            || !instant_parse(arena_printf(cli->ctx.arena, "%sT00:00:00Z", day_text), &day))) {
        cli_complain(cli, "--day must be a date: 2026-11-20");
        return CLI_USAGE;
    }
    error = balance_of_day(&cli->ctx, day, &balances);
    if (error)
        return cli_failed(cli, error);
    print_day(cli, &balances, json);
    return CLI_OK;
}

enum cli_status cli_ledger_opening(struct cli *cli, int argc, char **argv)
{
    const char *provider = "stripe", *why = "";
    const struct cli_option options[] = {
        { "provider", &provider, NULL, "which; stripe" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct money held;

    if (!cli_parse(cli, argc, argv, options, 2, 2, &arguments))
        return cli->status;
    if (!provider_named(provider) || !money_parse(arguments[0], arguments[1], &held, &why)) {
        cli_complain(cli, "%s", provider_named(provider) ? why : "there is no such provider");
        return CLI_USAGE;
    }
    struct error *error = reconcile_open(&cli->ctx, provider, held);
    if (error)
        return cli_failed(cli, error);
    printf("%s %s\n", money_value(cli->ctx.arena, held), held.currency);
    return CLI_OK;
}
