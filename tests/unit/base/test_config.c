#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"

#define KEYS "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

static const char *keys_file;

/* Nothing is set but what the program cannot do without. */
static void set_environment(void)
{
    clearenv();
    keys_file = base_file(KEYS, 0600);
    setenv("DATABASE_URL", "postgresql://till_app:hunter2@db/till", 1);
    setenv("TILL_KEYS_FILE", keys_file, 1);
}

static void clear_environment(void)
{
    clearenv();
}

static char *said;

/* What was written while loading is in `said`. */
static const struct config *load_for(const char *file, unsigned needs)
{
    size_t length;
    FILE *errors = open_memstream(&said, &length);
    const struct config *config = config_load_for(ctx.arena, file, needs, errors);

    fclose(errors);
    arena_defer(ctx.arena, free, said);
    return config;
}

static const struct config *load(const char *file)
{
    const struct config *config = load_for(file, CONFIG_DATABASE | CONFIG_KEYS);

    ck_assert_msg(config, "%s", said);
    return config;
}

START_TEST(test_defaults)
{
    const struct config *config = load(NULL);

    ck_assert_str_eq(said, "");
    ck_assert_int_eq(config->mode, MODE_TEST);
    ck_assert_str_eq(config->url, "http://localhost:8080");
    ck_assert_str_eq(config->stripe_api_url, "https://api.stripe.com");
    ck_assert_str_eq(config->stripe_api_version, "2026-08-26.dahlia");
    ck_assert_str_eq(config->stripe_js_url, "https://js.stripe.com/v3/");
    ck_assert_int_eq(config->db_pool_size, 10);
    ck_assert_int_eq(config->provider_deadline_ms, 2500);
    ck_assert_int_eq(config->provider_timeout_ms, 20000);
    ck_assert_int_eq(config->breaker_threshold, 5);
    ck_assert_int_eq(config->breaker_seconds, 60);
    ck_assert_int_eq(config->rate_limit_requests, 100);
    ck_assert_int_eq(config->rate_limit_window, 60);
    ck_assert_int_eq(config->payment_attempts_per_hour, 10);
    ck_assert_int_eq(config->refunds_per_day, 5);
    ck_assert_int_eq(config->webhook_rate_per_minute, 6000);
    ck_assert_int_eq(config->checkout_ttl, 86400);
    ck_assert_int_eq(config->workers, 2);
    ck_assert_int_eq(config->threads, 8);
    ck_assert_str_eq(config->log_level, "info");
    ck_assert(config->stripe_test_mode);
    ck_assert_ptr_null(config->stripe_secret_key);
    ck_assert_str_eq(keyring_current(config->keyring), "a");
}
END_TEST

START_TEST(test_the_environment_wins_over_the_file)
{
    const char *file = base_file("# settings\n"
                                 "\n"
                                 "MERCHANT_NAME=\"Cups & more\"\n"
                                 "  SUPPORT_EMAIL = help@example.com  \r\n"
                                 "TILL_WORKERS='4'\n"
                                 "STRIPE_API_VERSION='2026-01-01.basil\"\n"
                                 "DB_POOL_SIZE=1000\n"
                                 "REFUNDS_PER_DAY=1\n"
                                 "TILL_THREADS=16\n"
                                 "STRIPE_SECRET_KEY=sk_test_file",
        0600);

    setenv("TILL_THREADS", "32", 1);
    setenv("TILL_WORKERS", "", 1);
    setenv("UNKNOWN_TO_TILL", "x", 1);
    const struct config *config = load(file);
    ck_assert_str_eq(said, "");
    ck_assert_str_eq(config->merchant_name, "Cups & more");
    ck_assert_str_eq(config->support_email, "help@example.com");
    ck_assert_int_eq(config->threads, 32);
    ck_assert_int_eq(config->db_pool_size, 1000);
    ck_assert_str_eq(config->stripe_api_version, "'2026-01-01.basil\""); // no pair
    ck_assert_int_eq(config->refunds_per_day, 1);
    ck_assert_int_eq(config->workers, 4); // set to nothing in the environment
    ck_assert_str_eq(config->stripe_secret_key, "sk_test_file");
}
END_TEST

