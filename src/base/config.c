#include "base/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/field.h"
#include "base/log.h"
#include "base/money.h"
#include "base/url.h"
#include "base/utf8.h"

#ifndef TILL_DATA_DIR
#define TILL_DATA_DIR "/usr/local/share/till"
#endif

#define LINE_AT_MOST 8192

const char *const mode_names[] = { [MODE_TEST] = "test", [MODE_LIVE] = "live", NULL };

static const char *const
    level_names[] = { [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL };

static const char *const factor_names[] = { "required", "optional", NULL };

static const char *const tls_names[] = { "required", "none", NULL };

enum kind {
    TEXT,
    SECRET, // never printed, and taken out of the environment
    PATH,
    URL, // loses a slash at its end
    NAME,
    MODE,
    NUMBER,
    SWITCH,
    AMOUNTS,
};

struct setting {
    const char *name;
    const char *alias;
    enum kind kind;
    size_t offset;
    const char *otherwise; // the default
    int64_t min, max;
    const char *const *names;
    const char *sentence;
};

#define SETTING(name_, kind_, member, ...)                                                                             \
    {                                                                                                                  \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct config, member), __VA_ARGS__                       \
    }

static const struct setting settings[] = {
    SETTING("TILL_MODE", MODE, mode, .names = mode_names,
        .sentence = "\"test\" or \"live\"; follows from the providers' keys, and is \"test\" without any."),

    SETTING("DATABASE_URL", SECRET, database_url,
        .sentence = "How the application reaches PostgreSQL, as its own role."),
    SETTING("MIGRATE_DATABASE_URL", SECRET, migrate_database_url,
        .sentence = "The same as the schema's owner; only till migrate needs it."),
    SETTING("DB_POOL_SIZE", NUMBER, db_pool_size, .otherwise = "10", .min = 1, .max = 1000,
        .sentence = "Database connections of one process."),
    SETTING("TILL_KEYS_FILE", PATH, keys_file,
        .sentence = "The file with the keys that encrypt personal data, mode 0400; till key create makes one."),

    SETTING("TILL_URL", URL, url, .otherwise = "http://localhost:8080",
        .sentence = "The address under which browsers reach Till."),
    SETTING("TILL_TEMPLATES", PATH, templates_dir, .otherwise = TILL_DATA_DIR "/templates",
        .sentence = "Directory of the pages' templates."),
    SETTING("TILL_LOCALES", PATH, locales_dir, .otherwise = TILL_DATA_DIR "/locales",
        .sentence = "Directory of the texts, one file a language."),
    SETTING("TILL_SQL", PATH, sql_dir, .otherwise = TILL_DATA_DIR "/sql", .sentence = "Directory of the migrations."),
    SETTING("MERCHANT_NAME", TEXT, merchant_name, .otherwise = "Till", .min = 1, .max = 100,
        .sentence = "The shop's name, as payers read it."),
    SETTING("SUPPORT_EMAIL", TEXT, support_email, .max = 254, .sentence = "Where payers are told to ask for help."),
    SETTING("RETURN_ORIGINS", TEXT, return_origins, .max = 4000,
        .sentence = "Origins that success_url, cancel_url and return_url may have, by spaces."),
    SETTING("TRUSTED_PROXIES", TEXT, trusted_proxies, .max = 4000,
        .sentence = "Addresses and networks, by spaces, whose X-Forwarded-For is believed."),
    SETTING("STATEMENT_DESCRIPTOR", TEXT, descriptor, .min = 5, .max = 22,
        .sentence = "What payers read on their bank statement, 5 to 22 characters."),

    SETTING("SMTP_URL", TEXT, smtp_url, .max = 255,
        .sentence = "The mail server, like smtp://mail.example.com:587 or smtps://mail.example.com; without one no "
                    "mail is sent."),
    SETTING("SMTP_USER", TEXT, smtp_user, .max = 255, .sentence = "Who we are to the mail server."),
    SETTING("SMTP_PASSWORD", SECRET, smtp_password, .sentence = "The password that goes with it."),
    SETTING("SMTP_TLS", NAME, smtp_tls, .otherwise = "required", .names = tls_names,
        .sentence = "Whether mail goes over TLS: required, or none, which is for a mail server on this machine."),
    SETTING("SMTP_CA_FILE", PATH, smtp_ca_file,
        .sentence = "Certificates that the mail server's must come from, where the system's do not do."),
    SETTING("MAIL_FROM", TEXT, mail_from, .max = 254, .sentence = "The address that mail to payers comes from."),
    SETTING("MAIL_LOCALE", TEXT, mail_locale, .otherwise = "en", .min = 2, .max = 12,
        .sentence = "The language of mail where a checkout page has not chosen another."),

    SETTING("STRIPE_SECRET_KEY", SECRET, stripe_secret_key, .alias = "STRIPE_API_KEY",
        .sentence = "Stripe's secret or restricted key."),
    SETTING("STRIPE_PUBLISHABLE_KEY", TEXT, stripe_publishable_key, .alias = "STRIPE_PUBLIC_KEY", .max = 255,
        .sentence = "Stripe's publishable key, for the checkout page."),
    SETTING("STRIPE_WEBHOOK_SECRET", SECRET, stripe_webhook_secret,
        .sentence = "What Stripe signs webhooks with; several, by commas, while one is rolled."),
    SETTING("STRIPE_API_URL", URL, stripe_api_url, .otherwise = "https://api.stripe.com",
        .sentence = "Where Stripe's API is."),
    SETTING("STRIPE_API_VERSION", TEXT, stripe_api_version, .otherwise = "2026-08-26.dahlia", .min = 10, .max = 64,
        .sentence = "The version of Stripe's API that every request asks for."),
    SETTING("STRIPE_JS_URL", URL, stripe_js_url, .otherwise = "https://js.stripe.com/v3/",
        .sentence = "Where the checkout page loads Stripe.js from."),
    SETTING("STRIPE_TEST_MODE", SWITCH, stripe_test_mode,
        .sentence = "Insists on test keys (true) or live keys (false); follows from the keys when it is not set."),

    SETTING("STRIPE_MULTICAPTURE", SWITCH, multicapture, .otherwise = "false",
        .sentence =
            "Asks Stripe to let holds on cards be captured in several parts; Stripe must have enabled that for the "
            "account."),

    SETTING("JWT_SECRET", SECRET, jwt_secret,
        .sentence = "What the merchant's application signs customers' tokens with (HS256), 32 bytes or more; several "
                    "by commas."),
    SETTING("JWT_PUBLIC_KEY", TEXT, jwt_public_key, .max = 1000,
        .sentence = "The Ed25519 public key of such tokens (EdDSA), base64url of its 32 bytes; several by commas."),
    SETTING("JWT_AUDIENCE", TEXT, jwt_audience, .otherwise = "till", .min = 1, .max = 255,
        .sentence = "What a customer's token must name as its audience."),
    SETTING("JWT_ISSUER", TEXT, jwt_issuer, .min = 1, .max = 255,
        .sentence = "Who must have issued it; anyone who can sign when it is not set."),

    SETTING("PROVIDER_DEADLINE_MS", NUMBER, provider_deadline_ms, .otherwise = "2500", .min = 100, .max = 30000,
        .sentence = "How long a request waits for a provider before it answers \"processing\"."),
    SETTING("PROVIDER_TIMEOUT_MS", NUMBER, provider_timeout_ms, .otherwise = "20000", .min = 1000, .max = 120000,
        .sentence = "How long a job waits for a provider."),
    SETTING("BREAKER_THRESHOLD", NUMBER, breaker_threshold, .otherwise = "5", .min = 1, .max = 1000,
        .sentence = "Failures in a row after which a provider is left alone."),
    SETTING("BREAKER_SECONDS", NUMBER, breaker_seconds, .otherwise = "60", .min = 1, .max = 3600,
        .sentence = "How long it is then left alone."),
    SETTING("RATE_LIMIT_REQUESTS", NUMBER, rate_limit_requests, .otherwise = "100", .min = 1, .max = 1000000000,
        .sentence = "Requests that one caller may make in a window."),
    SETTING("RATE_LIMIT_WINDOW", NUMBER, rate_limit_window, .otherwise = "60", .min = 1, .max = 86400,
        .sentence = "Length of that window in seconds."),
    SETTING("PAYMENT_ATTEMPTS_PER_HOUR", NUMBER, payment_attempts_per_hour, .otherwise = "10", .min = 1,
        .max = 1000000000, .sentence = "Payments that one customer may try in an hour."),
    SETTING("REFUNDS_PER_DAY", NUMBER, refunds_per_day, .otherwise = "5", .min = 1, .max = 1000000000,
        .sentence = "Refunds for one customer in a day."),
    SETTING("TILL_REFUND_APPROVAL_LIMIT", AMOUNTS, refund_approval_limit,
        .sentence = "What may go back of one payment without a second person, like \"500.00 EUR, 60000 JPY\"; in a "
                    "currency that is not listed, nothing. Without it nobody has to be asked."),
    SETTING("WEBHOOK_RATE_PER_MINUTE", NUMBER, webhook_rate_per_minute, .otherwise = "6000", .min = 1,
        .max = 1000000000, .sentence = "Webhooks with a bad signature that one address may send in a minute."),
    SETTING("WEBHOOK_TIMEOUT_MS", NUMBER, webhook_timeout_ms, .otherwise = "15000", .min = 500, .max = 30000,
        .sentence = "How long an endpoint of the merchant may take to answer an event."),
    SETTING("WEBHOOK_ALLOW_LOOPBACK", SWITCH, webhook_allow_loopback,
        .sentence = "Lets events go to this machine, by plain http too; for development, in test mode only."),
    SETTING("SEPA_ENABLED", SWITCH, sepa_enabled,
        .sentence = "Takes SEPA Direct Debit for payments in euro, once it is switched on at Stripe, too."),
    SETTING("ACH_ENABLED", SWITCH, ach_enabled,
        .sentence = "Takes ACH Direct Debit from accounts in the United States, as above."),
    SETTING("KLARNA_ENABLED", SWITCH, klarna_enabled, .sentence = "Takes Klarna, as above."),
    SETTING("AFTERPAY_ENABLED", SWITCH, afterpay_enabled, .sentence = "Takes Afterpay (Clearpay), as above."),
    SETTING("BANK_TRANSFER_ENABLED", SWITCH, bank_transfer_enabled,
        .sentence = "Takes bank transfers for payments of a customer, as above."),
    SETTING("BANK_TRANSFER_COUNTRY", TEXT, bank_transfer_country, .otherwise = "DE", .min = 2, .max = 2,
        .sentence = "Where the account is that payers send euro to: BE, DE, ES, FR, IE or NL."),
    SETTING("APPLE_PAY_ENABLED", SWITCH, apple_pay_enabled, .otherwise = "true",
        .sentence =
            "Offers Apple Pay beside the card to payers whose device has it; Stripe must know TILL_URL's domain."),
    SETTING("GOOGLE_PAY_ENABLED", SWITCH, google_pay_enabled, .otherwise = "true",
        .sentence = "Offers Google Pay beside the card, as above."),
    SETTING("APPLE_PAY_DOMAIN_FILE", PATH, apple_pay_file,
        .sentence = "The file by which Apple knows the domain as ours; it is served where Apple looks for it."),
    SETTING("REMEMBER_METHOD_DAYS", NUMBER, remember_days, .otherwise = "30", .min = 0, .max = 3650,
        .sentence = "How long a kept payment method is used where none is named, after it was last paid with."),
    SETTING("REMEMBER_METHODS", SWITCH, remember_methods,
        .sentence = "Keeps the method of every payment of a customer; otherwise only where the request asks for it."),
    SETTING("CHECKOUT_TTL", NUMBER, checkout_ttl, .otherwise = "86400", .min = 60, .max = 2592000,
        .sentence = "How long a checkout session stays open, in seconds."),
    SETTING("AUTHORIZATION_DAYS", NUMBER, authorization_days, .otherwise = "7", .min = 1, .max = 90,
        .sentence = "How long what is authorized is held, where neither the provider nor the kind of method says."),
    SETTING("AUTHORIZATION_WARN_HOURS", NUMBER, authorization_warn_hours, .otherwise = "48", .min = 2, .max = 2160,
        .sentence = "How long before the end of a hold that nobody has captured a person and the shop are told."),
    SETTING("TILL_WORKERS", NUMBER, workers, .otherwise = "2", .min = 1, .max = 64,
        .sentence = "Processes that answer requests."),
    SETTING("TILL_THREADS", NUMBER, threads, .otherwise = "8", .min = 1, .max = 256,
        .sentence = "Threads in each of them."),
    SETTING("TILL_SECOND_FACTOR", NAME, second_factor, .otherwise = "required", .names = factor_names,
        .sentence = "Whether operators need an authenticator app to sign in: required, or optional in test mode."),
    SETTING("TILL_OUTWARD_THREADS", NUMBER, outward_threads, .otherwise = "4", .min = 1, .max = 64,
        .sentence = "Threads of each process that send events and mail."),
    SETTING("TILL_LOG_LEVEL", NAME, log_level, .otherwise = "info", .names = level_names,
        .sentence = "What is logged: debug, info, warn or error and above."),
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

/* A NAME=value line of the file. */
struct line {
    struct line *next;
    const char *name, *value;
};

struct loading {
    struct arena *arena;
    struct config *config;
    const char *file;
    struct line *lines;
    FILE *errors;
    unsigned needs;
    bool wrong;
    bool given[SETTING_COUNT]; // by the file or the environment, and understood
};

static void say(struct loading *loading, const char *name, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void wrong(struct loading *loading, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void notice(struct loading *loading, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct loading *loading, const char *name, const char *format, va_list arguments)
{
    fprintf(loading->errors, "%s: ", name);
    vfprintf(loading->errors, format, arguments);
    fputc('\n', loading->errors);
}

static void wrong(struct loading *loading, const char *name, const char *format, ...)
{
    va_list arguments;

    loading->wrong = true;
    va_start(arguments, format);
    say(loading, name, format, arguments);
    va_end(arguments);
}

static void notice(struct loading *loading, const char *name, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(loading, name, format, arguments);
    va_end(arguments);
}

static bool is_redis(const char *name)
{
    return strncmp(name, "REDIS_", 6) == 0;
}

static void *place(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

/* The file */

static const struct line *line_named(const struct loading *loading, const char *name)
{
    for (const struct line *line = loading->lines; line; line = line->next) {
        if (strcmp(line->name, name) == 0)
            return line;
    }
    return NULL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added or left out to make one of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    size_t length = smaller(strlen(b), 63);

    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];

            row[j] = smaller(smaller(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[length];
}

static bool is_name_of(const struct setting *setting, const char *name)
{
    return strcmp(setting->name, name) == 0 || (setting->alias && strcmp(setting->alias, name) == 0);
}

static void check_known(struct loading *loading, const char *name)
{
    const char *nearest = settings[0].name;

    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (is_name_of(&settings[i], name))
            return;
        if (distance(name, settings[i].name) < distance(name, nearest))
            nearest = settings[i].name;
    }
    if (!is_redis(name))
        wrong(loading, name, "is not a setting of Till (%s); the nearest is %s", loading->file, nearest);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *trim(char *text)
{
    while (is_space(*text))
        text++;
    for (size_t length = strlen(text); length > 0 && is_space(text[length - 1]); length--)
        text[length - 1] = '\0';
    return text;
}

static char *unquote(char *value)
{
    size_t length = strlen(value);

    if (length < 2 || (value[0] != '"' && value[0] != '\'') || value[length - 1] != value[0])
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

static void add_line(struct loading *loading, char *text, int number)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    char *start = trim(text);
    size_t length = strspn(start, allowed);

    if (!*start || *start == '#')
        return;
    char *equals = start + length + strspn(start + length, " \t");
    if (length == 0 || length > 60 || *equals != '=') {
        wrong(loading, loading->file, "line %d is not NAME=value", number);
        return;
    }
    start[length] = '\0';
    if (line_named(loading, start)) {
        wrong(loading, start, "is set twice in %s; keep one", loading->file);
        return;
    }

    struct line *line = arena_alloc(loading->arena, sizeof(*line));
    *line = (struct line){ loading->lines, arena_strdup(loading->arena, start),
        arena_strdup(loading->arena, unquote(trim(equals + 1))) };
    loading->lines = line;
    check_known(loading, line->name);
}

static void read_lines(struct loading *loading, FILE *file)
{
    char text[LINE_AT_MOST];
    int number = 0;

    while (fgets(text, sizeof(text), file)) {
        number++;
        if (!strchr(text, '\n') && !feof(file)) {
            wrong(loading, loading->file, "line %d is too long", number);
            break;
        }
        add_line(loading, text, number);
    }
    if (ferror(file))
        wrong(loading, loading->file, "cannot be read: %s", strerror(errno));
    wipe(text, sizeof(text));
}

static bool holds_secret(const struct loading *loading)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].kind == SECRET && line_named(loading, settings[i].name))
            return true;
    }
    return false;
}

static void read_file(struct loading *loading)
{
    FILE *file = loading->file ? fopen(loading->file, "re") : NULL;
    struct stat status;

    if (!loading->file)
        return;
    if (!file) {
        wrong(loading, loading->file, "cannot be opened: %s", strerror(errno));
        return;
    }
    read_lines(loading, file);
    if (fstat(fileno(file), &status) == 0 && (status.st_mode & S_IROTH) && holds_secret(loading))
        notice(loading, loading->file, "holds secrets and can be read by everyone on this machine: chmod 0640");
    fclose(file);
}

/* Values */

/* The environment wins over the file; what is set to nothing is not set. */
static const char *value_named(const struct loading *loading, const char *name)
{
    const char *value = name ? getenv(name) : NULL;

    if (name && (!value || !*value) && line_named(loading, name))
        value = line_named(loading, name)->value;
    return value && *value ? value : NULL;
}

static const char *value_of(struct loading *loading, const struct setting *setting)
{
    const char *value = value_named(loading, setting->name);
    const char *other = value_named(loading, setting->alias);

    if (value && other && strcmp(value, other) != 0)
        wrong(loading, setting->name, "and %s are two names of one setting and have different values; remove one",
            setting->alias);
    return value ? value : other;
}

static bool set_text(struct loading *loading, const struct setting *setting, const char *value)
{
    size_t length = strlen(value);

    if (!utf8_is_valid(value) || strpbrk(value, "\r\n"))
        wrong(loading, setting->name, "must be one line of UTF-8 text");
    else if (setting->max && (length < (size_t)setting->min || length > (size_t)setting->max))
        wrong(loading, setting->name, "must have %jd to %jd characters", (intmax_t)setting->min,
            (intmax_t)setting->max);
    else
        *(const char **)place(loading->config, setting) = arena_strdup(loading->arena, value);
    return *(const char **)place(loading->config, setting);
}

static bool set_url(struct loading *loading, const struct setting *setting, const char *value)
{
    char *copy = arena_strdup(loading->arena, value);
    size_t length = strlen(copy);
    struct url url;

    if (!url_parse(loading->arena, value, &url) || strpbrk(url.path, "?#")) {
        wrong(loading, setting->name, "must be an address like https://pay.example.com, without ? and #");
        return false;
    }
    // a script's address is complete as it is; the others get paths added
    if (length > 0 && copy[length - 1] == '/' && setting->offset != offsetof(struct config, stripe_js_url))
        copy[length - 1] = '\0';
    *(const char **)place(loading->config, setting) = copy;
    return true;
}

static bool set_number(struct loading *loading, const struct setting *setting, const char *value)
{
    int64_t *number = place(loading->config, setting);
    size_t digits = strspn(value, "0123456789");

    *number = strtoll(value, NULL, 10);
    if (digits > 0 && digits < 16 && !value[digits] && *number >= setting->min && *number <= setting->max)
        return true;
    wrong(loading, setting->name, "must be a whole number from %jd to %jd", (intmax_t)setting->min,
        (intmax_t)setting->max);
    return false;
}

static bool set_switch(struct loading *loading, const struct setting *setting, const char *value)
{
    static const char *const words[] = { "false", "0", "no", "off", "true", "1", "yes", "on" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i], value) == 0) {
            *(bool *)place(loading->config, setting) = i >= 4;
            return true;
        }
    }
    wrong(loading, setting->name, "must be true or false");
    return false;
}

