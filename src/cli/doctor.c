#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "db/check.h"
#include "db/db.h"
#include "db/migrate.h"
#include "events/audit.h"
#include "jobs/queue.h"
#include "payments/webhook.h"
#include "provider/provider.h"

#define OLDEST_SERVER 140000
#define SKEW_SECONDS 5
#define WEBHOOK_TOLERANCE 300       // past this, every webhook is refused
#define WEBHOOK_SILENCE (3 * 86400) // Stripe gives up after three days

enum level { FINE, WARN, FAIL };
static const char *const level_names[] = { [FINE] = "ok", [WARN] = "warn", [FAIL] = "FAIL", NULL };

struct doctor {
    struct cli *cli;
    json_t *findings;
    bool json;
    enum level worst;
    bool database; // can be asked
    bool schema;   // … and is the one we know
};

/* One line: what was found under a code that never changes, and, where it is not fine, how to mend it. */
static void say(struct doctor *doctor, enum level level, const char *code, const char *mend, const char *what, ...)
    __attribute__((format(printf, 5, 6)));

static void say(struct doctor *doctor, enum level level, const char *code, const char *mend, const char *what, ...)
{
    struct buf text = { .arena = doctor->cli->ctx.arena };
    va_list arguments;

    va_start(arguments, what);
    buf_vprintf(&text, what, arguments);
    va_end(arguments);
    if (level == FINE)
        mend = NULL;
    if (level > doctor->worst)
        doctor->worst = level;
    if (doctor->json)
        json_array_append_new(doctor->findings,
            json_pack("{s:s, s:s, s:s, s:s?}", "level", level_names[level], "code", code, "what", buf_string(&text),
                "mend", mend));
    else
        printf("%-4s  %-20s  %s%s%s\n", level_names[level], code, buf_string(&text), mend ? " — " : "",
            mend ? mend : "");
}

static void say_error(struct doctor *doctor, const char *code, const char *mend, const struct error *error)
{
    say(doctor, FAIL, code, mend, "%s%s%s", error->detail, error->cause ? ": " : "", error->cause ? error->cause : "");
}

/* The configuration ------------------------------------------------------------------------------------------------ */

static void say_lines(struct doctor *doctor, enum level level, char *lines)
{
    for (char *line = strsep(&lines, "\n"); line; line = strsep(&lines, "\n"))
        if (*line)
            say(doctor, level, "CONFIG", "till config explains each setting", "%s", line);
}

static bool check_config(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    char *lines = NULL;
    size_t length;
    FILE *errors = open_memstream(&lines, &length);

    if (!errors)
        abort();
    cli->ctx.config = config_load_for(cli->ctx.arena, cli->file, CONFIG_DATABASE | CONFIG_KEYS, errors);
    fclose(errors);
    if (cli->ctx.config)
        say(doctor, FINE, "CONFIG", NULL, "the configuration is valid, mode %s", mode_names[cli->ctx.config->mode]);
    say_lines(doctor, cli->ctx.config ? WARN : FAIL, lines);
    free(lines);
    return cli->ctx.config;
}

static void check_keys(struct doctor *doctor)
{
    const char *path = doctor->cli->ctx.config->keys_file;
    struct stat status;

    if (stat(path, &status) != 0)
        say(doctor, FAIL, "KEYS_FILE", "put it back from your backup", "%s is gone", path);
    else if (status.st_mode & 077)
        say(doctor, FAIL, "KEYS_FILE", "chmod 0400, owned by the user that runs till.fcgi", "%s can be read by others",
            path);
    else
        say(doctor, FINE, "KEYS_FILE", NULL, "%s can be read by its owner alone", path);
}

static void check_skew(struct doctor *doctor, const char *whose, const char *code, int64_t seconds)
{
    int64_t skew = seconds - instant_to_unix(clock_now()) + clock_offset();
    int64_t size = skew < 0 ? -skew : skew;

    say(doctor,
        size >= WEBHOOK_TOLERANCE ? FAIL
            : size > SKEW_SECONDS ? WARN
                                  : FINE,
        code, "set this machine's clock by NTP; five minutes off, every webhook is refused",
        "%s differs from ours by %" PRId64 " s", whose, size);
}

/* The database ----------------------------------------------------------------------------------------------------- */

static void check_role(struct doctor *doctor, const struct db_facts *facts)
{
    if (facts->superuser)
        say(doctor, FAIL, "ROLE", "let DATABASE_URL name a role made with CREATE ROLE … LOGIN, and run till migrate",
            "role %s is a superuser: nothing would stop it from changing the books", facts->role);
    else if (facts->changeable)
        say(doctor, FAIL, "ROLE", "REVOKE these from it, and do not let it own the schema",
            "role %s could change what is append-only: %s", facts->role, facts->changeable);
    else if (facts->creates)
        say(doctor, WARN, "ROLE", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "role %s may make tables", facts->role);
    else
        say(doctor, FINE, "ROLE", NULL, "role %s has what it needs and no more", facts->role);
}