START_TEST(test_other_names_of_a_setting)
{
    setenv("STRIPE_API_KEY", "sk_test_a", 1);
    setenv("STRIPE_PUBLIC_KEY", "pk_test_a", 1);
    setenv("STRIPE_PUBLISHABLE_KEY", "pk_test_a", 1);
    const struct config *config = load(NULL);
    ck_assert_str_eq(config->stripe_secret_key, "sk_test_a");
    ck_assert_str_eq(config->stripe_publishable_key, "pk_test_a");
}
END_TEST

START_TEST(test_secrets_leave_the_environment)
{
    char *place = getenv("DATABASE_URL");

    setenv("STRIPE_API_KEY", "sk_test_a", 1);
    setenv("STRIPE_WEBHOOK_SECRET", "whsec_a", 1);
    setenv("TILL_URL", "http://localhost:9000/", 1);
    const struct config *config = load(NULL);
    ck_assert_str_eq(config->database_url, "postgresql://till_app:hunter2@db/till");
    ck_assert_ptr_null(getenv("DATABASE_URL"));
    ck_assert_ptr_null(getenv("STRIPE_API_KEY"));
    ck_assert_ptr_null(getenv("STRIPE_WEBHOOK_SECRET"));
    ck_assert_str_eq(place, ""); // the memory, too
    ck_assert_str_eq(getenv("TILL_URL"), "http://localhost:9000/");
    ck_assert_str_eq(config->url, "http://localhost:9000");
}
END_TEST

/* The mode follows from the keys. */
static const struct {
    const char *secret, *publishable, *mode_set;
    enum mode mode;
} mode_rows[] = {
    { "sk_test_a", "pk_test_a", NULL, MODE_TEST },
    { "rk_test_a", NULL, NULL, MODE_TEST },
    { "sk_live_a", "pk_live_a", NULL, MODE_LIVE },
    { "rk_live_a", "pk_live_a", "live", MODE_LIVE },
    { NULL, "pk_live_a", NULL, MODE_LIVE },
    { NULL, NULL, "live", MODE_LIVE },
    { NULL, NULL, "test", MODE_TEST },
};

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
}

START_TEST(test_the_mode_follows_from_the_keys)
{
    set("STRIPE_SECRET_KEY", mode_rows[_i].secret);
    set("STRIPE_PUBLISHABLE_KEY", mode_rows[_i].publishable);
    set("TILL_MODE", mode_rows[_i].mode_set);
    set("TILL_URL", "https://pay.example.com");
    const struct config *config = load(NULL);
    ck_assert_int_eq(config->mode, mode_rows[_i].mode);
    ck_assert_int_eq(config->stripe_test_mode, mode_rows[_i].mode == MODE_TEST);
}
END_TEST

/* What is accepted, beside what is needed. */
static const struct {
    const char *name, *value, *other_name, *other_value;
} fine[] = {
    { "STRIPE_API_URL", "http://127.0.0.1:8090/", NULL, NULL },
    { "STRIPE_API_URL", "http://localhost:8090", "STRIPE_SECRET_KEY", "sk_test_a" },
    { "STRIPE_API_URL", "https://stripe.proxy.example", "STRIPE_SECRET_KEY", "sk_test_a" },
    { "STRIPE_JS_URL", "http://localhost:8090/v3/", NULL, NULL },
    { "TILL_URL", "https://pay.example.com/till", NULL, NULL },
    { "TILL_URL", "http://[::1]:8080", NULL, NULL },
    { "STRIPE_WEBHOOK_SECRET", "whsec_a,whsec_b", NULL, NULL },
    { "STRIPE_WEBHOOK_SECRET", "whsec_a, whsec_b,", NULL, NULL },
    { "STRIPE_TEST_MODE", "YES", "STRIPE_SECRET_KEY", "sk_test_a" },
    { "RETURN_ORIGINS", "https://shop.example.com http://localhost:3000", NULL, NULL },
    { "TRUSTED_PROXIES", "127.0.0.1 10.0.0.0/8,::1 fd00::/8", NULL, NULL },
    { "STATEMENT_DESCRIPTOR", "CUPS & MORE", NULL, NULL },
    { "TILL_LOG_LEVEL", "debug", NULL, NULL },
    { "RATE_LIMIT_REQUESTS", "100000", NULL, NULL },
};