/* "debug, info, warn or error" */
static const char *alternatives(struct arena *arena, const char *const *names)
{
    const char *text = names[0];

    for (size_t i = 1; names[i]; i++)
        text = arena_printf(arena, "%s%s%s", text, names[i + 1] ? ", " : " or ", names[i]);
    return text;
}

static bool set_amounts(struct loading *loading, const struct setting *setting, const char *value)
{
    const char *why;

    if (!money_list_check(value, &why)) {
        wrong(loading, setting->name, "%s", why);
        return false;
    }
    *(const char **)place(loading->config, setting) = arena_strdup(loading->arena, value);
    return true;
}

static bool set_name(struct loading *loading, const struct setting *setting, const char *value)
{
    int index = name_index(setting->names, value);

    if (index >= 0 && setting->kind == MODE)
        *(enum mode *)place(loading->config, setting) = (enum mode)index;
    else if (index >= 0)
        *(const char **)place(loading->config, setting) = setting->names[index];
    else
        wrong(loading, setting->name, "must be %s", alternatives(loading->arena, setting->names));
    return index >= 0;
}

static bool (*const setters[])(struct loading *loading, const struct setting *setting, const char *value) = {
    [TEXT] = set_text,
    [SECRET] = set_text,
    [PATH] = set_text,
    [URL] = set_url,
    [NAME] = set_name,
    [MODE] = set_name,
    [NUMBER] = set_number,
    [SWITCH] = set_switch,
    [AMOUNTS] = set_amounts,
};

