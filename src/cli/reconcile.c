#include "payments/reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "jobs/clock.h"
#include "jobs/maintenance.h"
#include "payments/reconcile_store.h"

#define ALL 1000000

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV };
static const char *const format_names[] = { "text", "json", "csv", NULL };

static void print_json(struct cli *cli, const struct reconciliation *done, const struct field_list *differences)
{
    json_t *report = field_write(&cli->ctx, reconciliation_shown, done);
    json_t *list = json_array();

    for (size_t i = 0; i < differences->count; i++)
        json_array_append(list,
            field_write(&cli->ctx, difference_shown, (const struct difference *)differences->items + i));
    json_object_set_new(report, "list", list);
    puts(json_text(&cli->ctx, report));
}

static const char *amount(struct cli *cli, struct money money)
{
    return *money.currency ? arena_printf(cli->ctx.arena, "%s %s", money_value(cli->ctx.arena, money), money.currency)
                           : "-";
}

static void print_balances(const json_t *totals)
{
    const char *currency;
    json_t *balance;

    json_object_foreach(json_object_get(totals, "balances"), currency, balance)
        printf("  balance %s: ours %s, theirs %s, on its way %s, explained %s, off %s\n", currency,
            json_get_text(balance, "ours"), json_get_text(balance, "theirs"), json_get_text(balance, "on_its_way"),
            json_get_text(balance, "explained"), json_get_text(balance, "off"));
    if (json_object_size(json_object_get(totals, "balances")) && !json_get_bool(totals, "balances_compared"))
        puts("  balances moved while they were read; they are compared the next time");
}

static void print_text(struct cli *cli, const struct reconciliation *done, const struct field_list *differences)
{
    const struct difference *list = differences->items;

    printf("%s %s: %s to %s: %" PRId64 " matched, %" PRId64 " mended, %" PRId64 " differences\n", done->id,
        done->provider, instant_format(cli->ctx.arena, done->from_at, false),
        instant_format(cli->ctx.arena, done->to_at, false), done->matched, json_get_int(done->totals, "mended"),
        done->differences);
    print_balances(done->totals);
    for (size_t i = 0; i < differences->count; i++)
        printf("\n%s %s %s%s\n  ours %s, theirs %s\n  %s\n  %s\n", difference_kind_names[list[i].kind],
            list[i].object ? list[i].object : "-", list[i].reference ? list[i].reference : "-",
            instant_is_set(list[i].resolved_at) ? " (settled)" : "", amount(cli, list[i].ours),
            amount(cli, list[i].theirs), list[i].known, list[i].suggestion);
}

static struct error *print(struct cli *cli, enum format format, const struct field_list *all, int64_t *open)
{
    const struct reconciliation *done = all->items;

    *open = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct field_list differences;
        TRY(difference_list(&cli->ctx, done[i].id, 0, ALL, &differences));
        if (format == FORMAT_JSON)
            print_json(cli, &done[i], &differences);
        else if (format == FORMAT_CSV)
            fputs(reconcile_csv(&cli->ctx, &differences), stdout);
        else
            print_text(cli, &done[i], &differences);
        for (size_t n = 0; n < differences.count; n++)
            *open += !instant_is_set(((const struct difference *)differences.items)[n].resolved_at);
    }
    return NULL;
}

static struct error *run(struct cli *cli, struct reconcile_order *order, bool *busy)
{
    struct maintenance_run last;

    cli->ctx.deadline_ms = 0; // a month takes its time
    return maintenance_run(&cli->ctx, "reconcile", reconcile_work, order, &last, busy);
}

enum cli_status cli_reconcile(struct cli *cli, int argc, char **argv)
{
    const char *from = NULL, *to = NULL, *format_text = "text";
    bool weekly = false, busy;
    const struct cli_option options[] = {
        { "from", &from, NULL, "a date or a time (RFC 3339), UTC; yesterday when neither is given" },
        { "to", &to, NULL, "the same; a date is compared whole; now when only --from is given" },
        { "weekly", NULL, &weekly, "the seven days before today" },
        { "format", &format_text, NULL, "text, json (a line for each provider) or csv (the differences)" },
        CLI_OPTIONS_END,
    };
    struct reconcile_order order = { 0 };
    char **arguments;
    int64_t open;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    int format = name_index(format_names, format_text);
    if (format < 0 || (weekly && (from || to))) {
        cli_complain(cli,
            format < 0 ? "--format must be text, json or csv" : "--weekly does not go with --from or --to");
        return CLI_USAGE;
    }
    struct error *error = clock_follow(&cli->ctx);
    cli->ctx.now = clock_now();
    if (!error)
        error = window_read(&cli->ctx, from, to, &order.window);
    if (weekly)
        order.window = window_of_days(&cli->ctx, 7);
    if (!error)
        error = run(cli, &order, &busy);
    if (!error && busy)
        return cli_complain(cli, "another run is under way");
    if (!error)
        error = print(cli, (enum format)format, &order.done, &open);
    if (error)
        return cli_failed(cli, error);
    return open ? CLI_WRONG : CLI_OK;
}
