#include "pages/admin_settings.h"

#include "access/role.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "doctor/doctor.h"
#include "http/breaker.h"
#include "pages/admin.h"
#include "pages/admin_view.h"
#include "payments/webhook_setup.h"
#include "web/request.h"

#define PROVIDER "stripe"

/* Settings --------------------------------------------------------------------------------------------------------- */

static json_t *key_badge(struct ctx *ctx, const char *key)
{
    return view_badge(ctx, key ? TONE_GOOD : TONE_WARN, key ? "Set" : "Not set");
}

static json_t *breaker_badge(struct ctx *ctx)
{
    switch (breaker_state(ctx, PROVIDER)) {
    case BREAKER_CLOSED:
        return view_badge(ctx, TONE_GOOD, "Answers");
    case BREAKER_HALF_OPEN:
        return view_badge(ctx, TONE_WARN, "Being tried again");
    case BREAKER_OPEN:
        return view_badge(ctx, TONE_BAD, "Left alone for now");
    }
    return json_null();
}

static json_t *provider_view(struct ctx *ctx)
{
    const struct config *config = ctx->config;
    const char *kept = NULL;
    struct error *error = webhook_secrets(ctx, PROVIDER, &kept);
    const char *secret = config->stripe_webhook_secret ? config->stripe_webhook_secret : error ? NULL : kept;

    return json_pack("{so, so, so, so, ss, ss, ss}", "state", breaker_badge(ctx), "secret_key",
        key_badge(ctx, config->stripe_secret_key), "publishable_key", key_badge(ctx, config->stripe_publishable_key),
        "webhook_secret", key_badge(ctx, secret), "version", config->stripe_api_version, "address",
        config->stripe_api_url, "webhook_address", arena_printf(ctx->arena, "%s/api/v1/webhooks/stripe", config->url));
}

/* What is configured, by the names that an operator sets it by. `till config` says more. */
static json_t *limits_view(struct ctx *ctx)
{
    const struct config *config = ctx->config;
    const struct {
        const char *name, *word, *value;
    } rows[] = {
        { "MERCHANT_NAME", "The shop's name", config->merchant_name },
        { "SUPPORT_EMAIL", "Where payers are told to ask for help", config->support_email },
        { "STATEMENT_DESCRIPTOR", "What payers read on their bank statement", config->descriptor },
        { "TILL_URL", "Where browsers reach Till", config->url },
        { "RETURN_ORIGINS", "Where payers may be sent back to", config->return_origins },
        { "PAYMENT_ATTEMPTS_PER_HOUR", "Payments that one customer may try in an hour",
            arena_printf(ctx->arena, "%lld", (long long)config->payment_attempts_per_hour) },
        { "REFUNDS_PER_DAY", "Refunds for one customer in a day",
            arena_printf(ctx->arena, "%lld", (long long)config->refunds_per_day) },
        { "TILL_REFUND_APPROVAL_LIMIT", "Refunds above which a second person agrees", config->refund_approval_limit },
        { "RATE_LIMIT_REQUESTS", "Requests that one caller may make in a window",
            arena_printf(ctx->arena, "%lld in %lld s", (long long)config->rate_limit_requests,
                (long long)config->rate_limit_window) },
        { "AUTHORIZATION_WARN_HOURS", "How long before a hold ends a person is told",
            view_span(ctx, config->authorization_warn_hours * 3600) },
        { "CHECKOUT_TTL", "How long a checkout session stays open", view_span(ctx, config->checkout_ttl) },
        { "PROVIDER_DEADLINE_MS", "How long a request waits for a provider",
            arena_printf(ctx->arena, "%lld ms", (long long)config->provider_deadline_ms) },
        { "TILL_SECOND_FACTOR", "Whether operators need an authenticator app", config->second_factor },
    };
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        json_array_append_new(list,
            json_pack("{ss, ss, so}", "name", rows[i].name, "word", rows[i].word, "value", view_text(rows[i].value)));
    return list;
}

static json_t *roles_view(void)
{
    json_t *list = json_array();

    for (int i = 0; role_names[i]; i++)
        json_array_append_new(list,
            json_pack("{ss, ss, ss}", "name", role_names[i], "summary", role_summary((enum role)i), "scopes",
                role_scopes((enum role)i)));
    return list;
}

struct error *admin_settings_page(struct request *r)
{
    struct ctx *ctx = r->ctx;

    return admin_page(r, 200, "admin/settings", "Settings",
        json_in(ctx->arena,
            json_pack("{so, so, so}", "provider", provider_view(ctx), "limits", limits_view(ctx), "roles",
                roles_view())));
}

/* Doctor ----------------------------------------------------------------------------------------------------------- */

struct listing {
    struct ctx *ctx;
    json_t *findings;
    int counts[3];
};

static void add_finding(void *shared, const struct doctor_finding *finding)
{
    static const struct {
        enum tone tone;
        const char *word;
    } badges[] = {
        [DOCTOR_FINE] = { TONE_GOOD, "Fine" },
        [DOCTOR_WARN] = { TONE_WARN, "Look at it" },
        [DOCTOR_FAIL] = { TONE_BAD, "Mend it" },
    };
    struct listing *listing = shared;

    listing->counts[finding->level]++;
    json_array_append_new(listing->findings,
        json_pack("{so, ss, ss, so}", "state",
            view_badge(listing->ctx, badges[finding->level].tone, badges[finding->level].word), "code", finding->code,
            "what", finding->what, "mend", view_text(finding->mend)));
}

struct error *admin_doctor_page(struct request *r)
{
    return admin_page(r, 200, "admin/doctor", "Doctor", NULL);
}

struct error *admin_doctor(struct request *r)
{
    struct listing listing = { .ctx = r->ctx, .findings = json_in(r->ctx->arena, json_array()) };

    doctor_run(r->ctx, add_finding, &listing);
    return admin_page(r, 200, "admin/doctor", "Doctor",
        json_in(r->ctx->arena,
            json_pack("{sb, sO, si, si, si, so}", "done", 1, "findings", listing.findings, "fine",
                listing.counts[DOCTOR_FINE], "warn", listing.counts[DOCTOR_WARN], "fail", listing.counts[DOCTOR_FAIL],
                "at", view_time(r->ctx, r->ctx->now))));
}
