#include "doctor/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/ctx.h"
#include "db/check.h"
#include "db/db.h"
#include "db/migrate.h"
#include "doctor/probe.h"
#include "events/audit.h"
#include "jobs/maintenance.h"
#include "jobs/queue.h"
#include "outward/endpoint_store.h"
#include "payments/webhook.h"
#include "payments/webhook_setup.h"
#include "provider/provider.h"

#define OLDEST_SERVER 140000
#define SKEW_SECONDS 5
#define PERIODIC_LATE 900           // past its time, work that comes back is not only busy
#define MAINTENANCE_LONG 900        // a run is taken to be dead
#define WEBHOOK_TOLERANCE 300       // past this, every webhook is refused
#define WEBHOOK_SILENCE (3 * 86400) // Stripe gives up after three days
#define RENEWAL_DAYS 14             // what renews certificates by itself has done it long before

const char *const doctor_level_names[] = { [DOCTOR_FINE] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "FAIL", NULL };

struct doctor {
    struct ctx *ctx;
    void (*found)(void *shared, const struct doctor_finding *finding);
    void *shared;
    bool database; // can be asked
    bool schema;   // … and is the one we know
};

/* One finding: what was seen, under a code that never changes, and, where it is not fine, how to mend it. */
static void say(struct doctor *doctor, enum doctor_level level, const char *code, const char *mend, const char *what,
    ...) __attribute__((format(printf, 5, 6)));

static void say(struct doctor *doctor, enum doctor_level level, const char *code, const char *mend, const char *what,
    ...)
{
    struct buf text = { .arena = doctor->ctx->arena };
    struct doctor_finding finding = { level, code, NULL, level == DOCTOR_FINE ? NULL : mend };
    va_list arguments;

    va_start(arguments, what);
    buf_vprintf(&text, what, arguments);
    va_end(arguments);
    finding.what = buf_string(&text);
    doctor->found(doctor->shared, &finding);
}

static void say_error(struct doctor *doctor, const char *code, const char *mend, const struct error *error)
{
    say(doctor, DOCTOR_FAIL, code, mend, "%s%s%s", error->detail, error->cause ? ": " : "",
        error->cause ? error->cause : "");
}

/* The machine ------------------------------------------------------------------------------------------------------ */

static void check_keys(struct doctor *doctor)
{
    const char *path = doctor->ctx->config->keys_file;
    struct stat status;

    if (stat(path, &status) != 0)
        say(doctor, DOCTOR_FAIL, "KEYS_FILE", "put it back from your backup", "%s is gone", path);
    else if (status.st_mode & 077)
        say(doctor, DOCTOR_FAIL, "KEYS_FILE", "chmod 0400, owned by the user that runs till.fcgi",
            "%s can be read by others", path);
    else
        say(doctor, DOCTOR_FINE, "KEYS_FILE", NULL, "%s can be read by its owner alone", path);
}

static void check_skew(struct doctor *doctor, const char *whose, const char *code, int64_t seconds)
{
    int64_t skew = seconds - instant_to_unix(clock_now()) + clock_offset();
    int64_t size = skew < 0 ? -skew : skew;

    say(doctor,
        size >= WEBHOOK_TOLERANCE ? DOCTOR_FAIL
            : size > SKEW_SECONDS ? DOCTOR_WARN
                                  : DOCTOR_FINE,
        code, "set this machine's clock by NTP; five minutes off, every webhook is refused",
        "%s differs from ours by %" PRId64 " s", whose, size);
}

/* The database ----------------------------------------------------------------------------------------------------- */

static void check_role(struct doctor *doctor, const struct db_facts *facts)
{
    if (facts->superuser)
        say(doctor, DOCTOR_FAIL, "ROLE",
            "let DATABASE_URL name a role made with CREATE ROLE … LOGIN, and run till migrate",
            "role %s is a superuser: nothing would stop it from changing the books", facts->role);
    else if (facts->changeable)
        say(doctor, DOCTOR_FAIL, "ROLE", "REVOKE these from it, and do not let it own the schema",
            "role %s could change what is append-only: %s", facts->role, facts->changeable);
    else if (facts->creates)
        say(doctor, DOCTOR_WARN, "ROLE", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "role %s may make tables",
            facts->role);
    else
        say(doctor, DOCTOR_FINE, "ROLE", NULL, "role %s has what it needs and no more", facts->role);
}

