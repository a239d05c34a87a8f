#include "events/audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "db/db.h"

enum cli_status cli_audit_verify(struct cli *cli, int argc, char **argv)
{
    const char *known = NULL;
    const struct cli_option options[] = {
        { "known", &known, NULL, "480:9f86…: a link that was printed before, which must still be there" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    int64_t checked, sealed;
    const char *broken, *why, *head;
    bool there = true;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = IN_TX(&cli->ctx, audit_seal(&cli->ctx, &sealed));
    if (!error)
        error = audit_verify(&cli->ctx, &checked, &broken, &why);
    if (!error)
        error = audit_head(&cli->ctx, &head);
    if (!error && known)
        error = audit_has(&cli->ctx, known, &there);
    if (error)
        return cli_failed(cli, error);
    if (broken)
        return cli_complain(cli, "%s: %s", broken, why);
    if (!there)
        return cli_complain(cli, "the chain has not the link %s any more: its end was cut off or made anew", known);
    printf("%" PRId64 " entries, all as they were written\n", checked);
    if (*head)
        printf("the last link is %s\n", head);
    return CLI_OK;
}