START_TEST(test_what_is_accepted)
{
    set(fine[_i].name, fine[_i].value);
    if (fine[_i].other_name)
        set(fine[_i].other_name, fine[_i].other_value);
    load(NULL);
    ck_assert_str_eq(said, "");
}
END_TEST

/* What is refused, and in which words. */
static const struct {
    const char *name, *value, *other_name, *other_value, *said;
} refused[] = {
    { "DATABASE_URL", "", NULL, NULL,
        "DATABASE_URL: is missing: set it like postgresql://till_app@/till?host=/run/postgresql\n" },
    { "TILL_KEYS_FILE", "", NULL, NULL,
        "TILL_KEYS_FILE: is missing: make a file with till key create and name it here\n" },
    { "TILL_KEYS_FILE", "/nonexistent", NULL, NULL,
        "TILL_KEYS_FILE: /nonexistent cannot be opened: No such file or directory\n" },
    { "STRIPE_SECRET_KEY", "sk_test_a", "STRIPE_API_KEY", "sk_test_b",
        "STRIPE_SECRET_KEY: and STRIPE_API_KEY are two names of one setting and have different values; remove one\n" },
    { "STRIPE_PUBLISHABLE_KEY", "pk_test_a", "STRIPE_PUBLIC_KEY", "pk_test_b",
        "STRIPE_PUBLISHABLE_KEY: and STRIPE_PUBLIC_KEY are two names of one setting and have different values; remove "
        "one\n" },
    { "STRIPE_SECRET_KEY", "sk_live_a", "STRIPE_PUBLISHABLE_KEY", "pk_test_a",
        "STRIPE_PUBLISHABLE_KEY: is a test key and STRIPE_SECRET_KEY a live key; take both from one mode\n" },
    { "STRIPE_SECRET_KEY", "rk_test_a", "STRIPE_PUBLISHABLE_KEY", "pk_live_a",
        "STRIPE_PUBLISHABLE_KEY: is a live key and STRIPE_SECRET_KEY a test key; take both from one mode\n" },
    { "STRIPE_SECRET_KEY", "sk_live_a", "STRIPE_TEST_MODE", "true",
        "STRIPE_TEST_MODE: is true and the keys are live keys\n" },
    { "STRIPE_SECRET_KEY", "sk_test_a", "STRIPE_TEST_MODE", "false",
        "STRIPE_TEST_MODE: is false and the keys are test keys\n" },
    { "STRIPE_SECRET_KEY", "sk_test_a", "TILL_MODE", "live", "TILL_MODE: is live and the keys are test keys\n" },
    { "TILL_MODE", "test", "STRIPE_TEST_MODE", "false", "STRIPE_TEST_MODE: does not go with TILL_MODE=test\n" },
    { "STRIPE_SECRET_KEY", "SECRET", NULL, NULL,
        "STRIPE_SECRET_KEY: must start with sk_test_, sk_live_, rk_test_ or rk_live_\n" },
    { "STRIPE_SECRET_KEY", "sk_test_", NULL, NULL,
        "STRIPE_SECRET_KEY: must start with sk_test_, sk_live_, rk_test_ or rk_live_\n" },
    { "STRIPE_PUBLISHABLE_KEY", "sk_test_a", NULL, NULL,
        "STRIPE_PUBLISHABLE_KEY: must start with pk_test_ or pk_live_\n" },
    { "STRIPE_WEBHOOK_SECRET", "whsec_a,SECRET", NULL, NULL,
        "STRIPE_WEBHOOK_SECRET: must start with whsec_; several are separated by commas\n" },
    { "STRIPE_SECRET_KEY", "sk_live_a", "STRIPE_API_URL", "http://localhost:8090",
        "STRIPE_API_URL: must be https with live keys\n" },
    { "STRIPE_SECRET_KEY", "sk_live_a", "STRIPE_JS_URL", "http://localhost:8090/v3/",
        "STRIPE_JS_URL: must be https with live keys\n" },
    { "STRIPE_API_URL", "http://sandbox.example", NULL, NULL,
        "STRIPE_API_URL: must be https, or http to this machine (localhost) with test keys\n" },
    { "STRIPE_API_URL", "https://user:password@api.stripe.com", NULL, NULL,
        "STRIPE_API_URL: must be an address like https://pay.example.com, without ? and #\n" },
    { "TILL_URL", "http://pay.example.com", NULL, NULL, "TILL_URL: must be https: card data is entered there\n" },
    { "TILL_URL", "pay.example.com", NULL, NULL,
        "TILL_URL: must be an address like https://pay.example.com, without ? and #\n" },
    { "TILL_URL", "https://pay.example.com/?a", NULL, NULL,
        "TILL_URL: must be an address like https://pay.example.com, without ? and #\n" },
    { "TILL_WORKERS", "0", NULL, NULL, "TILL_WORKERS: must be a whole number from 1 to 64\n" },
    { "TILL_WORKERS", "65", NULL, NULL, "TILL_WORKERS: must be a whole number from 1 to 64\n" },
    { "TILL_WORKERS", "-1", NULL, NULL, "TILL_WORKERS: must be a whole number from 1 to 64\n" },
    { "TILL_WORKERS", "2 ", NULL, NULL, "TILL_WORKERS: must be a whole number from 1 to 64\n" },
    { "TILL_WORKERS", "two", NULL, NULL, "TILL_WORKERS: must be a whole number from 1 to 64\n" },
    { "TILL_WORKERS", "99999999999999999999999", NULL, NULL, "TILL_WORKERS: must be a whole number from 1 to 64\n" },
    { "RATE_LIMIT_WINDOW", "86401", NULL, NULL, "RATE_LIMIT_WINDOW: must be a whole number from 1 to 86400\n" },
    { "STRIPE_TEST_MODE", "maybe", NULL, NULL, "STRIPE_TEST_MODE: must be true or false\n" },
    { "TILL_MODE", "sandbox", NULL, NULL, "TILL_MODE: must be test or live\n" },
    { "TILL_LOG_LEVEL", "loud", NULL, NULL, "TILL_LOG_LEVEL: must be debug, info, warn or error\n" },
    { "MERCHANT_NAME", "\xff", NULL, NULL, "MERCHANT_NAME: must be one line of UTF-8 text\n" },
    { "MERCHANT_NAME", "a\nb", NULL, NULL, "MERCHANT_NAME: must be one line of UTF-8 text\n" },
    { "RETURN_ORIGINS", "https://shop.example.com/x", NULL, NULL,
        "RETURN_ORIGINS: must be origins like https://shop.example.com, separated by spaces\n" },
    { "RETURN_ORIGINS", "*", NULL, NULL,
        "RETURN_ORIGINS: must be origins like https://shop.example.com, separated by spaces\n" },
    { "RETURN_ORIGINS", "http://shop.example.com", NULL, NULL,
        "RETURN_ORIGINS: must be https, or http to this machine (localhost)\n" },
    { "TRUSTED_PROXIES", "10.0.0.0/33", NULL, NULL,
        "TRUSTED_PROXIES: must be addresses or networks like 10.0.0.0/8, separated by spaces\n" },
    { "TRUSTED_PROXIES", "proxy.example.com", NULL, NULL,
        "TRUSTED_PROXIES: must be addresses or networks like 10.0.0.0/8, separated by spaces\n" },
    { "SUPPORT_EMAIL", "help", NULL, NULL, "SUPPORT_EMAIL: must be an address like help@shop.example.com\n" },
    { "SUPPORT_EMAIL", "Help <help@example.com>", NULL, NULL,
        "SUPPORT_EMAIL: must be an address like help@shop.example.com\n" },
    { "STATEMENT_DESCRIPTOR", "CUP", NULL, NULL, "STATEMENT_DESCRIPTOR: must have 5 to 22 characters\n" },
    { "STATEMENT_DESCRIPTOR", "CUPS*MORE", NULL, NULL,
        "STATEMENT_DESCRIPTOR: must have a letter and none of < > \\ ' \" *\n" },
    { "STATEMENT_DESCRIPTOR", "12345", NULL, NULL,
        "STATEMENT_DESCRIPTOR: must have a letter and none of < > \\ ' \" *\n" },
};

