#include "sandbox/dials.h"

#include "base/field.h"
#include "sandbox/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fault_names[] = {
    [FAULT_NONE] = "none",
    [FAULT_DELAY] = "delay",
    [FAULT_TIMEOUT_AFTER_EXECUTE] = "timeout_after_execute",
    [FAULT_TIMEOUT_BEFORE_EXECUTE] = "timeout_before_execute",
    [FAULT_ERROR_EXECUTED] = "error_500_executed",
    [FAULT_ERROR_NOT_EXECUTED] = "error_500_not_executed",
    [FAULT_STICKY_ERROR] = "sticky_500",
    [FAULT_RESET] = "reset",
    [FAULT_RESET_NOT_EXECUTED] = "reset_not_executed",
    [FAULT_TRUNCATE] = "truncate",
    [FAULT_CLOSE_REUSED] = "close_reused",
    [FAULT_HTML] = "html_200",
    [FAULT_BIG_BODY] = "big_body",
    [FAULT_TRICKLE] = "trickle",
    [FAULT_RATE_LIMIT] = "429",
    NULL,
};

/* Those that never carry the operation out. */
static bool action_executes(enum fault_action action)
{
    return action != FAULT_TIMEOUT_BEFORE_EXECUTE && action != FAULT_ERROR_NOT_EXECUTED
        && action != FAULT_RESET_NOT_EXECUTED && action != FAULT_RATE_LIMIT;
}

/* How long when the rule does not say: 30 s for what hangs, a second between the bytes of a trickle. */
static int64_t default_ms(enum fault_action action)
{
    if (action == FAULT_TIMEOUT_AFTER_EXECUTE || action == FAULT_TIMEOUT_BEFORE_EXECUTE)
        return 30000;
    return 1000;
}

struct rule {
    char operation[160];
    int64_t times; // left; -1 until cleared
    int64_t probability;
    int64_t hits;
    struct fault fault;
};

enum { MAX_RULES = 64, SHUFFLE_MS = 400, SETTLE_AFTER = 5 * 86400, BIG_BODY = 10 * 1024 * 1024 };
static const uint64_t first_seed = 1;

struct dials {
    struct rule rules[MAX_RULES];
    size_t count;
    uint64_t seed, random;
    int64_t drop, duplicate; // per cent
    int64_t delay_ms, retry_ms;
    bool shuffle, off;
    int64_t settle_after, search_lag, euro_rate;
    char problem[200];
};

void dials_clear(struct dials *dials)
{
    *dials = (struct dials){ .seed = first_seed, .random = first_seed, .settle_after = SETTLE_AFTER };
}

struct dials *dials_new(void)
{
    struct dials *dials = memory_new(sizeof *dials);

    dials_clear(dials);
    return dials;
}

void dials_free(struct dials *dials)
{
    free(dials);
}

/* splitmix64: a sequence that depends on the seed alone. */
static uint64_t draw(struct dials *dials)
{
    uint64_t z = dials->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool chance(struct dials *dials, int64_t percent)
{
    return percent >= 100 || (percent > 0 && (int64_t)(draw(dials) % 100) < percent);
}

/* "*" is every operation; a star at the end is all that begin so. */
static bool fits(const char *pattern, const char *method, const char *path)
{
    char operation[160];

    snprintf(operation, sizeof operation, "%s %s", method, path);
    size_t length = strlen(pattern);
    if (length && pattern[length - 1] == '*')
        return strncmp(pattern, operation, length - 1) == 0;
    return strcmp(pattern, operation) == 0;
}

struct fault dials_draw(struct dials *dials, const char *method, const char *path, int64_t connection_requests)
{
    for (size_t i = 0; i < dials->count; i++) {
        struct rule *rule = &dials->rules[i];

        if (!rule->times || !fits(rule->operation, method, path))
            continue;
        if (rule->fault.action == FAULT_CLOSE_REUSED && connection_requests < 2)
            continue;
        if (!chance(dials, rule->probability))
            continue;
        rule->hits++;
        rule->times -= rule->times > 0;
        return rule->fault;
    }
    return (struct fault){ .action = FAULT_NONE, .executes = true };
}

int dials_webhook_copies(struct dials *dials)
{
    if (dials->off || chance(dials, dials->drop))
        return 0;
    return chance(dials, dials->duplicate) ? 2 : 1;
}

int64_t dials_webhook_delay(struct dials *dials)
{
    return dials->delay_ms + (dials->shuffle ? (int64_t)(draw(dials) % SHUFFLE_MS) : 0);
}

int64_t dials_webhook_retry_ms(const struct dials *dials)
{
    return dials->retry_ms;
}

int64_t dials_settle_after(const struct dials *dials)
{
    return dials->settle_after;
}

int64_t dials_search_lag(const struct dials *dials)
{
    return dials->search_lag;
}

int64_t dials_euro_rate(const struct dials *dials)
{
    return dials->euro_rate;
}

/* Reading */

enum setting_kind { SETTING_INT, SETTING_BOOL, SETTING_TEXT };

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset;
    int64_t min, max;
};

