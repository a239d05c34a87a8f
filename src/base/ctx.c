#include "base/ctx.h"

#include <string.h>

const char *const principal_kind_names[] = {
    [PRINCIPAL_NONE] = "none",
    [PRINCIPAL_API_KEY] = "api_key",
    [PRINCIPAL_CUSTOMER] = "customer",
    [PRINCIPAL_OPERATOR] = "operator",
    [PRINCIPAL_SYSTEM] = "system",
    [PRINCIPAL_COMMAND] = "command",
    [PRINCIPAL_PROVIDER] = "provider",
    NULL,
};

static bool same_word(const char *word, size_t length, const char *scope)
{
    return length == strlen(scope) && memcmp(word, scope, length) == 0;
}

bool principal_may(const struct principal *principal, const char *scope)
{
    const char *word = principal->scopes;

    if (!scope)
        return true;
    while (word && *word) {
        size_t length = strcspn(word, " ");

        if (same_word(word, length, "*") || same_word(word, length, scope))
            return true;
        word += length + strspn(word + length, " ");
    }
    return false;
}

const char *principal_name(const struct principal *principal)
{
    return principal->id ? principal->id : "";
}
