#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/utf8.h"
#include "web/address.h"
#include "web/multipart.h"
#include "web/reply.h"
#include "web/request.h"
#include "web/router.h"

/* Queries, forms, cookies and forwarded addresses from anywhere: what comes out is UTF-8 within its limits, and the answer that
 * names what was wrong is one answer, whose headers nobody can add to. */

const struct route routes[] = { { .method = "GET", .path = "/" } };
const size_t route_count = 1;

struct search {
    const char *name;
    int64_t limit;
    bool open;
};

static const struct field fields[] = {
    FIELD(struct search, name, .min = 1, .max = 20),
    FIELD(struct search, limit, .min = 1, .max = 100, .optional = true),
    FIELD(struct search, open, .optional = true),
    FIELD_END,
};

static void check_error(struct request *r, const struct error *error)
{
    struct buf out = { .arena = r->ctx->arena };

    reply_error(r, error);
    reply_write(r, &out);
    const char *end = strstr(buf_string(&out), "\r\n\r\n");
    const char *length = strstr(buf_string(&out), "\r\nContent-Length: ");
    assert(end && length && length < end);
    assert(strtoul(length + 18, NULL, 10) == out.length - (size_t)(end + 4 - out.data));
    json_t *problem = json_loads(end + 4, 0, NULL);
    assert(problem && json_object_get(problem, "code"));
    json_decref(problem);
}

static void check_read(struct request *r, const struct search *search, const struct error *error)
{
    if (error) {
        check_error(r, error);
        return;
    }
    assert(search->name && utf8_is_valid(search->name) && strlen(search->name) <= 80);
    assert(search->limit >= 0 && search->limit <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct ctx ctx = { .arena = arena, .trace = "req_fuzz" };
    const char *text = arena_strndup(arena, (const char *)data, size);
    const char *environment[] = { arena_printf(arena, "HTTP_COOKIE=%s", text), NULL };
    struct request query = { .ctx = &ctx, .method = "GET", .path = "/", .query = text, .environment = environment };
    struct request form = query;
    struct search search = { 0 }, posted = { 0 };

    form.content_type = "application/x-www-form-urlencoded";
    form.body = (struct bytes){ data, size };
    struct error *error = request_query_fields(&query, fields, &search);
    check_read(&query, &search, error);
    error = request_form(&form, fields, &posted);
    check_read(&form, &posted, error);

    struct request file = form;
    struct multipart part;
    file.content_type = "multipart/form-data; boundary=x";
    if (request_upload(&file, "name", &part))
        assert(part.content.data >= data && part.content.data + part.content.length <= data + size);
    const char *member = request_form_member(&file, "name");
    assert(!member || utf8_is_valid(member));

    const char *value = request_query(&query, "name"), *cookie = request_cookie(&query, "sid");
    assert(!value || utf8_is_valid(value));
    assert(!cookie || !strpbrk(cookie, "; \t"));
    const char *address = address_of_client(arena, "10.0.0.1", text, "10.0.0.0/8");
    assert(address && strspn(address, "0123456789abcdefABCDEF.:") == strlen(address));
    address_in("192.0.2.1", text);
    arena_free(arena);
    return 0;
}
