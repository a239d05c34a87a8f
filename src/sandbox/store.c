#include "sandbox/store.h"

#include "base/field.h"
#include "sandbox/map.h"
#include "sandbox/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    struct record **items;
    size_t count, capacity;
};

struct store {
    struct table tables[KIND_COUNT];
    struct map *by_id;     // struct record
    struct map *by_member; // struct table
};

/* Members that lists can be narrowed by. */
static const char *const indexed[KIND_COUNT][6] = {
    [KIND_CUSTOMER] = { "email", "metadata" },
    [KIND_METHOD] = { "customer" },
    [KIND_INTENT] = { "customer", "metadata" },
    [KIND_SETUP] = { "customer", "payment_method" },
    [KIND_ATTEMPT] = { "setup_intent" },
    [KIND_CHARGE] = { "payment_intent", "customer", "metadata" },
    [KIND_REFUND] = { "payment_intent", "charge" },
    [KIND_DISPUTE] = { "payment_intent", "charge" },
    [KIND_BALANCE] = { "source", "type", "currency" },
    [KIND_EVENT] = { "type" },
};

static void table_add(struct table *table, struct record *record)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? table->capacity * 2 : 4;
        table->items = memory_array(table->items, table->capacity, sizeof *table->items);
    }
    table->items[table->count++] = record;
}

/* Keeps the order; a record that is there already stays there once. */
static void table_place(struct table *table, struct record *record)
{
    size_t at = table->count;

    while (at && table->items[at - 1]->position > record->position)
        at--;
    if (at && table->items[at - 1] == record)
        return;
    table_add(table, record);
    memmove(&table->items[at + 1], &table->items[at], (table->count - 1 - at) * sizeof *table->items);
    table->items[at] = record;
}

static void table_free(void *table)
{
    free(((struct table *)table)->items);
    free(table);
}

struct store *store_new(void)
{
    struct store *store = memory_new(sizeof *store);

    store->by_id = map_new();
    store->by_member = map_new();
    return store;
}

static void record_free(void *memory)
{
    struct record *record = memory;

    json_decref(record->object);
    json_decref(record->hidden);
    free(record);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < KIND_COUNT; i++)
        free(store->tables[i].items);
    map_free(store->by_id, record_free);
    map_free(store->by_member, table_free);
    free(store);
}

static char *member_key(enum kind kind, const char *member, const char *value)
{
    char *key;

    if (asprintf(&key, "%d|%s|%s", (int)kind, member, value) < 0)
        abort();
    return key;
}

static void index_one(struct store *store, struct record *record, const char *member, const char *value)
{
    char *key = member_key(record->kind, member, value);
    struct table *table = map_get(store->by_member, key);

    if (!table) {
        table = memory_new(sizeof *table);
        map_put(store->by_member, key, table);
    }
    table_place(table, record);
    free(key);
}

static void index_metadata(struct store *store, struct record *record)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(record->object, "metadata"), name, value)
    {
        char member[64];

        snprintf(member, sizeof member, "metadata.%s", name);
        index_one(store, record, member, json_string_value(value));
    }
}

void store_reindex(struct store *store, struct record *record)
{
    for (const char *const *member = indexed[record->kind]; *member; member++) {
        const char *value = json_get_text(record->object, *member);

        if (strcmp(*member, "metadata") == 0)
            index_metadata(store, record);
        else if (value)
            index_one(store, record, *member, value);
    }
}

struct record *store_add(struct store *store, enum kind kind, json_t *object)
{
    struct record *record = memory_new(sizeof *record);

    snprintf(record->id, sizeof record->id, "%s", json_get_text(object, "id"));
    record->kind = kind;
    record->position = store->tables[kind].count;
    record->created = json_get_int(object, "created");
    record->object = object;
    record->hidden = made(json_object());
    table_add(&store->tables[kind], record);
    map_put(store->by_id, record->id, record);
    store_reindex(store, record);
    return record;
}

struct record *store_find(const struct store *store, const char *id)
{
    return id ? map_get(store->by_id, id) : NULL;
}

struct record *store_get(const struct store *store, enum kind kind, const char *id)
{
    struct record *record = store_find(store, id);

    return record && record->kind == kind && !record->deleted ? record : NULL;
}

struct records store_all(const struct store *store, enum kind kind)
{
    return (struct records){ store->tables[kind].items, store->tables[kind].count };
}

struct records store_by(const struct store *store, enum kind kind, const char *member, const char *value)
{
    char *key = member_key(kind, member, value);
    const struct table *table = map_get(store->by_member, key);

    free(key);
    return table ? (struct records){ table->items, table->count } : (struct records){ NULL, 0 };
}

json_t *store_save(const struct store *store)
{
    json_t *saved = made(json_array());

    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < store->tables[kind].count; i++) {
            const struct record *record = store->tables[kind].items[i];

            json_array_append_new(saved,
                made(json_pack("{s:i, s:O, s:O, s:b}", "kind", (int)kind, "object", record->object, "hidden",
                    record->hidden, "deleted", record->deleted)));
        }
    }
    return saved;
}

bool store_restore(struct store *store, const json_t *saved)
{
    size_t i;
    json_t *entry;

    if (!json_is_array(saved))
        return false;
    json_array_foreach(saved, i, entry)
    {
        json_t *object = json_object_get(entry, "object");
        json_t *hidden = json_object_get(entry, "hidden");
        json_int_t kind = json_get_int(entry, "kind");

        if (!json_get_text(object, "id") || !json_is_object(hidden) || kind < 0 || kind >= KIND_COUNT)
            return false;
        struct record *record = store_add(store, (enum kind)kind, json_deep_copy(object));
        json_object_update(record->hidden, hidden);
        record->deleted = json_get_bool(entry, "deleted");
    }
    return true;
}
