#include "doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "cli/cli.h"

/* What is printed, and how bad it was. */
struct listing {
    struct cli *cli;
    json_t *findings;
    bool json;
    enum doctor_level worst;
};

/* One line: what was found under a code that never changes, and, where it is not fine, how to mend it. */
static void print(void *shared, const struct doctor_finding *finding)
{
    struct listing *listing = shared;
    const char *level = doctor_level_names[finding->level];

    if (finding->level > listing->worst)
        listing->worst = finding->level;
    if (listing->json)
        json_array_append_new(listing->findings,
            json_pack("{s:s, s:s, s:s, s:s?}", "level", level, "code", finding->code, "what", finding->what, "mend",
                finding->mend));
    else
        printf("%-4s  %-20s  %s%s%s\n", level, finding->code, finding->what, finding->mend ? " — " : "",
            finding->mend ? finding->mend : "");
}

/* The configuration ------------------------------------------------------------------------------------------------ */

static void say_lines(struct listing *listing, enum doctor_level level, char *lines)
{
    for (char *line = strsep(&lines, "\n"); line; line = strsep(&lines, "\n"))
        if (*line)
            print(listing,
                &(struct doctor_finding){ level, "CONFIG", line,
                    level == DOCTOR_FINE ? NULL : "till config explains each setting" });
}

static bool check_config(struct listing *listing)
{
    struct cli *cli = listing->cli;
    char *lines = NULL;
    size_t length;
    FILE *errors = open_memstream(&lines, &length);

    if (!errors)
        abort();
    cli->ctx.config = config_load_for(cli->ctx.arena, cli->file, CONFIG_DATABASE | CONFIG_KEYS, errors);
    fclose(errors);
    if (cli->ctx.config)
        print(listing,
            &(struct doctor_finding){ DOCTOR_FINE, "CONFIG",
                arena_printf(cli->ctx.arena, "the configuration is valid, mode %s", mode_names[cli->ctx.config->mode]),
                NULL });
    say_lines(listing, cli->ctx.config ? DOCTOR_WARN : DOCTOR_FAIL, lines);
    free(lines);
    return cli->ctx.config;
}

enum cli_status cli_doctor(struct cli *cli, int argc, char **argv)
{
    struct listing listing = { .cli = cli };
    const struct cli_option options[] = {
        { "json", NULL, &listing.json, "the findings as JSON: level, code, what, mend" },
        CLI_OPTIONS_END,
    };
    char **arguments;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    listing.findings = json_in(cli->ctx.arena, json_array());
    bool valid = check_config(&listing);
    if (valid) {
        cli_connect(cli);
        doctor_run(&cli->ctx, print, &listing);
    }
    if (listing.json)
        puts(json_text(&cli->ctx, listing.findings));
    return !valid ? CLI_CONFIG : listing.worst == DOCTOR_FAIL ? CLI_WRONG : CLI_OK;
}