static void check_server(struct doctor *doctor)
{
    struct db_facts facts;
    struct error *error = db_facts(doctor->ctx, &facts);

    if (error) {
        say_error(doctor, "DATABASE", "start PostgreSQL, or correct DATABASE_URL", error);
        return;
    }
    doctor->database = true;
    say(doctor, facts.version < OLDEST_SERVER ? DOCTOR_FAIL : DOCTOR_FINE, "DATABASE",
        "Till needs PostgreSQL 14 or later", "PostgreSQL %" PRId64 ".%" PRId64 " answers", facts.version / 10000,
        facts.version % 10000);
    check_skew(doctor, "the database's clock", "DATABASE_CLOCK", facts.clock_us / 1000000);
    check_role(doctor, &facts);
}

static void check_migrations(struct doctor *doctor)
{
    int version, known = migrate_known_version();
    struct error *error = migrate_version(doctor->ctx, &version);

    if (error)
        say_error(doctor, "MIGRATIONS", "till migrate", error);
    else if (version < known)
        say(doctor, DOCTOR_FAIL, "MIGRATIONS", "till migrate", "the schema is at %04d, this program needs %04d",
            version, known);
    else if (version > known)
        say(doctor, DOCTOR_FAIL, "MIGRATIONS", "install the version of Till that made them",
            "the schema is at %04d, this program knows %04d", version, known);
    else
        say(doctor, DOCTOR_FINE, "MIGRATIONS", NULL, "the schema is at %04d", version);
    doctor->schema = !error && version == known;
}

static void check_statements(struct doctor *doctor)
{
    struct ctx *ctx = doctor->ctx;
    struct field_list list;
    size_t count;
    struct error *error = db_check_statements(ctx, ctx->config->database_url, &list);

    sql_list(&count);
    if (error)
        say_error(doctor, "STATEMENTS", "till doctor again", error);
    else if (!list.count)
        say(doctor, DOCTOR_FINE, "STATEMENTS", NULL, "%zu statements fit the schema", count);
    for (size_t i = 0; !error && i < list.count; i++) {
        const struct bad_statement *bad = (const struct bad_statement *)list.items + i;
        say(doctor, DOCTOR_FAIL, "STATEMENTS", "the schema was changed by hand, or this is a bug: report it",
            "%s (%s): %s", bad->name, bad->file, bad->why);
    }
}

static void check_jobs(struct doctor *doctor)
{
    struct queue_health health;
    struct error *error = queue_health(doctor->ctx, &health);

    if (error) {
        say_error(doctor, "JOBS", "till doctor again", error);
        return;
    }
    if (health.dead)
        say(doctor, DOCTOR_WARN, "JOBS_DEAD", "till job list --state dead says why; till job retry all",
            "%" PRId64 " jobs are out of tries", health.dead);
    if (health.late || health.stuck)
        say(doctor, DOCTOR_FAIL, "JOBS_LATE", "start till.fcgi, or let cron run till job run",
            "%" PRId64 " jobs should have run, the oldest %" PRId64 " s ago; %" PRId64 " stopped halfway", health.late,
            health.late_seconds, health.stuck);
    if (!health.dead && !health.late && !health.stuck)
        say(doctor, DOCTOR_FINE, "JOBS", NULL, "all jobs are in time");
}

static void say_periodic(struct doctor *doctor, const struct queue_periodic *work)
{
    const char *ran =
        work->runs ? arena_printf(doctor->ctx->arena, "ran %" PRId64 " s ago", work->ago_seconds) : "has not run yet";

    if (work->late_seconds > PERIODIC_LATE)
        say(doctor, DOCTOR_WARN, "PERIODIC_LATE", "start till.fcgi, or let cron run till job run",
            "%s %s, and should have run %" PRId64 " s ago", work->kind, ran, work->late_seconds);
    else if (work->error)
        say(doctor, DOCTOR_WARN, "PERIODIC_FAILED", "mend the cause; it is tried again by itself",
            "%s %s, and failed: %s", work->kind, ran, work->error);
    else
        say(doctor, DOCTOR_FINE, "PERIODIC", NULL, "%s %s", work->kind, ran);
}

/* What was asked for by cron or a person, and what it did. */
static void say_run(struct doctor *doctor, const struct maintenance_run *run)
{
    struct ctx *ctx = doctor->ctx;
    const char *error = run->result ? json_string_value(json_object_get(run->result, "error")) : NULL;
    int64_t ago = instant_to_unix(clock_now()) - instant_to_unix(run->started_at);

    if (error)
        say(doctor, DOCTOR_WARN, "MAINTENANCE_FAILED", "till.fcgi's log says why; run it again",
            "%s was run %" PRId64 " s ago, and failed: %s", run->kind, ago, error);
    else if (!instant_is_set(run->finished_at) && ago > MAINTENANCE_LONG)
        say(doctor, DOCTOR_WARN, "MAINTENANCE_FAILED", "run it again", "%s began %" PRId64 " s ago and has not ended",
            run->kind, ago);
    else
        say(doctor, DOCTOR_FINE, "MAINTENANCE", NULL, "%s was run %" PRId64 " s ago: %s", run->kind, ago,
            run->result ? json_text(ctx, run->result) : "it still runs");
}