static void set_all(struct loading *loading)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        const char *value = value_of(loading, setting);

        if (value)
            loading->given[i] = setters[setting->kind](loading, setting, value);
        if (!loading->given[i] && setting->otherwise)
            setters[setting->kind](loading, setting, setting->otherwise);
    }
}

static bool is_given(const struct loading *loading, const char *name)
{
    size_t i = 0;

    while (i < SETTING_COUNT && strcmp(settings[i].name, name) != 0)
        i++;
    assert(i < SETTING_COUNT);
    return loading->given[i];
}

/* Rules between settings */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The mode that one of Stripe's keys is for; false when it has the form of neither. */
static bool mode_of_key(const char *key, const char *const starts[], enum mode *mode)
{
    for (size_t i = 0; starts[i]; i++) {
        *mode = i % 2 ? MODE_LIVE : MODE_TEST;
        if (starts_with(key, starts[i]) && key[strlen(starts[i])])
            return true;
    }
    return false;
}

static const char *const secret_starts[] = { "sk_test_", "sk_live_", "rk_test_", "rk_live_", NULL };
static const char *const publishable_starts[] = { "pk_test_", "pk_live_", NULL };

/* Reads the mode from the keys; what was set beside them must agree. */
static void check_mode(struct loading *loading)
{
    struct config *config = loading->config;
    enum mode secret = config->mode, publishable = config->mode;
    bool has_secret = config->stripe_secret_key && mode_of_key(config->stripe_secret_key, secret_starts, &secret);
    bool has_publishable =
        config->stripe_publishable_key && mode_of_key(config->stripe_publishable_key, publishable_starts, &publishable);

    if (config->stripe_secret_key && !has_secret)
        wrong(loading, "STRIPE_SECRET_KEY", "must start with sk_test_, sk_live_, rk_test_ or rk_live_");
    if (config->stripe_publishable_key && !has_publishable)
        wrong(loading, "STRIPE_PUBLISHABLE_KEY", "must start with pk_test_ or pk_live_");
    if (has_secret && has_publishable && secret != publishable)
        wrong(loading, "STRIPE_PUBLISHABLE_KEY", "is a %s key and STRIPE_SECRET_KEY a %s key; take both from one mode",
            mode_names[publishable], mode_names[secret]);
    if (!has_secret && !has_publishable)
        return;

    enum mode mode = has_secret ? secret : publishable;
    if (is_given(loading, "TILL_MODE") && config->mode != mode)
        wrong(loading, "TILL_MODE", "is %s and the keys are %s keys", mode_names[config->mode], mode_names[mode]);
    if (is_given(loading, "STRIPE_TEST_MODE") && config->stripe_test_mode != (mode == MODE_TEST))
        wrong(loading, "STRIPE_TEST_MODE", "is %s and the keys are %s keys",
            config->stripe_test_mode ? "true" : "false", mode_names[mode]);
    config->mode = mode;
}