/* clang-format off */
static const struct setting webhook_settings[] = {
    { "drop", SETTING_INT, offsetof(struct dials, drop), 0, 100 },
    { "duplicate", SETTING_INT, offsetof(struct dials, duplicate), 0, 100 },
    { "delay_ms", SETTING_INT, offsetof(struct dials, delay_ms), 0, 3600000 },
    { "retry_ms", SETTING_INT, offsetof(struct dials, retry_ms), 0, 3600000 },
    { "shuffle", SETTING_BOOL, offsetof(struct dials, shuffle), 0, 0 },
    { "off", SETTING_BOOL, offsetof(struct dials, off), 0, 0 },
    { NULL, 0, 0, 0, 0 },
};

static const struct setting general_settings[] = {
    { "seed", SETTING_INT, offsetof(struct dials, seed), 0, INT64_MAX },
    { "settle_after", SETTING_INT, offsetof(struct dials, settle_after), 0, 86400 * 365 },
    { "search_lag", SETTING_INT, offsetof(struct dials, search_lag), 0, 86400 },
    { "euro_rate", SETTING_INT, offsetof(struct dials, euro_rate), 0, 1000000 },
    { NULL, 0, 0, 0, 0 },
};

static const struct setting rule_settings[] = {
    { "times", SETTING_INT, offsetof(struct rule, times), -1, INT64_MAX },
    { "probability", SETTING_INT, offsetof(struct rule, probability), 0, 100 },
    { "ms", SETTING_INT, offsetof(struct rule, fault.ms), 0, 3600000 },
    { "bytes", SETTING_INT, offsetof(struct rule, fault.bytes), 0, 64 * 1024 * 1024 },
    { "retry_after", SETTING_INT, offsetof(struct rule, fault.retry_after), 0, 86400 },
    { "executed", SETTING_BOOL, offsetof(struct rule, fault.executes), 0, 0 },
    { "should_retry", SETTING_TEXT, offsetof(struct rule, fault.should_retry), 0, 0 },
    { NULL, 0, 0, 0, 0 },
};
/* clang-format on */

static const char *problem(struct dials *dials, const char *format, const char *name)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(dials->problem, sizeof dials->problem, format, name);
#pragma GCC diagnostic pop
    return dials->problem;
}

static const struct setting *setting_named(const struct setting *settings, const char *name)
{
    for (; settings->name; settings++) {
        if (strcmp(settings->name, name) == 0)
            return settings;
    }
    return NULL;
}

static bool setting_read(const struct setting *setting, const json_t *value, void *out)
{
    char *at = (char *)out + setting->offset;

    switch (setting->kind) {
    case SETTING_BOOL:
        *(bool *)at = json_is_true(value);
        return json_is_boolean(value);
    case SETTING_INT:
        if (!json_is_integer(value) || json_integer_value(value) < setting->min
            || json_integer_value(value) > setting->max)
            return false;
        memcpy(at, &(int64_t){ json_integer_value(value) }, sizeof(int64_t));
        return true;
    case SETTING_TEXT:
        break;
    }
    if (!json_is_string(value)
        || name_index((const char *const[]){ "true", "false", NULL }, json_string_value(value)) < 0)
        return false;
    snprintf(at, sizeof((struct fault *)NULL)->should_retry, "%s", json_string_value(value));
    return true;
}

/* Every member of the object must be a setting. */
static const char *settings_read(struct dials *dials, const struct setting *settings, const json_t *object, void *out)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct setting *setting = setting_named(settings, name);

        if (!setting)
            return problem(dials, "there is no dial named %.60s", name);
        if (!setting_read(setting, value, out))
            return problem(dials, "%.60s cannot have this value", name);
    }
    return NULL;
}

