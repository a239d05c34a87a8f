#include "sandbox/uploads.h"

#include "base/arena.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#include <stdlib.h>
#include <string.h>

static const char *const purposes[] = { "account_requirement", "additional_verification", "business_icon",
    "business_logo", "customer_signature", "dispute_evidence", "identity_document", "pci_document",
    "tax_document_user_upload", NULL };

const struct param file_create_params[] = {
    ANY(file),
    ANY(file_link_data),
    TEXT(purpose, .required = true, .names = purposes),
    PARAMS_END,
};

/* The value of name="…" in the head of a part; NULL when it has none. */
static const char *value_in(struct arena *arena, const char *head, const char *name)
{
    const char *at = strstr(head, arena_printf(arena, " %s=\"", name));

    if (!at)
        return NULL;
    at += strlen(name) + 3;
    return arena_strndup(arena, at, strcspn(at, "\""));
}

static const char *type_in(struct arena *arena, const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-type:");

    if (!at)
        return "application/octet-stream";
    at += strlen("\r\ncontent-type:");
    at += strspn(at, " ");
    return arena_strndup(arena, at, strcspn(at, "\r\n"));
}

/* The content is looked at and forgotten. */
static json_t *describe(struct arena *arena, const char *head, const char *filename, struct bytes content)
{
    uint8_t digest[32];

    sha256(content, digest);
    return json_pack("{s:s, s:s, s:s, s:s}", "filename", filename, "type", type_in(arena, head), "size",
        arena_printf(arena, "%zu", content.length), "digest",
        hex_encode(arena, (struct bytes){ digest, sizeof digest }));
}

static const char *find(struct bytes body, size_t from, const char *what)
{
    return from < body.length ? memmem(body.data + from, body.length - from, what, strlen(what)) : NULL;
}

/* One part, from behind its boundary line to the next boundary. */
static bool read_part(struct arena *arena, const char *part, size_t length, json_t *out)
{
    const char *end = memmem(part, length, "\r\n\r\n", 4);

    if (!end)
        return false;
    const char *head = arena_strndup(arena, part, (size_t)(end - part));
    const char *name = value_in(arena, head, "name"), *filename = value_in(arena, head, "filename");
    struct bytes content = { (const uint8_t *)end + 4, length - (size_t)(end + 4 - part) };

    if (!name)
        return false;
    set_new(out, name,
        filename ? describe(arena, head, filename, content) : json_stringn((const char *)content.data, content.length));
    return true;
}

json_t *uploads_form(struct arena *arena, const char *content_type, struct bytes body)
{
    const char *given = strstr(content_type, "boundary=");
    json_t *form = json_in(arena, json_object());

    if (!given)
        return NULL;
    const char *boundary = arena_printf(arena, "--%s", given + strlen("boundary="));
    const char *at = find(body, 0, boundary);
    while (at) {
        size_t from = (size_t)(at - (const char *)body.data) + strlen(boundary);
        const char *next = find(body, from, arena_printf(arena, "\r\n%s", boundary));

        if (!next)
            return form;
        if (!read_part(arena, (const char *)body.data + from, (size_t)(next - (const char *)body.data) - from, form))
            return NULL;
        at = next + 2;
    }
    return NULL;
}

struct failure *file_create(struct call *call)
{
    const json_t *sent = json_object_get(call->params, "file");
    json_t *file = blank("{'id':null,'object':'file','created':0,'expires_at':null,'filename':null,'links':null,"
                         "'purpose':null,'size':0,'title':null,'type':null,'url':null}");
    const char *type = json_get_text(sent, "type"), *size = json_get_text(sent, "size");

    if (!type || !size) {
        json_decref(file);
        return fail_early(call, 400, "parameter_missing", "file", "Missing required param: file.");
    }
    set_text(file, "id", id_stripe(call->ctx, "file"));
    set_int(file, "created", call->now);
    set_copy(file, "filename", sent, "filename");
    set_copy(file, "purpose", call->params, "purpose");
    set_int(file, "size", strtoll(size, NULL, 10));
    set_text(file, "type",
        strcmp(type, "application/pdf") == 0 ? "pdf"
            : strcmp(type, "image/png") == 0 ? "png"
                                             : "jpg");
    return answer(call, store_add(call->sandbox->store, KIND_FILE, file));
}

struct failure *file_get(struct call *call)
{
    const struct record *record = store_get(call->sandbox->store, KIND_FILE, call->segments[0]);

    return record ? answer(call, record) : fail_missing(call, "file", call->segments[0], "file");
}