static void check_test_mode(struct loading *loading)
{
    struct config *config = loading->config;
    bool test = config->mode == MODE_TEST;

    if (is_given(loading, "TILL_MODE") && is_given(loading, "STRIPE_TEST_MODE") && config->stripe_test_mode != test)
        wrong(loading, "STRIPE_TEST_MODE", "does not go with TILL_MODE=%s", mode_names[config->mode]);
    if (!is_given(loading, "TILL_MODE") && !config->stripe_secret_key && is_given(loading, "STRIPE_TEST_MODE"))
        config->mode = config->stripe_test_mode ? MODE_TEST : MODE_LIVE;
    config->stripe_test_mode = config->mode == MODE_TEST;
    if (config->webhook_allow_loopback && config->mode == MODE_LIVE)
        wrong(loading, "WEBHOOK_ALLOW_LOOPBACK", "is for test mode; live events go to public addresses only");
}

/* Money and cards go by https; plain http is for a sandbox on this machine. */
static void check_provider_url(struct loading *loading, const char *name, const char *text)
{
    struct url url;

    if (!text || !url_parse(loading->arena, text, &url) || url.https)
        return;
    if (loading->config->mode == MODE_LIVE)
        wrong(loading, name, "must be https with live keys");
    else if (!url.loopback)
        wrong(loading, name, "must be https, or http to this machine (localhost) with test keys");
}

