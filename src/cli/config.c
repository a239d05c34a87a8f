#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* Prints the names alone: those that begin a line, and the second names that sentences mention. */
static void print_names(char *printed)
{
    static const char also[] = " Also called ";

    for (char *line = strsep(&printed, "\n"); line; line = strsep(&printed, "\n")) {
        const char *other = strstr(line, also);

        if (*line && *line != '#')
            printf("%.*s\n", (int)strcspn(line, "="), line);
        else if (other)
            printf("%.*s\n", (int)strcspn(other + strlen(also), "."), other + strlen(also));
    }
}

/* What could be set is the same whatever is set. */
static enum cli_status print_all_names(struct cli *cli)
{
    char *printed = NULL;
    size_t length;
    FILE *text = open_memstream(&printed, &length);

    clearenv();
    const struct config *config = config_load_for(cli->ctx.arena, NULL, 0, stderr);
    if (!text || !config)
        return cli_complain(cli, "the settings cannot be listed");
    config_print(config, text);
    fclose(text);
    print_names(printed);
    free(printed);
    return CLI_OK;
}

enum cli_status cli_config(struct cli *cli, int argc, char **argv)
{
    bool names = false;
    const struct cli_option options[] = {
        { "names", NULL, &names, "only the names" },
        CLI_OPTIONS_END,
    };
    char **arguments;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    if (names)
        return print_all_names(cli);
    if (!cli_open(cli, CLI_SETTINGS))
        return cli->status;
    config_print(cli->ctx.config, stdout);
    return CLI_OK;
}
