#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"
#include "sandbox/render.h"

#include <string.h>

/* Domains whose pages may show wallets. Stripe looks for Apple's file there; here nobody is asked, and only a name that begins with
 * "unverified." has none. */

const struct param domain_create_params[] = { TEXT(domain_name, .required = true), BOOL(enabled), PARAMS_END };
const struct param domain_update_params[] = { BOOL(enabled), PARAMS_END };
const struct param domain_list_params[] = { LISTING, TEXT(domain_name), BOOL(enabled), PARAMS_END };

static void look(json_t *domain)
{
    bool found = strncmp(json_get_text(domain, "domain_name"), "unverified.", 11) != 0;

    set_new(domain, "apple_pay",
        blank(found ? "{'status':'active'}"
                    : "{'status':'inactive','status_details':{'error_message':'The domain association file was not "
                      "found.'}}"));
}

struct failure *domain_create(struct call *call)
{
    const char *name = json_get_text(call->params, "domain_name");

    if (!name[0] || strpbrk(name, "/: ") || !strchr(name, '.'))
        return fail_early(call, 400, NULL, "domain_name", "Invalid domain name: %.200s", name);
    json_t *domain =
        blank("{'id':null,'object':'payment_method_domain','amazon_pay':{'status':'active'},'apple_pay':null,"
              "'created':0,'domain_name':null,'enabled':true,'google_pay':{'status':'active'},'klarna':{"
              "'status':'active'},'link':{'status':'active'},'livemode':false,'paypal':{'status':'active'}}");
    set_text(domain, "id", id_stripe(call->ctx, "pmd"));
    set_int(domain, "created", call->now);
    params_apply(call, domain, (const char *const[]){ "domain_name", "enabled", NULL });
    look(domain);
    return answer(call, store_add(call->sandbox->store, KIND_DOMAIN, domain));
}

static struct failure *find(struct call *call, struct record **out)
{
    *out = store_get(call->sandbox->store, KIND_DOMAIN, call->segments[0]);
    return *out ? NULL : fail_missing(call, "payment method domain", call->segments[0], "payment_method_domain");
}

struct failure *domain_get(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    return answer(call, record);
}

struct failure *domain_update(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    params_apply(call, record->object, (const char *const[]){ "enabled", NULL });
    return answer(call, record);
}

struct failure *domain_validate(struct call *call)
{
    struct record *record;

    PASS(find(call, &record));
    look(record->object);
    return answer(call, record);
}

static bool is_asked(const struct call *call, const struct record *record)
{
    return matches_params(call, record, (const char *const[]){ "domain_name", NULL });
}

struct failure *domain_list(struct call *call)
{
    return answer_list(call, KIND_DOMAIN, store_all(call->sandbox->store, KIND_DOMAIN), is_asked);
}
