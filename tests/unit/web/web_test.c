#include "web_test.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/log.h"
#include "web/reply.h"
#include "web/router.h"

struct ctx ctx;
struct config config;

static struct error *answer_empty(struct request *r)
{
    return reply_empty(r, 204);
}

struct asked {
    struct money amount;
    const char *note;
    unsigned reason;
    int64_t count;
};

static const char *const reason_names[] = { "duplicate", "fraudulent", NULL };

static const struct field asked[] = {
    FIELD(struct asked, amount, .min = 1),
    FIELD(struct asked, note, .optional = true, .summary = "What it was for"),
    FIELD(struct asked, reason, .names = reason_names, .optional = true),
    FIELD(struct asked, count, .min = 1, .max = 10, .optional = true),
    FIELD_END,
};

struct shown {
    const char *id;
    struct money amount;
    const char *note;
    struct instant created_at;
    unsigned reason;
};

static const struct field shown[] = {
    FIELD(struct shown, id),
    FIELD(struct shown, amount),
    FIELD(struct shown, note),
    FIELD(struct shown, created_at, .omit_empty = true),
    FIELD(struct shown, reason, .names = reason_names),
    FIELD_END,
};

struct page {
    int64_t limit;
    const char *cursor;
};

static const struct field page[] = {
    FIELD(struct page, limit, .min = 1, .max = 100, .optional = true),
    FIELD(struct page, cursor, .optional = true),
    FIELD_END,
};

/* A row with a name stands before the rows that spell it out, which have to win all the same. */
const struct route routes[] = {
    { "GET", "/", answer_empty, .answer = ANSWER_PAGE },
    { "GET", "/api/v1/payments/{id}", answer_empty, ACCESS_API_KEY, .scope = "payments:read", .shown = shown,
        .tag = "payments", .summary = "One payment" },
    { "GET", "/api/v1/payments/history", answer_empty, ACCESS_API_KEY, .query = page, .shown = shown,
        .shown_list = true, .tag = "payments" },
    { "POST", "/api/v1/payments/{id}/refund", answer_empty, ACCESS_API_KEY, .scope = "refunds:write",
        .idempotent = true, .asked = asked, .shown = shown, .success = 201, .success_also = 202, .tag = "refunds",
        .summary = "Give money back" },
    { "POST", "/api/v1/payments", answer_empty, ACCESS_API_KEY, .idempotent = true, .key_required = true,
        .asked = asked, .shown = shown, .success = 201, .tag = "payments" },
    { "GET", "/api/v1/payments", answer_empty, ACCESS_API_KEY, .query = page, .shown = shown, .shown_list = true,
        .tag = "payments" },
    { "POST", "/api/v1/webhooks/{provider}", answer_empty, ACCESS_WEBHOOK, .unlimited = true, .max_body = 256 * 1024 },
    { "GET", "/api/v1/page", answer_empty, .answer = ANSWER_PAGE },
    { "GET", "/checkout/{session}/{key}", answer_empty, ACCESS_CHECKOUT, .answer = ANSWER_PAGE, .checkout = true },
    { "GET", "/checkout/help/{key}", answer_empty, .answer = ANSWER_PAGE },
    { "GET", "/healthz", answer_empty, .answer = ANSWER_TEXT },
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

static void set_up(void)
{
    crypto_init();
    log_set_level(LOG_ERROR);
    config = (struct config){
        .mode = MODE_TEST,
        .url = "https://pay.example",
        .merchant_name = "Example & Sons",
        .stripe_js_url = "https://js.stripe.com/v3/",
    };
    ctx = (struct ctx){ .arena = arena_new(), .config = &config, .now = clock_now(), .trace = "req_test" };
}

static void tear_down(void)
{
    arena_free(ctx.arena);
    ctx.arena = NULL;
}

TCase *web_case(Suite *suite, const char *name)
{
    TCase *test_case = tcase_create(name);

    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_set_timeout(test_case, 60);
    suite_add_tcase(suite, test_case);
    return test_case;
}

int web_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

struct request *web_request(const char *method, const char *target, ...)
{
    struct request *r = arena_alloc(ctx.arena, sizeof(*r));
    const char **environment = arena_array(ctx.arena, 32, sizeof(*environment));
    size_t length = strcspn(target, "?"), count = 0;
    va_list further;

    va_start(further, target);
    for (const char *entry; (entry = va_arg(further, const char *)); count++)
        environment[count] = entry;
    va_end(further);
    *r = (struct request){
        .ctx = &ctx,
        .method = method,
        .path = arena_strndup(ctx.arena, target, length),
        .query = target[length] ? target + length + 1 : "",
        .environment = environment,
    };
    r->content_type = request_variable(r, "CONTENT_TYPE");
    return r;
}

struct request *web_post(const char *target, const char *content_type, const char *body)
{
    struct request *r = web_request("POST", target, NULL);

    r->content_type = content_type;
    r->body = bytes_of(body);
    return r;
}

const char *web_reply(struct request *r)
{
    struct buf out = { .arena = ctx.arena };

    reply_write(r, &out);
    return buf_string(&out);
}

const char *web_header(const char *reply, const char *name)
{
    size_t length = strlen(name);
    const char *end = strstr(reply, "\r\n\r\n");

    for (const char *line = reply; line && line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            return arena_strndup(ctx.arena, line + length + 2, strcspn(line + length + 2, "\r"));
    }
    return NULL;
}

json_t *web_json(const char *reply)
{
    const char *body = strstr(reply, "\r\n\r\n");
    json_t *value = body ? json_loads(body + 4, 0, NULL) : NULL;

    ck_assert_msg(value != NULL, "no JSON in: %s", reply);
    return json_in(ctx.arena, value);
}

static int by_pointer(const void *a, const void *b)
{
    return strcmp(((const struct error_field *)a)->pointer, ((const struct error_field *)b)->pointer);
}

const char *web_fields(const struct error *error)
{
    struct buf buf = { .arena = ctx.arena };

    if (error && error->field_count)
        qsort(error->fields, error->field_count, sizeof(error->fields[0]), by_pointer);
    for (size_t i = 0; error && i < error->field_count; i++)
        buf_printf(&buf, "%s: %s\n", error->fields[i].pointer, error->fields[i].detail);
    return buf_string(&buf);
}

void web_ok(const struct error *error)
{
    if (error)
        ck_abort_msg("%s: %s (%s) %s", error_name(error->code), error->detail, error->cause ? error->cause : "",
            web_fields(error));
}
