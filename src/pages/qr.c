#include "pages/qr.h"

#include <qrencode.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ctx.h"
#include "base/field.h"

#define QUIET_ZONE 4

static void release(void *code)
{
    QRcode_free(code);
}

static bool is_dark(const QRcode *code, int x, int y)
{
    return x < code->width && code->data[y * code->width + x] & 1;
}

/* One rectangle for each run of dark modules in a row. */
static const char *path_of(struct ctx *ctx, const QRcode *code)
{
    struct buf path = { .arena = ctx->arena };

    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width; x++) {
            int start = x;

            while (is_dark(code, x, y))
                x++;
            if (x > start)
                buf_printf(&path, "M%d %dh%dv1h-%dz", start + QUIET_ZONE, y + QUIET_ZONE, x - start, x - start);
        }
    }
    return buf_string(&path);
}

struct error *qr_view(struct ctx *ctx, const char *text, json_t **out)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);

    if (!code)
        return error_new(ctx, E_INTERNAL_ERROR, "The QR code could not be made.");
    arena_defer(ctx->arena, release, code);
    *out = json_in(ctx->arena, json_pack("{si, ss}", "size", code->width + 2 * QUIET_ZONE, "path", path_of(ctx, code)));
    return NULL;
}