START_TEST(test_what_is_refused)
{
    set("TILL_URL", "https://pay.example.com");
    set(refused[_i].name, refused[_i].value);
    if (refused[_i].other_name)
        set(refused[_i].other_name, refused[_i].other_value);
    ck_assert_ptr_null(load_for(NULL, CONFIG_DATABASE | CONFIG_KEYS));
    ck_assert_str_eq(said, refused[_i].said);
}
END_TEST

START_TEST(test_all_that_is_wrong_is_said_at_once)
{
    const char *file = base_file("TILL_WORKER=2\nnonsense\nTILL_THREADS=0\nTILL_THREADS=1\n", 0600);

    clearenv();
    set("STRIPE_SECRET_KEY", "sk_live_a");
    set("STRIPE_PUBLISHABLE_KEY", "pk_test_a");
    set("STRIPE_TEST_MODE", "true");
    ck_assert_ptr_null(load_for(file, CONFIG_DATABASE | CONFIG_KEYS | CONFIG_MIGRATION));
    ck_assert_str_eq(said,
        arena_printf(ctx.arena,
            "TILL_WORKER: is not a setting of Till (%s); the nearest is TILL_WORKERS\n"
            "%s: line 2 is not NAME=value\n"
            "TILL_THREADS: is set twice in %s; keep one\n"
            "TILL_THREADS: must be a whole number from 1 to 256\n"
            "STRIPE_PUBLISHABLE_KEY: is a test key and STRIPE_SECRET_KEY a live key; take both from one mode\n"
            "STRIPE_TEST_MODE: is true and the keys are live keys\n"
            "TILL_URL: is missing: set the address under which payers reach Till\n"
            "DATABASE_URL: is missing: set it like postgresql://till_app@/till?host=/run/postgresql\n"
            "MIGRATE_DATABASE_URL: is missing: set it like DATABASE_URL, with the role that owns the schema\n"
            "TILL_KEYS_FILE: is missing: make a file with till key create and name it here\n",
            file, file, file));
}
END_TEST