static const char *rule_read(struct dials *dials, const char *operation, const json_t *value, struct rule *rule)
{
    const char *action = json_get_text(value, "action");
    int index = action ? name_index(fault_names, action) : -1;
    char *at = rule->operation;

    if (json_is_integer(json_object_get(value, "action")) && json_get_int(value, "action") == 429)
        index = FAULT_RATE_LIMIT;
    if (!operation)
        operation = json_get_text(value, "operation");
    if (!operation || strlen(operation) >= sizeof rule->operation)
        return problem(dials, "a rule needs an operation such as \"POST /v1/refunds\"%s", "");
    if (index <= 0)
        return problem(dials, "there is no action %.60s", action ? action : "here");

    *rule = (struct rule){ .times = -1, .probability = 100 };
    snprintf(at, sizeof rule->operation, "%s", operation);
    rule->fault.action = (enum fault_action)index;
    rule->fault.executes = action_executes(rule->fault.action);
    rule->fault.ms = default_ms(rule->fault.action);
    rule->fault.bytes = index == FAULT_BIG_BODY ? BIG_BODY : 0;
    rule->fault.retry_after = 1;

    json_t *rest = made(json_copy((json_t *)(uintptr_t)value));
    json_object_del(rest, "operation");
    json_object_del(rest, "action");
    json_object_del(rest, "hits");
    const char *wrong = settings_read(dials, rule_settings, rest, rule);
    json_decref(rest);
    return wrong;
}

static const char *rule_add(struct dials *dials, const char *operation, const json_t *value)
{
    struct rule rule;

    if (dials->count == MAX_RULES)
        return problem(dials, "there are too many rules%s", "");
    const char *wrong = rule_read(dials, operation, value, &rule);
    if (!wrong)
        dials->rules[dials->count++] = rule;
    return wrong;
}

static const char *rules_read(struct dials *dials, const json_t *rules, bool add)
{
    const char *wrong = NULL;
    const char *operation;
    json_t *value;
    size_t i;

    if (!add)
        dials->count = 0;
    json_array_foreach(rules, i, value)
    {
        if (!wrong)
            wrong = rule_add(dials, NULL, value);
    }
    json_object_foreach((json_t *)(uintptr_t)rules, operation, value)
    {
        if (!wrong)
            wrong = rule_add(dials, operation, value);
    }
    return wrong;
}

/* {"POST /v1/refunds": {"action": …}, …} */
static bool is_map_of_rules(const json_t *value)
{
    const char *name;
    json_t *entry;

    json_object_foreach((json_t *)(uintptr_t)value, name, entry)
    {
        return json_object_get(entry, "action") != NULL; // the first tells
    }
    return false;
}

/* A list or map of rules, one rule, or an object with rules, webhooks and the general settings. */
static const char *set(struct dials *dials, const json_t *value, bool add)
{
    const json_t *rules = json_object_get(value, "rules");
    const json_t *webhooks = json_object_get(value, "webhooks");
    const char *wrong = NULL;

    if (json_is_array(value) || is_map_of_rules(value))
        return rules_read(dials, value, add);
    if (!json_is_object(value))
        return problem(dials, "dials are a list of rules or an object%s", "");
    if (json_object_get(value, "action"))
        return rule_add(dials, NULL, value);
    if (rules)
        wrong = rules_read(dials, rules, add);
    if (!wrong && webhooks)
        wrong = settings_read(dials, webhook_settings, webhooks, dials);
    if (wrong)
        return wrong;

    json_t *rest = made(json_copy((json_t *)(uintptr_t)value));
    json_object_del(rest, "rules");
    json_object_del(rest, "webhooks");
    wrong = settings_read(dials, general_settings, rest, dials);
    json_decref(rest);
    if (!wrong && json_object_get(value, "seed"))
        dials->random = dials->seed;
    return wrong;
}

const char *dials_set(struct dials *dials, const json_t *value, bool add)
{
    struct dials before = *dials;
    const char *wrong = set(dials, value, add);

    if (wrong) { // all or nothing
        memcpy(before.problem, dials->problem, sizeof before.problem);
        *dials = before;
        return dials->problem;
    }
    return NULL;
}

/* Showing */

static json_t *settings_show(const struct setting *settings, const void *from)
{
    json_t *out = made(json_object());

    for (; settings->name; settings++) {
        const char *at = (const char *)from + settings->offset;
        int64_t number;

        memcpy(&number, at, settings->kind == SETTING_INT ? sizeof number : 0);
        if (settings->kind == SETTING_INT)
            set_int(out, settings->name, number);
        else if (settings->kind == SETTING_BOOL)
            set_bool(out, settings->name, *(const bool *)at);
        else if (*at)
            set_text(out, settings->name, at);
    }
    return out;
}

json_t *dials_show(const struct dials *dials)
{
    json_t *out = settings_show(general_settings, dials);
    json_t *rules = made(json_array());

    for (size_t i = 0; i < dials->count; i++) {
        const struct rule *rule = &dials->rules[i];
        json_t *shown = settings_show(rule_settings, rule);

        set_text(shown, "operation", rule->operation);
        set_text(shown, "action", fault_names[rule->fault.action]);
        set_int(shown, "hits", rule->hits);
        json_array_append_new(rules, shown);
    }
    set_new(out, "rules", rules);
    set_new(out, "webhooks", settings_show(webhook_settings, dials));
    return out;
}