static void check_urls(struct loading *loading)
{
    const struct config *config = loading->config;
    struct url url;

    if (config->url && url_parse(loading->arena, config->url, &url) && !url.https && !url.loopback)
        wrong(loading, "TILL_URL", "must be https: card data is entered there");
    if (config->mode == MODE_LIVE && !is_given(loading, "TILL_URL"))
        wrong(loading, "TILL_URL", "is missing: set the address under which payers reach Till");
    check_provider_url(loading, "STRIPE_API_URL", config->stripe_api_url);
    check_provider_url(loading, "STRIPE_JS_URL", config->stripe_js_url);
}

/* Calls check() with each word of a list by spaces or commas. */
static void each_word(struct loading *loading, const char *list, const char *separators,
    void (*check)(struct loading *loading, const char *word))
{
    while (list && *(list += strspn(list, separators))) {
        size_t length = strcspn(list, separators);

        check(loading, arena_strndup(loading->arena, list, length));
        list += length;
    }
}

static void check_webhook_secret(struct loading *loading, const char *word)
{
    if (!starts_with(word, "whsec_") || !word[strlen("whsec_")])
        wrong(loading, "STRIPE_WEBHOOK_SECRET", "must start with whsec_; several are separated by commas");
}

static void check_jwt_secret(struct loading *loading, const char *word)
{
    if (strlen(word) < 32)
        wrong(loading, "JWT_SECRET", "must have 32 characters or more; several are separated by commas");
}