static void check_maintenance(struct doctor *doctor)
{
    struct field_list periodic, runs;
    struct error *error = queue_periodic(doctor->ctx, &periodic);

    if (!error)
        error = maintenance_list(doctor->ctx, &runs);
    if (error) {
        say_error(doctor, "PERIODIC", "till doctor again", error);
        return;
    }
    if (!periodic.count)
        say(doctor, DOCTOR_FINE, "PERIODIC", NULL, "no periodic work yet; till.fcgi begins it");
    for (size_t i = 0; i < periodic.count; i++)
        say_periodic(doctor, (const struct queue_periodic *)periodic.items + i);
    for (size_t i = 0; i < runs.count; i++)
        say_run(doctor, (const struct maintenance_run *)runs.items + i);
}

static void check_audit(struct doctor *doctor)
{
    int64_t checked;
    const char *broken, *why;
    struct error *error = audit_verify(doctor->ctx, &checked, &broken, &why);

    if (error)
        say_error(doctor, "AUDIT", "till audit verify", error);
    else if (broken)
        say(doctor, DOCTOR_FAIL, "AUDIT", "find out who had the owner's role; compare with a backup", "%s: %s", broken,
            why);
    else
        say(doctor, DOCTOR_FINE, "AUDIT", NULL, "%" PRId64 " audit entries are as they were written", checked);
}

/* The world -------------------------------------------------------------------------------------------------------- */

static void check_stripe(struct doctor *doctor)
{
    struct ctx *ctx = doctor->ctx;
    const struct config *config = ctx->config;
    struct provider_event *events;
    struct probe probe;
    size_t count;

    if (!config->stripe_secret_key) {
        say(doctor, DOCTOR_WARN, "STRIPE", "set STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY",
            "Stripe has no key here");
        return;
    }
    probe_url(ctx->arena, config->stripe_api_url, &probe);
    if (!probe.answered) {
        say(doctor, DOCTOR_FAIL, "STRIPE", "let this machine reach it, or correct STRIPE_API_URL",
            "%s does not answer: %s", config->stripe_api_url, probe.why);
        return;
    }
    if (probe.date >= 0)
        check_skew(doctor, "Stripe's clock", "STRIPE_CLOCK", probe.date);
    struct error *error = provider_named("stripe")->list_events(ctx, ctx->now, NULL, 1, &events, &count);
    if (error)
        say_error(doctor, "STRIPE", "check STRIPE_SECRET_KEY and STRIPE_API_VERSION in Stripe's dashboard", error);
    else
        say(doctor, DOCTOR_FINE, "STRIPE", NULL, "Stripe takes our %s key and version %s", mode_names[config->mode],
            config->stripe_api_version);
}

/* None at all is only strange where events should have come. */
/* Of the configuration, or one that till stripe setup has kept. */
static struct error *has_webhook_secret(struct doctor *doctor, bool *there)
{
    const struct config *config = doctor->ctx->config;
    const char *kept = NULL;

    if (!config->stripe_webhook_secret && doctor->schema && config->keyring)
        TRY(webhook_secrets(doctor->ctx, "stripe", &kept));
    *there = config->stripe_webhook_secret || kept;
    return NULL;
}

static void check_last_webhook(struct doctor *doctor)
{
    struct ctx *ctx = doctor->ctx;
    const struct webhook_filter filter = { .limit = 1 };
    struct field_list list;
    bool verified = false;
    struct error *error = webhook_list(ctx, &filter, &list);

    if (!error)
        error = has_webhook_secret(doctor, &verified);
    if (error)
        say_error(doctor, "WEBHOOKS", "till doctor again", error);
    if (error || !verified)
        return;
    if (!list.count) {
        say(doctor, DOCTOR_WARN, "WEBHOOKS", "till stripe setup makes the endpoint at Stripe",
            "no webhook has come yet");
        return;
    }
    const struct webhook_event *last = list.items;
    int64_t age = instant_to_unix(clock_now()) - instant_to_unix(last->received_at);
    say(doctor, age > WEBHOOK_SILENCE ? DOCTOR_WARN : DOCTOR_FINE, "WEBHOOKS",
        "look at the endpoint's failures in Stripe's dashboard", "the last webhook came %" PRId64 " s ago", age);
}

static void check_publishable_key(struct doctor *doctor)
{
    const struct config *config = doctor->ctx->config;

    if (config->stripe_secret_key && !config->stripe_publishable_key)
        say(doctor, DOCTOR_FAIL, "STRIPE_PUBLISHABLE", "set STRIPE_PUBLISHABLE_KEY",
            "the checkout page has no key for Stripe.js");
}

