#include "lone.h"

#include <signal.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/log.h"
#include "http/client.h"

struct ctx lone;
struct config lone_config;

static void start(void)
{
    signal(SIGPIPE, SIG_IGN);
    crypto_init();
    http_init();
    log_set_level(LOG_ERROR);
    lone_config = (struct config){
        .mode = MODE_TEST,
        .stripe_secret_key = "sk_test_lone",
        .stripe_api_url = "http://127.0.0.1:1",
        .stripe_api_version = "2026-08-26.dahlia",
        .provider_timeout_ms = 5000,
        .provider_deadline_ms = 2500,
        .breaker_threshold = 5,
        .breaker_seconds = 60,
    };
    lone = (struct ctx){
        .arena = arena_new(),
        .config = &lone_config,
        .http = http_open(),
        .now = clock_now(),
        .principal = { .kind = PRINCIPAL_SYSTEM, .id = "test" },
        .trace = "lone",
    };
}

static void end(void)
{
    http_close(lone.http);
    arena_free(lone.arena);
}

void lone_use(TCase *test_case)
{
    tcase_add_checked_fixture(test_case, start, end);
}

int lone_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void lone_ok(const struct error *error)
{
    if (error)
        ck_abort_msg("%s: %s (%s)", error_name(error->code), error->detail, error->cause ? error->cause : "no cause");
}
