#include "db/migrate.h"

#include <stdio.h>

#include "base/config.h"
#include "cli/cli.h"

enum cli_status cli_migrate(struct cli *cli, int argc, char **argv)
{
    const char *role = NULL;
    bool quiet = false;
    const struct cli_option options[] = {
        { "app-role", &role, NULL, "the application's role; that of DATABASE_URL otherwise" },
        { "quiet", NULL, &quiet, "do not name what is applied" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct error *error = NULL;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct ctx *ctx = &cli->ctx;
    ctx->config = config_load_for(ctx->arena, cli->file, CONFIG_MIGRATION | (role ? 0 : CONFIG_DATABASE), stderr);
    if (!ctx->config)
        return CLI_CONFIG;
    if (!role)
        error = migrate_role(ctx, ctx->config->database_url, &role);
    if (!error)
        error = migrate(ctx, ctx->config->migrate_database_url, ctx->config->sql_dir, role, quiet);
    return error ? cli_failed(cli, error) : CLI_OK;
}
