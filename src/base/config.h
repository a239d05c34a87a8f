#ifndef TILL_BASE_CONFIG_H
#define TILL_BASE_CONFIG_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct arena;
struct keyring;

enum mode { MODE_TEST, MODE_LIVE };
extern const char *const mode_names[]; // "test", "live"

/* Everything that can be set, by a file of KEY=value lines and by the environment, which wins. One table in config.c
 * gives each its name, aliases, type, default and the sentence that `till config` prints. Immutable after start. */
struct config {
    enum mode mode; // derived from the providers' keys; TILL_MODE when there are none

    const char *database_url;         // DATABASE_URL: the application's role
    const char *migrate_database_url; // MIGRATE_DATABASE_URL: the schema's owner; only `till` needs it
    int64_t db_pool_size;             // DB_POOL_SIZE, 10 a process
    const char *keys_file;            // TILL_KEYS_FILE
    struct keyring *keyring;

    const char *url;            // TILL_URL: public address, without a slash at the end
    const char *templates_dir;  // TILL_TEMPLATES
    const char *locales_dir;    // TILL_LOCALES
    const char *sql_dir;        // TILL_SQL
    const char *merchant_name;  // MERCHANT_NAME
    const char *support_email;  // SUPPORT_EMAIL
    const char *return_origins; // RETURN_ORIGINS: origins of success_url, cancel_url and return_url, by spaces
    const char *trusted_proxies;
    const char *descriptor; // STATEMENT_DESCRIPTOR

    const char *smtp_url;      // SMTP_URL: smtp:// or smtps://; none is no mail
    const char *smtp_user;     // SMTP_USER
    const char *smtp_password; // SMTP_PASSWORD
    const char *smtp_tls;      // SMTP_TLS: "required", or "none" to this machine
    const char *smtp_ca_file;  // SMTP_CA_FILE
    const char *mail_from;     // MAIL_FROM
    const char *mail_locale;   // MAIL_LOCALE

    const char *stripe_secret_key;           // STRIPE_SECRET_KEY, STRIPE_API_KEY
    const char *stripe_publishable_key;      // STRIPE_PUBLISHABLE_KEY, STRIPE_PUBLIC_KEY
    const char *jwt_secret, *jwt_public_key; // JWT_SECRET, JWT_PUBLIC_KEY: several, by commas, while one is rolled
    const char *jwt_audience, *jwt_issuer;   // JWT_AUDIENCE, JWT_ISSUER
    const char *stripe_webhook_secret;       // STRIPE_WEBHOOK_SECRET: several, by commas, while one is rolled
    const char *stripe_api_url;              // STRIPE_API_URL
    const char *stripe_api_version;          // STRIPE_API_VERSION
    const char *stripe_js_url;               // STRIPE_JS_URL
    bool stripe_test_mode;                   // STRIPE_TEST_MODE
    bool multicapture;                       // STRIPE_MULTICAPTURE

    int64_t provider_deadline_ms;      // PROVIDER_DEADLINE_MS, 2500: what a request waits for a provider
    int64_t provider_timeout_ms;       // PROVIDER_TIMEOUT_MS, 20000: what a job waits
    int64_t breaker_threshold;         // BREAKER_THRESHOLD, 5
    int64_t breaker_seconds;           // BREAKER_SECONDS, 60
    int64_t rate_limit_requests;       // RATE_LIMIT_REQUESTS, 100
    int64_t rate_limit_window;         // RATE_LIMIT_WINDOW, 60 s
    int64_t payment_attempts_per_hour; // PAYMENT_ATTEMPTS_PER_HOUR, 10 for each customer
    int64_t refunds_per_day;           // REFUNDS_PER_DAY, 5 for each customer
    const char *refund_approval_limit; // TILL_REFUND_APPROVAL_LIMIT: a list of amounts, or NULL
    int64_t webhook_rate_per_minute;   // WEBHOOK_RATE_PER_MINUTE, 6000 bad signatures for each address
    bool webhook_allow_loopback;       // WEBHOOK_ALLOW_LOOPBACK: endpoints of this machine, in test mode
    int64_t webhook_timeout_ms;        // WEBHOOK_TIMEOUT_MS, 15000: what an endpoint may take to answer
    int64_t outward_threads;           // TILL_OUTWARD_THREADS, 4 a process
    bool sepa_enabled;                 // SEPA_ENABLED
    bool ach_enabled;                  // ACH_ENABLED
    bool klarna_enabled;               // KLARNA_ENABLED
    bool afterpay_enabled;             // AFTERPAY_ENABLED
    bool bank_transfer_enabled;        // BANK_TRANSFER_ENABLED
    const char *bank_transfer_country; // BANK_TRANSFER_COUNTRY, DE
    bool apple_pay_enabled;            // APPLE_PAY_ENABLED
    bool google_pay_enabled;           // GOOGLE_PAY_ENABLED
    const char *apple_pay_file;        // APPLE_PAY_DOMAIN_FILE
    int64_t remember_days;             // REMEMBER_METHOD_DAYS, 30
    bool remember_methods;             // REMEMBER_METHODS: keeps the method of every payment of a customer
    int64_t checkout_ttl;              // CHECKOUT_TTL, 86400 s
    int64_t authorization_days;        // AUTHORIZATION_DAYS, 7
    int64_t authorization_warn_hours;  // AUTHORIZATION_WARN_HOURS, 48
    int64_t workers, threads;          // TILL_WORKERS 2, TILL_THREADS 8
    const char *log_level;             // TILL_LOG_LEVEL
    const char *second_factor;         // TILL_SECOND_FACTOR: "required" or "optional"
};

/* Reads the file (may be NULL) and the environment. All that is wrong is written to `errors`, a line each; NULL then.
 * What an operator should merely know is written there, too. Keys and database addresses are wiped from the
 * environment afterwards, so that they are not in /proc/self/environ. */
const struct config *config_load(struct arena *arena, const char *file, FILE *errors);

/* The same for commands that do without some of it: what is named here must be there and usable, the rest may be
 * missing. */
enum config_need { CONFIG_DATABASE = 1, CONFIG_KEYS = 2, CONFIG_MIGRATION = 4 };
const struct config *config_load_for(struct arena *arena, const char *file, unsigned needs, FILE *errors);

/* Every setting with its sentence, default and value; secrets as "set" or "not set". */
void config_print(const struct config *config, FILE *out);

#endif
