#include "web/router.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "web/percent.h"
#include "web/reply.h"
#include "web/request.h"

struct segment {
    const char *text;
    size_t length;
};

/* Takes the next segment off a path; false at its end. "/" has one, which is empty. */
static bool next_segment(const char **path, struct segment *out)
{
    if (**path != '/')
        return false;
    out->text = *path + 1;
    out->length = strcspn(out->text, "/");
    *path = out->text + out->length;
    return true;
}

static bool is_name(struct segment segment)
{
    return segment.length > 0 && segment.text[0] == '{';
}

static bool same_text(struct segment a, struct segment b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static bool matches(const struct route *route, const char *path)
{
    const char *pattern = route->path;
    struct segment wanted, given;

    while (next_segment(&pattern, &wanted)) {
        if (!next_segment(&path, &given))
            return false;
        if (is_name(wanted) ? given.length == 0 : !same_text(wanted, given))
            return false;
    }
    return *path == '\0';
}

/* Of two rows that match the same path: below zero when `a` is the one that spells out the first segment where they differ,
 * zero when their patterns have names in the same places. */
static int compare(const struct route *a, const struct route *b)
{
    const char *in_a = a->path, *in_b = b->path;
    struct segment of_a, of_b;

    while (next_segment(&in_a, &of_a) && next_segment(&in_b, &of_b)) {
        if (is_name(of_a) != is_name(of_b))
            return is_name(of_a) ? 1 : -1;
    }
    return 0;
}

static const struct route *best_match(const char *path)
{
    const struct route *best = NULL;

    for (size_t i = 0; i < route_count; i++) {
        if (matches(&routes[i], path) && (!best || compare(&routes[i], best) < 0))
            best = &routes[i];
    }
    return best;
}

/* Servers and proxies disagree about these, so an access rule in front of us could be slipped past: there is nothing at
 * such an address. */
static bool is_ambiguous(struct request *r)
{
    static const char *const refused[] = { "%2f", "%5c", "\\", "//" };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (strcasestr(r->path, refused[i]))
            return true;
    }
    const char *decoded = percent_decode(r->ctx->arena, r->path, strlen(r->path), false);
    if (!decoded || strstr(decoded, ".."))
        return true;
    for (const char *c = decoded; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return true;
    }
    return false;
}

static void fill_segments(struct request *r)
{
    const char *pattern = r->route->path, *path = r->path;
    struct segment wanted, given;
    size_t count = 0;

    while (next_segment(&pattern, &wanted) && next_segment(&path, &given)) {
        if (!is_name(wanted))
            continue;
        assert(count < sizeof(r->segments) / sizeof(r->segments[0]));
        r->segments[count++] = percent_decode(r->ctx->arena, given.text, given.length, false);
    }
}

static struct error *not_allowed(struct request *r, const struct route *best)
{
    struct buf methods = { .arena = r->ctx->arena };

    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        if (!matches(route, r->path) || compare(route, best) != 0)
            continue;
        buf_printf(&methods, "%s%s", methods.length > 0 ? ", " : "", route->method);
        if (strcmp(route->method, "GET") == 0)
            buf_text(&methods, ", HEAD");
    }
    reply_header(r, "Allow", "%s", buf_string(&methods));
    return error_new(r->ctx, E_METHOD_NOT_ALLOWED, "this address takes %s", buf_string(&methods));
}

struct error *router_find(struct request *r)
{
    const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
    const struct route *best = is_ambiguous(r) ? NULL : best_match(r->path);

    if (!best)
        return error_new(r->ctx, E_NOT_FOUND, "there is nothing at this address");

    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        if (strcmp(route->method, method) == 0 && matches(route, r->path) && compare(route, best) == 0) {
            r->route = route;
            fill_segments(r);
            return NULL;
        }
    }
    return not_allowed(r, best);
}
