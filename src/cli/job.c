#include "jobs/job.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "jobs/queue.h"

#define AT_ONCE 100

enum cli_status cli_job_list(struct cli *cli, int argc, char **argv)
{
    const char *state = NULL, *limit_text = "100";
    bool json = false;
    const struct cli_option options[] = {
        { "state", &state, NULL, "available, running or dead" },
        { "limit", &limit_text, NULL, "at most so many; 100" },
        { "json", NULL, &json, "as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list list;
    int64_t limit;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments) || !cli_number(cli, "--limit", limit_text, &limit))
        return cli->status;
    struct error *error = queue_list(&cli->ctx, state, limit, &list);
    if (error)
        return cli_failed(cli, error);
    cli_print_list(cli, queued_job_columns, sizeof(struct queued_job), &list, json);
    return CLI_OK;
}

enum cli_status cli_job_retry(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    int64_t id = 0, retried;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    if (strcmp(arguments[0], "all") != 0 && !cli_number(cli, "ID", arguments[0], &id))
        return cli->status;
    struct error *error = queue_retry(&cli->ctx, id, &retried);
    if (error)
        return cli_failed(cli, error);
    if (id && !retried)
        return cli_complain(cli, "no job %s is out of tries", arguments[0]);
    printf("%lld\n", (long long)retried);
    return CLI_OK;
}

static bool is_periodic(const char *kind)
{
    for (size_t i = 0; i < task_count; i++)
        if (strcmp(tasks[i].kind, kind) == 0 && tasks[i].every)
            return true;
    return false;
}

static enum cli_status no_such_kind(struct cli *cli, const char *kind)
{
    cli_complain(cli, "\"%s\" is no periodic job; there are:", kind);
    for (size_t i = 0; i < task_count; i++)
        if (tasks[i].every)
            fprintf(stderr, "  %-24s %s\n", tasks[i].kind, tasks[i].summary);
    return CLI_USAGE;
}

enum cli_status cli_job_run(struct cli *cli, int argc, char **argv)
{
    const char *limit_text = "1000";
    const struct cli_option options[] = {
        { "limit", &limit_text, NULL, "at most so many; 1000" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    int64_t limit;
    int done, all = 0;

    if (!cli_parse(cli, argc, argv, options, 0, 1, &arguments) || !cli_number(cli, "--limit", limit_text, &limit))
        return cli->status;
    struct error *error = NULL;
    if (arguments[0] && !is_periodic(arguments[0]))
        return no_such_kind(cli, arguments[0]);
    if (arguments[0])
        error = job_add(&cli->ctx, arguments[0], "periodic");
    do {
        if (!error)
            error = job_work(&cli->ctx, limit - all < AT_ONCE ? (int)(limit - all) : AT_ONCE, &done);
        if (error)
            return cli_failed(cli, error);
        all += done;
    } while (done == AT_ONCE && all < limit);
    printf("%d\n", all);
    return CLI_OK;
}