static void check_jwt_public_key(struct loading *loading, const char *word)
{
    struct bytes key;

    if (!base64url_decode(loading->arena, word, &key) || key.length != 32)
        wrong(loading, "JWT_PUBLIC_KEY",
            "must be base64url of 32 bytes, without padding; several are separated by commas");
}

static void check_origin(struct loading *loading, const char *word)
{
    struct url url;

    if (!url_parse(loading->arena, word, &url) || *url.path)
        wrong(loading, "RETURN_ORIGINS", "must be origins like https://shop.example.com, separated by spaces");
    else if (!url.https && !url.loopback)
        wrong(loading, "RETURN_ORIGINS", "must be https, or http to this machine (localhost)");
}

static void check_network(struct loading *loading, const char *word)
{
    size_t length = strcspn(word, "/");
    const char *host = arena_strndup(loading->arena, word, length);
    const char *bits = word[length] ? word + length + 1 : "0";
    uint8_t address[16];
    long most = inet_pton(AF_INET, host, address) == 1 ? 32 : inet_pton(AF_INET6, host, address) == 1 ? 128 : -1;

    if (most < 0 || strlen(bits) > 3 || !*bits || bits[strspn(bits, "0123456789")] || strtol(bits, NULL, 10) > most)
        wrong(loading, "TRUSTED_PROXIES", "must be addresses or networks like 10.0.0.0/8, separated by spaces");
}