START_TEST(test_commands_do_without_some_settings)
{
    clearenv();
    const struct config *config = load_for(NULL, 0);
    ck_assert_msg(config, "%s", said);
    ck_assert_ptr_null(config->keyring);
    ck_assert_ptr_null(config->database_url);

    // what is there is used, and what cannot be used does not matter
    set("TILL_KEYS_FILE", "/nonexistent");
    ck_assert_ptr_nonnull(load_for(NULL, 0));
    ck_assert_str_eq(said, "");
    set("MIGRATE_DATABASE_URL", "postgresql:///till");
    ck_assert_ptr_nonnull(load_for(NULL, CONFIG_MIGRATION));
}
END_TEST

START_TEST(test_redis_is_not_needed)
{
    set("REDIS_URL", "redis://localhost:6379");
    load(base_file("REDIS_HOST=localhost\nREDIS_URL=redis://other\n", 0600));
    ck_assert_str_eq(said,
        "REDIS_URL: is not needed: Till keeps everything in PostgreSQL\n"
        "REDIS_HOST: is not needed: Till keeps everything in PostgreSQL\n");
}
END_TEST

static const struct {
    const char *name, *nearest;
} misspelt[] = {
    { "DATABASEURL", "DATABASE_URL" },
    { "STRIPE_SECRETKEY", "STRIPE_SECRET_KEY" },
    { "RATE_LIMIT_REQUEST", "RATE_LIMIT_REQUESTS" },
    { "TIL_URL", "TILL_URL" },
    { "CHECKOUT_TIL", "CHECKOUT_TTL" },
};

START_TEST(test_a_misspelt_name_is_put_right)
{
    const char *file = base_file(arena_printf(ctx.arena, "%s=x\n", misspelt[_i].name), 0600);

    ck_assert_ptr_null(load_for(file, 0));
    ck_assert_str_eq(said,
        arena_printf(ctx.arena, "%s: is not a setting of Till (%s); the nearest is %s\n", misspelt[_i].name, file,
            misspelt[_i].nearest));
}
END_TEST