static void check_server(struct doctor *doctor)
{
    struct db_facts facts;
    struct error *error = db_facts(&doctor->cli->ctx, &facts);

    if (error) {
        say_error(doctor, "DATABASE", "start PostgreSQL, or correct DATABASE_URL", error);
        return;
    }
    doctor->database = true;
    say(doctor, facts.version < OLDEST_SERVER ? FAIL : FINE, "DATABASE", "Till needs PostgreSQL 14 or later",
        "PostgreSQL %" PRId64 ".%" PRId64 " answers", facts.version / 10000, facts.version % 10000);
    check_skew(doctor, "the database's clock", "DATABASE_CLOCK", facts.clock_us / 1000000);
    check_role(doctor, &facts);
}

static void check_migrations(struct doctor *doctor)
{
    int version, known = migrate_known_version();
    struct error *error = migrate_version(&doctor->cli->ctx, &version);

    if (error)
        say_error(doctor, "MIGRATIONS", "till migrate", error);
    else if (version < known)
        say(doctor, FAIL, "MIGRATIONS", "till migrate", "the schema is at %04d, this program needs %04d", version,
            known);
    else if (version > known)
        say(doctor, FAIL, "MIGRATIONS", "install the version of Till that made them",
            "the schema is at %04d, this program knows %04d", version, known);
    else
        say(doctor, FINE, "MIGRATIONS", NULL, "the schema is at %04d", version);
    doctor->schema = !error && version == known;
}

static void check_statements(struct doctor *doctor)
{
    struct ctx *ctx = &doctor->cli->ctx;
    struct field_list list;
    size_t count;
    struct error *error = db_check_statements(ctx, ctx->config->database_url, &list);

    sql_list(&count);
    if (error)
        say_error(doctor, "STATEMENTS", "till doctor again", error);
    else if (!list.count)
        say(doctor, FINE, "STATEMENTS", NULL, "%zu statements fit the schema", count);
    for (size_t i = 0; !error && i < list.count; i++) {
        const struct bad_statement *bad = (const struct bad_statement *)list.items + i;
        say(doctor, FAIL, "STATEMENTS", "the schema was changed by hand, or this is a bug: report it", "%s (%s): %s",
            bad->name, bad->file, bad->why);
    }
}

static void check_jobs(struct doctor *doctor)
{
    struct queue_health health;
    struct error *error = queue_health(&doctor->cli->ctx, &health);

    if (error) {
        say_error(doctor, "JOBS", "till doctor again", error);
        return;
    }
    if (health.dead)
        say(doctor, WARN, "JOBS_DEAD", "till job list --state dead says why; till job retry all",
            "%" PRId64 " jobs are out of tries", health.dead);
    if (health.late || health.stuck)
        say(doctor, FAIL, "JOBS_LATE", "start till.fcgi, or let cron run till job run",
            "%" PRId64 " jobs should have run, the oldest %" PRId64 " s ago; %" PRId64 " stopped halfway", health.late,
            health.late_seconds, health.stuck);
    if (!health.dead && !health.late && !health.stuck)
        say(doctor, FINE, "JOBS", NULL, "all jobs are in time");
}

static void check_audit(struct doctor *doctor)
{
    int64_t checked;
    const char *broken, *why;
    struct error *error = audit_verify(&doctor->cli->ctx, &checked, &broken, &why);

    if (error)
        say_error(doctor, "AUDIT", "till audit verify", error);
    else if (broken)
        say(doctor, FAIL, "AUDIT", "find out who had the owner's role; compare with a backup", "%s: %s", broken, why);
    else
        say(doctor, FINE, "AUDIT", NULL, "%" PRId64 " audit entries are as they were written", checked);
}

/* The world -------------------------------------------------------------------------------------------------------- */

static void check_stripe(struct doctor *doctor)
{
    struct ctx *ctx = &doctor->cli->ctx;
    const struct config *config = ctx->config;
    struct provider_event *events;
    struct probe probe;
    size_t count;

    if (!config->stripe_secret_key) {
        say(doctor, WARN, "STRIPE", "set STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY", "Stripe has no key here");
        return;
    }
    probe_url(ctx->arena, config->stripe_api_url, &probe);
    if (!probe.answered) {
        say(doctor, FAIL, "STRIPE", "let this machine reach it, or correct STRIPE_API_URL", "%s does not answer: %s",
            config->stripe_api_url, probe.why);
        return;
    }
    if (probe.date >= 0)
        check_skew(doctor, "Stripe's clock", "STRIPE_CLOCK", probe.date);
    struct error *error = provider_named("stripe")->list_events(ctx, ctx->now, NULL, 1, &events, &count);
    if (error)
        say_error(doctor, "STRIPE", "check STRIPE_SECRET_KEY and STRIPE_API_VERSION in Stripe's dashboard", error);
    else
        say(doctor, FINE, "STRIPE", NULL, "Stripe takes our %s key and version %s", mode_names[config->mode],
            config->stripe_api_version);
}

