#include "events/audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "db/db.h"

enum cli_status cli_audit_verify(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    int64_t checked, sealed;
    const char *broken, *why;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = IN_TX(&cli->ctx, audit_seal(&cli->ctx, &sealed));
    if (!error)
        error = audit_verify(&cli->ctx, &checked, &broken, &why);
    if (error)
        return cli_failed(cli, error);
    if (broken)
        return cli_complain(cli, "%s: %s", broken, why);
    printf("%" PRId64 " entries, all as they were written\n", checked);
    return CLI_OK;
}