START_TEST(test_a_file_that_is_not_there)
{
    ck_assert_ptr_null(load_for("/nonexistent/till.conf", 0));
    ck_assert_str_eq(said, "/nonexistent/till.conf: cannot be opened: No such file or directory\n");
    ck_assert_ptr_null(load_for("/tmp", 0));
    ck_assert_str_eq(said, "/tmp: cannot be read: Is a directory\n");
}
END_TEST

START_TEST(test_a_line_too_long)
{
    char text[20000];

    memset(text, 'A', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    const char *file = base_file(text, 0600);
    ck_assert_ptr_null(load_for(file, 0));
    ck_assert_str_eq(said, arena_printf(ctx.arena, "%s: line 1 is too long\n", file));
}
END_TEST

START_TEST(test_secrets_that_everyone_can_read)
{
    const char *file = base_file("STRIPE_SECRET_KEY=sk_test_a\n", 0644);

    load(file);
    ck_assert_str_eq(said,
        arena_printf(ctx.arena, "%s: holds secrets and can be read by everyone on this machine: chmod 0640\n", file));
    load_for(base_file("TILL_WORKERS=2\n", 0644), 0);
    ck_assert_str_eq(said, "");
}
END_TEST

/* Nothing secret is printed, by no message and by no list. */
START_TEST(test_secrets_are_not_printed)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    set("STRIPE_SECRET_KEY", "sk_test_hunter2");
    set("STRIPE_WEBHOOK_SECRET", "whsec_hunter2");
    set("MIGRATE_DATABASE_URL", "postgresql://till_owner:hunter2@db/till");
    set("MERCHANT_NAME", "Cups");
    config_print(load(NULL), out);
    fclose(out);
    arena_defer(ctx.arena, free, text);
    ck_assert_ptr_null(strstr(text, "hunter2"));
    ck_assert_ptr_nonnull(strstr(text, "\nSTRIPE_SECRET_KEY=set\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nDATABASE_URL=set\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nMERCHANT_NAME=Cups\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nSUPPORT_EMAIL=not set\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nTILL_MODE=test\n"));
    ck_assert_ptr_nonnull(strstr(text, "# Processes that answer requests. Default: 2.\nTILL_WORKERS=2\n"));

    clearenv();
    set("STRIPE_SECRET_KEY", "hunter2");
    set("STRIPE_WEBHOOK_SECRET", "hunter2");
    set("STRIPE_PUBLISHABLE_KEY", "hunter2");
    ck_assert_ptr_null(load_for(base_file("hunter2\nDATABASE_URL hunter2\n", 0600), 0));
    ck_assert_ptr_null(strstr(said, "hunter2"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *test_case = base_case(suite, "config");

    tcase_add_checked_fixture(test_case, set_environment, clear_environment);
    tcase_add_test(test_case, test_defaults);
    tcase_add_test(test_case, test_the_environment_wins_over_the_file);
    tcase_add_test(test_case, test_other_names_of_a_setting);
    tcase_add_test(test_case, test_secrets_leave_the_environment);
    tcase_add_loop_test(test_case, test_the_mode_follows_from_the_keys, 0, COUNT(mode_rows));
    tcase_add_loop_test(test_case, test_what_is_accepted, 0, COUNT(fine));
    tcase_add_loop_test(test_case, test_what_is_refused, 0, COUNT(refused));
    tcase_add_test(test_case, test_all_that_is_wrong_is_said_at_once);
    tcase_add_test(test_case, test_commands_do_without_some_settings);
    tcase_add_test(test_case, test_redis_is_not_needed);
    tcase_add_loop_test(test_case, test_a_misspelt_name_is_put_right, 0, COUNT(misspelt));
    tcase_add_test(test_case, test_a_file_that_is_not_there);
    tcase_add_test(test_case, test_a_line_too_long);
    tcase_add_test(test_case, test_secrets_that_everyone_can_read);
    tcase_add_test(test_case, test_secrets_are_not_printed);
    return base_main(suite);
}