static void check_webhook_secret(struct doctor *doctor)
{
    bool there;
    struct error *error = has_webhook_secret(doctor, &there);

    if (error)
        say_error(doctor, "WEBHOOK_SECRET", "till doctor again", error);
    else if (there)
        say(doctor, DOCTOR_FINE, "WEBHOOK_SECRET", NULL, "webhooks of Stripe can be verified");
    else
        say(doctor, DOCTOR_WARN, "WEBHOOK_SECRET",
            "till stripe setup, or set STRIPE_WEBHOOK_SECRET to the endpoint's secret",
            "no webhook can be verified; payments are settled by asking, which takes longer");
}

static void check_certificate(struct doctor *doctor, const struct probe *probe)
{
    int64_t days = (probe->certificate_until - instant_to_unix(clock_now()) + clock_offset()) / 86400;

    if (probe->untrusted)
        say(doctor, DOCTOR_FAIL, "CERTIFICATE", "renew the web server's certificate, and have it send its whole chain",
            "browsers refuse %s: %s", doctor->ctx->config->url, probe->why);
    else if (probe->certificate_until >= 0)
        say(doctor, days < RENEWAL_DAYS ? DOCTOR_WARN : DOCTOR_FINE, "CERTIFICATE",
            "renew it, and see why nobody does that by itself", "the site's certificate is good for %" PRId64 " days",
            days);
}

static void check_site(struct doctor *doctor)
{
    struct ctx *ctx = doctor->ctx;
    const char *url = ctx->config->url;
    struct probe probe;

    if (strncmp(url, "https://", 8) != 0)
        say(doctor, ctx->config->mode == MODE_LIVE ? DOCTOR_FAIL : DOCTOR_WARN, "TLS",
            "set TILL_URL to an https address", "TILL_URL is %s: browsers are reached without TLS", url);
    probe_url(ctx->arena, arena_printf(ctx->arena, "%s/healthz", url), &probe);
    check_certificate(doctor, &probe);
    if (probe.untrusted)
        return;
    if (!probe.answered)
        say(doctor, DOCTOR_WARN, "SITE", "start till.fcgi and the web server, or correct TILL_URL",
            "%s does not answer: %s", url, probe.why);
    else if (probe.status != 200)
        say(doctor, DOCTOR_WARN, "SITE", "look into the web server's log and till.fcgi's", "%s/healthz answers %d", url,
            probe.status);
    else
        say(doctor, DOCTOR_FINE, "SITE", NULL, "%s answers", url);
}

/* What goes out --------------------------------------------------------------------------------------------------- */

static void check_mail(struct doctor *doctor)
{
    const struct config *config = doctor->ctx->config;

    if (config->smtp_url)
        say(doctor, DOCTOR_FINE, "MAIL", NULL, "mail to payers goes by %s, from %s", config->smtp_url,
            config->mail_from);
    else
        say(doctor, DOCTOR_FINE, "MAIL", NULL, "no mail is sent to payers: SMTP_URL is not set");
}

static void check_endpoints(struct doctor *doctor)
{
    struct field_list list;
    struct error *error = endpoint_list(doctor->ctx, NULL, 1000, &list);
    const struct endpoint *endpoints = list.items;
    size_t wrong = 0;

    if (error) {
        say_error(doctor, "ENDPOINTS", "look at the cause", error);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct endpoint *one = &endpoints[i];
        bool dead = one->disabled_reason && strcmp(one->disabled_reason, "asked") != 0;
        if (!dead && !instant_is_set(one->failing_since))
            continue;
        wrong++;
        say(doctor, DOCTOR_WARN, "ENDPOINTS", "mend the application behind it, enable it, have sent what it missed",
            "%s %s", one->id, dead ? "was disabled because it took nothing" : "takes no events at present");
    }
    if (!wrong)
        say(doctor, DOCTOR_FINE, "ENDPOINTS", NULL, "%zu endpoints hear of events", list.count);
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
    { check_maintenance, true, true },
    { check_audit, true, true },
    { check_last_webhook, true, true },
    { check_publishable_key, false, false },
    { check_stripe, false, false },
    { check_webhook_secret, false, false },
    { check_site, false, false },
    { check_mail, false, false },
    { check_endpoints, true, true },
};

void doctor_run(struct ctx *ctx, void (*found)(void *shared, const struct doctor_finding *finding), void *shared)
{
    struct doctor doctor = { .ctx = ctx, .found = found, .shared = shared };

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if ((doctor.database || !checks[i].database) && (doctor.schema || !checks[i].schema))
            checks[i].run(&doctor);
}
