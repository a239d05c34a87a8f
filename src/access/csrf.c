#include "access/csrf.h"

#include <string.h>
#include <strings.h>

#include "access/session.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/url.h"
#include "web/request.h"

const char *csrf_token(struct ctx *ctx, const char *session_token)
{
    uint8_t key[32], hash[32];

    keyring_derive(ctx->config->keyring, "csrf", key);
    hmac_sha256((struct bytes){ key, sizeof(key) }, bytes_of(session_token), hash);
    wipe(key, sizeof(key));
    return base64url_encode(ctx->arena, (struct bytes){ hash, sizeof(hash) });
}

static bool is_own_origin(struct ctx *ctx, const char *origin)
{
    struct url own, other;

    return url_parse(ctx->arena, ctx->config->url, &own) && url_parse(ctx->arena, origin, &other)
        && url_same_origin(&own, &other);
}

/* A browser that says how the page it comes from relates to ours is believed; an older one sends at least an origin. As our
 * pages send no referrer, theirs is "null" after a form of ours as well as after one in a sandbox: the token decides. */
struct error *csrf_check_origin(struct request *r)
{
    const char *site = request_header(r, "Sec-Fetch-Site"), *origin = request_header(r, "Origin");
    bool own = site ? strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0
                    : !origin || strcmp(origin, "null") == 0 || is_own_origin(r->ctx, origin);

    return own ? NULL : error_new(r->ctx, E_FORBIDDEN, "This came from another site, so nothing was done.");
}

struct error *csrf_check(struct request *r)
{
    const char *given = request_header(r, "X-CSRF-Token");

    TRY(csrf_check_origin(r));
    if (!given)
        given = request_form_member(r, "csrf");
    if (given && same_bytes(bytes_of(given), bytes_of(r->session->csrf)))
        return NULL;
    return error_new(r->ctx, E_FORBIDDEN,
        "The page was older than your sign-in, so nothing was done. Load it again and send it once more.");
}
