#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/utf8.h"
#include "web/request.h"
#include "web/router.h"

/* Paths from anywhere: what is found is what the row spells, and no value of a {name} can lead out of its segment. */

const struct route routes[] = {
    { .method = "GET", .path = "/" },
    { .method = "GET", .path = "/a/{x}" },
    { .method = "GET", .path = "/a/b" },
    { .method = "POST", .path = "/a/{x}/c" },
    { .method = "GET", .path = "/{x}/{y}/{z}" },
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

static void check_segment(const char *segment)
{
    assert(segment && *segment && utf8_is_valid(segment));
    assert(!strchr(segment, '/') && !strchr(segment, '\\') && !strstr(segment, ".."));
    for (const char *c = segment; *c; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_found(const struct request *r)
{
    size_t names = 0;

    for (const char *at = strchr(r->route->path, '{'); at; at = strchr(at + 1, '{'))
        check_segment(r->segments[names++]);
    for (; names < sizeof(r->segments) / sizeof(r->segments[0]); names++)
        assert(!r->segments[names]);
    assert(names == 0 || r->path[0] == '/');
    if (!strchr(r->route->path, '{'))
        assert(strcmp(r->route->path, r->path) == 0);
    if (strcmp(r->path, "/a/b") == 0)
        assert(r->route == &routes[2]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "DELETE" };
    struct arena *arena = arena_new();
    struct ctx ctx = { .arena = arena };
    struct request r = { .ctx = &ctx, .query = "" };

    if (size > 0) {
        r.method = methods[data[0] % 4];
        r.path = arena_strndup(arena, (const char *)data + 1, size - 1);
        struct error *error = router_find(&r);
        assert(!error == (r.route != NULL));
        assert(!error || error->code == E_NOT_FOUND || error->code == E_METHOD_NOT_ALLOWED);
        if (!error)
            check_found(&r);
    }
    arena_free(arena);
    return 0;
}