static void check_lists(struct loading *loading)
{
    const struct config *config = loading->config;

    each_word(loading, config->stripe_webhook_secret, ", ", check_webhook_secret);
    each_word(loading, config->jwt_secret, ", ", check_jwt_secret);
    each_word(loading, config->jwt_public_key, ", ", check_jwt_public_key);
    each_word(loading, config->return_origins, " ", check_origin);
    each_word(loading, config->trusted_proxies, " ,", check_network);
}

static void check_descriptor(struct loading *loading)
{
    const char *descriptor = loading->config->descriptor;

    if (descriptor
        && (strpbrk(descriptor, "<>\\'\"*")
            || !strpbrk(descriptor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")))
        wrong(loading, "STATEMENT_DESCRIPTOR", "must have a letter and none of < > \\ ' \" *");
}

static void check_email(struct loading *loading)
{
    const char *email = loading->config->support_email;

    if (email && (!strchr(email, '@') || strpbrk(email, " <>,\"")))
        wrong(loading, "SUPPORT_EMAIL", "must be an address like help@shop.example.com");
}

static void check_second_factor(struct loading *loading)
{
    if (loading->config->mode == MODE_LIVE && strcmp(loading->config->second_factor, "required") != 0)
        wrong(loading, "TILL_SECOND_FACTOR", "must be required with live keys");
}

static bool is_local_relay(const char *url)
{
    static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
    const char *host = strstr(url, "://") + 3;
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (strlen(hosts[i]) == length && strncasecmp(host, hosts[i], length) == 0)
            return true;
    return false;
}

static void check_mail(struct loading *loading)
{
    const struct config *config = loading->config;
    const char *url = config->smtp_url, *from = config->mail_from;

    if (from && (!strchr(from, '@') || strpbrk(from, " <>,\"")))
        wrong(loading, "MAIL_FROM", "must be an address like receipts@shop.example.com");
    if (!url)
        return;
    if ((!starts_with(url, "smtp://") && !starts_with(url, "smtps://")) || strpbrk(url, " @?#"))
        wrong(loading, "SMTP_URL", "must be like smtp://mail.example.com:587, without a name or password");
    else if (strcmp(config->smtp_tls, "none") == 0 && !is_local_relay(url))
        wrong(loading, "SMTP_TLS", "may be none only where SMTP_URL is on this machine (localhost)");
    if (!from)
        wrong(loading, "MAIL_FROM", "is missing: mail needs an address to come from");
}

static void check_database(struct loading *loading)
{
    if ((loading->needs & CONFIG_DATABASE) && !loading->config->database_url)
        wrong(loading, "DATABASE_URL", "is missing: set it like postgresql://till_app@/till?host=/run/postgresql");
    if ((loading->needs & CONFIG_MIGRATION) && !loading->config->migrate_database_url)
        wrong(loading, "MIGRATE_DATABASE_URL",
            "is missing: set it like DATABASE_URL, with the role that owns the schema");
}

static void free_keyring(void *keyring)
{
    keyring_free(keyring);
}

static void check_keys(struct loading *loading)
{
    struct config *config = loading->config;
    const char *why = NULL;

    if (config->keys_file)
        config->keyring = keyring_load(config->keys_file, &why);
    if (config->keyring)
        arena_defer(loading->arena, free_keyring, config->keyring);
    else if ((loading->needs & CONFIG_KEYS) && !config->keys_file)
        wrong(loading, "TILL_KEYS_FILE", "is missing: make a file with till key create and name it here");
    else if (loading->needs & CONFIG_KEYS)
        wrong(loading, "TILL_KEYS_FILE", "%s %s", config->keys_file, why);
}

extern char **environ;

static void note_redis(struct loading *loading)
{
    static const char sentence[] = "is not needed: Till keeps everything in PostgreSQL";

    for (char **variable = environ; variable && *variable; variable++) {
        if (is_redis(*variable))
            notice(loading, arena_strndup(loading->arena, *variable, strcspn(*variable, "=")), sentence);
    }
    for (const struct line *line = loading->lines; line; line = line->next) {
        if (is_redis(line->name) && !getenv(line->name))
            notice(loading, line->name, sentence);
    }
}

static void (*const rules[])(struct loading *loading) = {
    check_mode,
    check_test_mode,
    check_urls,
    check_lists,
    check_descriptor,
    check_email,
    check_mail,
    check_second_factor,
    check_database,
    check_keys,
    note_redis,
};

/* Overwrites a variable before it is taken out: the kernel goes on showing the memory it was in. */
static void forget_variable(const char *name)
{
    char *value = name ? getenv(name) : NULL;

    if (!value)
        return;
    wipe(value, strlen(value));
    unsetenv(name);
}

static void forget_secrets(void)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].kind == SECRET) {
            forget_variable(settings[i].name);
            forget_variable(settings[i].alias);
        }
    }
}

