#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/id.h"
#include "cli/cli.h"
#include "events/event.h"
#include "http/client.h"
#include "outward/signature.h"

#define AT_ONCE 100
#define WAIT_MS 500
#define LOOK_BACK 10 // seconds: what commits late has an id from before

/* One run of the command. */
struct listener {
    struct cli *cli;
    const char *secret, *forward;
    bool json;
    json_t *seen; // ids of the last seconds
    const char *after;
    int64_t left;
};

static const char *forward(struct ctx *ctx, const struct listener *listener, const struct event *event,
    const char *body, const char *timestamp, const char *signature)
{
    const struct http_header headers[] = {
        { "Content-Type", "application/json" },
        { "Webhook-Id", event->id },
        { "Webhook-Timestamp", timestamp },
        { "Webhook-Signature", signature },
        { NULL, NULL },
    };
    struct http_request request = {
        .method = "POST",
        .url = listener->forward,
        .headers = headers,
        .body = bytes_of(body),
        .timeout_ms = ctx->config->webhook_timeout_ms,
        .max_body = 65536,
        .discard = true,
    };
    struct http_response response;

    http_send(ctx, &request, &response);
    return response.result == HTTP_ANSWERED ? arena_printf(ctx->arena, "it answered %d", response.status)
                                            : response.cause;
}

static bool tell(struct listener *listener, const struct event *event)
{
    struct ctx *ctx = &listener->cli->ctx;
    const char *body = event_body(ctx, event);
    const char *timestamp = arena_printf(ctx->arena, "%lld", (long long)time(NULL));
    const char *signature = signature_of(ctx, listener->secret, NULL, event->id, time(NULL), bytes_of(body));

    if (!signature) {
        cli_complain(listener->cli, "--secret is whsec_ and base64");
        return false;
    }
    if (listener->json)
        printf("%s\n", body);
    else
        printf("%s %s %s\n  webhook-id: %s\n  webhook-timestamp: %s\n  webhook-signature: %s\n  %s\n",
            instant_format(ctx->arena, event->created_at, false), event->type, event->object_id, event->id, timestamp,
            signature, body);
    if (listener->forward)
        fprintf(stderr, "%s %s: %s\n", event->id, event->type,
            forward(ctx, listener, event, body, timestamp, signature));
    fflush(stdout);
    return true;
}

/* What is new, the oldest first. Ids are looked at again for a while, because one that was made earlier may be committed later. */
static enum cli_status look(struct listener *listener)
{
    struct ctx *ctx = &listener->cli->ctx;
    struct field_list list;

    ctx->now = clock_now();
    struct error *error = event_list_after(ctx, listener->after, AT_ONCE, &list);
    if (error)
        return cli_failed(listener->cli, error);
    for (size_t i = 0; i < list.count && listener->left; i++) {
        const struct event *event = (const struct event *)list.items + i;
        if (json_object_get(listener->seen, event->id))
            continue;
        json_object_set_new(listener->seen, event->id, json_integer(event->created_at.us));
        if (!tell(listener, event))
            return CLI_USAGE;
        if (listener->left > 0)
            listener->left--;
    }
    /* past what is full, or old enough that nothing can come before it */
    for (size_t i = 0; i < list.count; i++) {
        const struct event *event = (const struct event *)list.items + i;
        if (list.count < AT_ONCE && event->created_at.us > ctx->now.us - INT64_C(1000000) * LOOK_BACK)
            break;
        json_object_del(listener->seen, listener->after ? listener->after : "");
        listener->after = event->id;
    }
    return CLI_OK;
}

/* Where listening begins: after what there is. */
static enum cli_status begin(struct listener *listener)
{
    struct ctx *ctx = &listener->cli->ctx;
    struct event_filter filter = { .limit = AT_ONCE };
    struct field_list list;
    struct error *error = event_list(ctx, &filter, &list);

    if (error)
        return cli_failed(listener->cli, error);
    for (size_t i = 0; i < list.count; i++)
        json_object_set_new(listener->seen, ((const struct event *)list.items + i)->id, json_true());
    if (list.count)
        listener->after = ((const struct event *)list.items + list.count - 1)->id;
    return CLI_OK;
}

enum cli_status cli_listen(struct cli *cli, int argc, char **argv)
{
    struct listener listener = { .cli = cli, .left = -1 };
    const char *limit_text = NULL;
    const struct cli_option options[] = {
        { "forward-to", &listener.forward, NULL, "send them there, too: https, or http to this machine" },
        { "secret", &listener.secret, NULL, "whsec_… to sign with; a new one is made and shown" },
        { "after", &listener.after, NULL, "begin after this event; else with what happens from now on" },
        { "limit", &limit_text, NULL, "end after so many" },
        { "json", NULL, &listener.json, "print the bodies alone, one a line" },
        CLI_OPTIONS_END,
    };
    char **arguments;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments)
        || (limit_text && !cli_number(cli, "--limit", limit_text, &listener.left)))
        return cli->status;
    listener.seen = json_in(cli->ctx.arena, json_object());
    if (!listener.secret) {
        listener.secret = signature_secret_new(&cli->ctx);
        fprintf(stderr, "Signing with %s\n", listener.secret);
    }
    enum cli_status status = listener.after ? CLI_OK : begin(&listener);
    while (status == CLI_OK && listener.left) {
        status = look(&listener);
        fflush(stdout);
        if (listener.left)
            nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
    }
    return status;
}
