#include "access/api_key.h"

#include <stdio.h>

#include "cli/cli.h"

enum cli_status cli_api_key_create(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL, *scopes = "*";
    const struct cli_option options[] = {
        { "name", &name, NULL, "what it is for" },
        { "scopes", &scopes, NULL, "what it may do, by spaces: payments:write …; * is everything" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct api_key key;
    const char *secret;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = api_key_create(&cli->ctx, name ? name : "", scopes, &key, &secret);
    if (error)
        return cli_failed(cli, error);
    fprintf(stderr, "API key %s, shown this once:\n", key.id);
    printf("%s\n", secret);
    return CLI_OK;
}

enum cli_status cli_api_key_list(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
        { "json", NULL, &json, "as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list list;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = api_key_list(&cli->ctx, &list);
    if (error)
        return cli_failed(cli, error);
    cli_print_list(cli, api_key_columns, sizeof(struct api_key), &list, json);
    return CLI_OK;
}

enum cli_status cli_api_key_revoke(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = api_key_revoke(&cli->ctx, arguments[0]);
    return error ? cli_failed(cli, error) : CLI_OK;
}