const struct config *config_load_for(struct arena *arena, const char *file, unsigned needs, FILE *errors)
{
    struct config *config = arena_alloc(arena, sizeof(*config));
    struct loading loading = { .arena = arena, .config = config, .file = file, .errors = errors, .needs = needs };

    read_file(&loading);
    set_all(&loading);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        rules[i](&loading);
    forget_secrets();
    return loading.wrong ? NULL : config;
}

const struct config *config_load(struct arena *arena, const char *file, FILE *errors)
{
    return config_load_for(arena, file, CONFIG_DATABASE | CONFIG_KEYS, errors);
}

/* Printing */

static void print_value(const struct config *config, const struct setting *setting, FILE *out)
{
    const void *value = (const char *)config + setting->offset;
    const char *text;

    switch (setting->kind) {
    case MODE:
        fputs(mode_names[config->mode], out);
        return;
    case NUMBER:
        fprintf(out, "%jd", (intmax_t) * (const int64_t *)value);
        return;
    case SWITCH:
        fputs(*(const bool *)value ? "true" : "false", out);
        return;
    case SECRET:
        fputs(*(const char *const *)value ? "set" : "not set", out);
        return;
    case TEXT:
    case PATH:
    case URL:
    case NAME:
    case AMOUNTS:
        text = *(const char *const *)value;
        fputs(text ? text : "not set", out);
        return;
    }
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];

        fprintf(out, "# %s", setting->sentence);
        if (setting->otherwise)
            fprintf(out, " Default: %s.", setting->otherwise);
        if (setting->alias)
            fprintf(out, " Also called %s.", setting->alias);
        fprintf(out, "\n%s=", setting->name);
        print_value(config, setting, out);
        fputs("\n\n", out);
    }
}
