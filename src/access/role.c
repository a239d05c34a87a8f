#include "access/role.h"

#include <stddef.h>
#include <string.h>

#include "base/ctx.h"

const char *const role_names[] = {
    [ROLE_OWNER] = "owner",
    [ROLE_ADMIN] = "admin",
    [ROLE_FINANCE] = "finance",
    [ROLE_SUPPORT] = "support",
    [ROLE_RISK] = "risk",
    [ROLE_DEVELOPER] = "developer",
    [ROLE_AUDITOR] = "auditor",
    NULL,
};

/* What everybody who works here sees: payments, and customers with their data masked. */
#define SEES "overview:read decisions:read payments:read customers:read methods:read checkout:read disputes:read"

static const struct {
    const char *scopes, *summary;
} roles[] = {
    [ROLE_OWNER] = { "*", "Everything, also other owners." },
    [ROLE_ADMIN] = { SEES
        " decisions:write payments:write refunds:request refunds:write refunds:approve refunds:bulk"
        " customers:write customers:reveal methods:write checkout:write disputes:write webhooks:read webhooks:write"
        " events:read endpoints:read endpoints:write"
        " reports:read reports:write audit:read users:read users:write keys:read keys:write"
        " settings:read maintenance:run",
        "Everything but owners and the test clock." },
    [ROLE_FINANCE] = { SEES " decisions:write payments:write refunds:request refunds:write refunds:approve"
                            " customers:reveal disputes:write webhooks:read reports:read reports:write",
        "Captures, refunds, approves refunds, reconciles." },
    [ROLE_SUPPORT] = { SEES " refunds:request", "Looks things up with personal data masked, and asks for refunds." },
    [ROLE_RISK] = { SEES " decisions:write disputes:write customers:reveal reports:read",
        "Looks into payments and decides what waits for a person." },
    [ROLE_DEVELOPER] = { SEES " webhooks:read webhooks:write events:read endpoints:read endpoints:write keys:read "
                              "keys:write settings:read maintenance:run",
        "API keys, webhooks and maintenance; moves no money." },
    [ROLE_AUDITOR] = { SEES
        " webhooks:read events:read endpoints:read reports:read audit:read users:read keys:read settings:read",
        "Reads everything, the audit log too, and changes nothing." },
};

const char *role_scopes(enum role role)
{
    return roles[role].scopes;
}

bool role_may_give(enum role role, const char *scope)
{
    const struct principal principal = { .kind = PRINCIPAL_OPERATOR, .scopes = roles[role].scopes };
    bool is_grave = strcmp(scope, "*") == 0 || strncmp(scope, "refunds:", 8) == 0 || strcmp(scope, "clock:write") == 0;

    return principal_may(&principal, scope) || !is_grave;
}

const char *role_summary(enum role role)
{
    return roles[role].summary;
}