/* None at all is only strange where events should have come. */
static void check_last_webhook(struct doctor *doctor)
{
    struct ctx *ctx = &doctor->cli->ctx;
    const struct webhook_filter filter = { .limit = 1 };
    struct field_list list;
    struct error *error = webhook_list(ctx, &filter, &list);

    if (error)
        say_error(doctor, "WEBHOOKS", "till doctor again", error);
    if (error || !ctx->config->stripe_webhook_secret)
        return;
    if (!list.count) {
        say(doctor, WARN, "WEBHOOKS", "add the endpoint TILL_URL/api/v1/webhooks/stripe in Stripe's dashboard",
            "no webhook has come yet");
        return;
    }
    const struct webhook_event *last = list.items;
    int64_t age = instant_to_unix(clock_now()) - instant_to_unix(last->received_at);
    say(doctor, age > WEBHOOK_SILENCE ? WARN : FINE, "WEBHOOKS",
        "look at the endpoint's failures in Stripe's dashboard", "the last webhook came %" PRId64 " s ago", age);
}

static void check_publishable_key(struct doctor *doctor)
{
    const struct config *config = doctor->cli->ctx.config;

    if (config->stripe_secret_key && !config->stripe_publishable_key)
        say(doctor, FAIL, "STRIPE_PUBLISHABLE", "set STRIPE_PUBLISHABLE_KEY",
            "the checkout page has no key for Stripe.js");
}

static void check_webhook_secret(struct doctor *doctor)
{
    if (doctor->cli->ctx.config->stripe_webhook_secret)
        say(doctor, FINE, "WEBHOOK_SECRET", NULL, "webhooks of Stripe can be verified");
    else
        say(doctor, WARN, "WEBHOOK_SECRET", "set STRIPE_WEBHOOK_SECRET to the endpoint's secret",
            "no webhook can be verified; payments are settled by asking, which takes longer");
}

static void check_site(struct doctor *doctor)
{
    struct ctx *ctx = &doctor->cli->ctx;
    const char *url = ctx->config->url;
    struct probe probe;

    if (strncmp(url, "https://", 8) != 0)
        say(doctor, ctx->config->mode == MODE_LIVE ? FAIL : WARN, "TLS", "set TILL_URL to an https address",
            "TILL_URL is %s: browsers are reached without TLS", url);
    probe_url(ctx->arena, arena_printf(ctx->arena, "%s/healthz", url), &probe);
    if (!probe.answered)
        say(doctor, WARN, "SITE", "start till.fcgi and the web server, or correct TILL_URL", "%s does not answer: %s",
            url, probe.why);
    else if (probe.status != 200)
        say(doctor, WARN, "SITE", "look into the web server's log and till.fcgi's", "%s/healthz answers %d", url,
            probe.status);
    else
        say(doctor, FINE, "SITE", NULL, "%s answers", url);
}

static const struct check {
    void (*run)(struct doctor *doctor);
    bool database, schema; // what it needs
} checks[] = {
    { check_keys, false, false },
    { check_server, false, false },
    { check_migrations, true, false },
    { check_statements, true, true },
    { check_jobs, true, true },
    { check_audit, true, true },
    { check_last_webhook, true, true },
    { check_publishable_key, false, false },
    { check_stripe, false, false },
    { check_webhook_secret, false, false },
    { check_site, false, false },
};

static void run_checks(struct doctor *doctor)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if ((doctor->database || !checks[i].database) && (doctor->schema || !checks[i].schema))
            checks[i].run(doctor);
}

enum cli_status cli_doctor(struct cli *cli, int argc, char **argv)
{
    struct doctor doctor = { .cli = cli };
    const struct cli_option options[] = {
        { "json", NULL, &doctor.json, "the findings as JSON: level, code, what, mend" },
        CLI_OPTIONS_END,
    };
    char **arguments;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    doctor.findings = json_in(cli->ctx.arena, json_array());
    bool valid = check_config(&doctor);
    if (valid) {
        cli_connect(cli);
        run_checks(&doctor);
    }
    if (doctor.json)
        puts(json_text(&cli->ctx, doctor.findings));
    return !valid ? CLI_CONFIG : doctor.worst == FAIL ? CLI_WRONG : CLI_OK;
}
