#include <stdio.h>

#include "base/config.h"
#include "cli/cli.h"
#include "jobs/clock.h"
#include "jobs/maintenance.h"
#include "payments/webhook_setup.h"

static void print_wallet(const struct webhook_setup *setup, bool enabled, bool active, const char *name)
{
    if (enabled && active)
        printf("%s may show %s\n", setup->domain, name);
    else if (enabled)
        printf("%s may not show %s yet: %s\n", setup->domain, name,
            setup->why ? setup->why : "Stripe does not say why");
}

static void print(const struct webhook_setup *setup, const char *mode, const char *version)
{
    printf("%s %s: %s, %s mode, API version %s\n", setup->endpoint_id,
        setup->created       ? "was made"
            : setup->updated ? "hears of other events now"
                             : "is as it should be",
        setup->url, mode, version);
    for (size_t i = 0; i < setup->retired_count; i++)
        printf("%s was removed; what it has signed is taken for three more days\n", setup->retired[i]);
    for (size_t i = 0; i < setup->foreign_count; i++)
        printf("%s has the same address and was not made by Till: remove it once events arrive by %s\n",
            setup->foreign[i], setup->endpoint_id);
}

enum cli_status cli_stripe_setup(struct cli *cli, int argc, char **argv)
{
    struct webhook_setup setup = { .provider = "stripe" };
    const struct cli_option options[] = {
        { "new-secret", NULL, &setup.renew, "make another endpoint, with another secret, in place of a good one" },
        CLI_OPTIONS_END,
    };
    struct maintenance_run last;
    char **arguments;
    bool busy;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    if (!cli->ctx.config->stripe_secret_key)
        return cli_complain(cli, "STRIPE_SECRET_KEY is not set");
    struct error *error = clock_follow(&cli->ctx);
    cli->ctx.now = clock_now();
    if (!error)
        error = maintenance_run(&cli->ctx, "stripe.setup", webhook_setup_work, &setup, &last, &busy);
    if (error)
        return cli_failed(cli, error);
    if (busy)
        return cli_complain(cli, "another run is under way");
    print(&setup, mode_names[cli->ctx.config->mode], cli->ctx.config->stripe_api_version);
    if (setup.domain) {
        print_wallet(&setup, cli->ctx.config->apple_pay_enabled, setup.apple_pay, "Apple Pay");
        print_wallet(&setup, cli->ctx.config->google_pay_enabled, setup.google_pay, "Google Pay");
    }
    return CLI_OK;
}
