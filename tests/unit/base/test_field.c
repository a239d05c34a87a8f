#include "base_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/field.h"

enum capture { CAPTURE_AUTOMATIC, CAPTURE_MANUAL };
static const char *const capture_names[] = { "automatic", "manual", NULL };

struct address {
    const char *city;
    const char *country;
};

struct item {
    const char *name;
    int64_t quantity;
    struct money price;
};

struct order {
    struct money amount;
    const char *description;
    enum capture capture;
    int64_t number;
    int retries;
    bool live;
    struct instant due;
    json_t *metadata;
    json_t *anything;
    struct address *address;
    struct field_list items;
};

static const char *check_country(struct ctx *unused, const char *text)
{
    (void)unused;
    return strlen(text) == 2 ? NULL : "must be a country like \"DE\"";
}

static const struct field address_fields[] = {
    FIELD(struct address, city, .min = 1, .max = 20),
    FIELD(struct address, country, .check = check_country),
    FIELD_END,
};

static const struct field item_fields[] = {
    FIELD(struct item, name),
    FIELD(struct item, quantity, .min = 1, .max = 1000),
    FIELD(struct item, price, .optional = true),
    FIELD_END,
};

static const struct field order_fields[] = {
    FIELD(struct order, amount, .min = 1),
    FIELD(struct order, description, .optional = true),
    FIELD(struct order, capture, .names = capture_names, .optional = true),
    FIELD(struct order, number, .optional = true),
    FIELD(struct order, retries, .optional = true, .min = -3, .max = 3),
    FIELD(struct order, live, .optional = true),
    FIELD(struct order, due, .optional = true),
    FIELD(struct order, metadata, .optional = true, .object = true),
    FIELD(struct order, anything, .optional = true),
    FIELD_STRUCT(struct order, address, struct address, address_fields, .optional = true),
    FIELD_LIST_OF(struct order, items, struct item, item_fields, .optional = true, .max = 3),
    FIELD_END,
};

/* Reads the text with quotes for apostrophes, so that JSON stays readable here. */
static struct error *read_order(const char *quoted, struct order *order)
{
    char *text = arena_strdup(ctx.arena, quoted);
    json_t *value;

    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    TRY(json_read(&ctx, bytes_of(text), &value));
    return field_read(&ctx, order_fields, value, order);
}

START_TEST(test_a_whole_order_is_read)
{
    struct order order = { 0 };

    ok(read_order("{'amount': {'value': '12.5', 'currency': 'eur'}, 'description': 'Two\\nlines\\tand é', 'capture': "
                  "'manual',"
                  " 'number': -9223372036854775808, 'retries': -3, 'live': true, 'due': '2026-11-21T07:29:57+01:00',"
                  " 'metadata': {'order': '7', 'deep': [1, {'a': null}]}, 'anything': [1, 'two'],"
                  " 'address': {'city': 'Köln', 'country': 'DE'},"
                  " 'items': [{'name': 'cup', 'quantity': 2}, {'name': 'pot', 'quantity': 1000,"
                  " 'price': {'value': '3', 'currency': 'JPY'}}]}",
        &order));
    ck_assert_int_eq(order.amount.minor, 1250);
    ck_assert_str_eq(order.amount.currency, "EUR");
    ck_assert_str_eq(order.description, "Two\nlines\tand é");
    ck_assert_int_eq((int)order.capture, CAPTURE_MANUAL);
    ck_assert_int_eq(order.number, INT64_MIN);
    ck_assert_int_eq(order.retries, -3);
    ck_assert(order.live);
    ck_assert_str_eq(instant_format(ctx.arena, order.due, false), "2026-11-21T06:29:57Z");
    ck_assert_str_eq(json_text(&ctx, order.metadata), "{\"order\":\"7\",\"deep\":[1,{\"a\":null}]}");
    ck_assert_str_eq(json_text(&ctx, order.anything), "[1,\"two\"]");
    ck_assert_str_eq(order.address->city, "Köln");
    ck_assert_uint_eq(order.items.count, 2);
    const struct item *items = order.items.items;
    ck_assert_str_eq(items[0].name, "cup");
    ck_assert_str_eq(items[0].price.currency, "");
    ck_assert_int_eq(items[1].quantity, 1000);
    ck_assert_int_eq(items[1].price.minor, 3);
}
END_TEST

START_TEST(test_optional_members_keep_what_they_had)
{
    struct order order = { .description = "before", .capture = CAPTURE_MANUAL, .number = 7, .live = true };

    ok(read_order("{'amount': {'value': '1', 'currency': 'USD'}, 'description': null, 'capture': null, 'items': null}",
        &order));
    ck_assert_str_eq(order.description, "before");
    ck_assert_int_eq((int)order.capture, CAPTURE_MANUAL);
    ck_assert_int_eq(order.number, 7);
    ck_assert(order.live);
    ck_assert_ptr_null(order.address);
    ck_assert_uint_eq(order.items.count, 0);
}
END_TEST

#define AMOUNT "'amount': {'value': '1', 'currency': 'USD'}"

static const struct {
    const char *json;
    const char *fields;
} wrong[] = {
    { "{}", "#/amount: is required\n" },
    { "{'amount': null}", "#/amount: is required\n" },

    // money
    { "{'amount': 100}", "#/amount: must be an object: {\"value\": \"100.00\", \"currency\": \"USD\"}\n" },
    { "{'amount': '100.00'}", "#/amount: must be an object: {\"value\": \"100.00\", \"currency\": \"USD\"}\n" },
    { "{'amount': []}", "#/amount: must be an object: {\"value\": \"100.00\", \"currency\": \"USD\"}\n" },
    { "{'amount': {}}", "#/amount/currency: is required\n#/amount/value: is required\n" },
    { "{'amount': {'value': 100, 'currency': 'USD'}}", "#/amount/value: must be a decimal string like \"100.00\"\n" },
    { "{'amount': {'value': '1', 'currency': 840}}", "#/amount/currency: must be a code like \"USD\"\n" },
    { "{'amount': {'value': '1', 'currency': 'XXX'}}", "#/amount/currency: is not a currency that can be charged\n" },
    { "{'amount': {'value': '1.001', 'currency': 'USD'}}", "#/amount/value: has too many decimals for USD\n" },
    { "{'amount': {'value': '1.5', 'currency': 'jpy'}}", "#/amount/value: has too many decimals for JPY\n" },
    { "{'amount': {'value': '-1', 'currency': 'USD'}}",
        "#/amount/value: must be a decimal number without sign or spaces, like \"100.00\"\n" },
    { "{'amount': {'value': '0.00', 'currency': 'USD'}}", "#/amount/value: must be more than zero\n" },
    { "{'amount': {'value': '99999999999', 'currency': 'USD'}}", "#/amount/value: is more than can be charged\n" },
    { "{'amount': {'value': '1', 'currency': 'USD', 'unit': 'cent'}}", "#/amount/unit: is not known here\n" },

    // texts
    { "{" AMOUNT ", 'description': 7}", "#/description: must be a text\n" },
    { "{" AMOUNT ", 'description': 'a\\u0007b'}", "#/description: must not contain control characters\n" },
    { "{" AMOUNT ", 'description': 'a\\u0085b'}", "#/description: must not contain control characters\n" },
    { "{" AMOUNT ", 'description': 'a\\r\\nb'}", "#/description: must not contain control characters\n" },
    { "{" AMOUNT ", 'description': 'card 4242 4242 4242 4242'}", "#/description: must not contain a card number\n" },
    { "{" AMOUNT ", 'address': {'city': '', 'country': 'DE'}}", "#/address/city: must not be empty\n" },
    { "{" AMOUNT ", 'address': {'city': 'ééééééééééééééééééééé', 'country': 'DE'}}",
        "#/address/city: must have at most 20 characters\n" },
    { "{" AMOUNT ", 'address': {'city': 'Köln', 'country': 'DEU'}}",
        "#/address/country: must be a country like \"DE\"\n" },

    // the rest
    { "{" AMOUNT ", 'capture': 'later'}", "#/capture: must be one of: automatic, manual\n" },
    { "{" AMOUNT ", 'capture': 1}", "#/capture: must be one of: automatic, manual\n" },
    { "{" AMOUNT ", 'number': '7'}", "#/number: must be a whole number\n" },
    { "{" AMOUNT ", 'number': true}", "#/number: must be a whole number\n" },
    { "{" AMOUNT ", 'retries': '1'}", "#/retries: must be a whole number\n" },
    { "{" AMOUNT ", 'retries': 4}", "#/retries: must be at most 3\n" },
    { "{" AMOUNT ", 'retries': -4}", "#/retries: must be at least -3\n" },
    { "{" AMOUNT ", 'retries': 4294967296}", "#/retries: must be at most 3\n" },
    { "{" AMOUNT ", 'live': 1}", "#/live: must be true or false\n" },
    { "{" AMOUNT ", 'live': 'true'}", "#/live: must be true or false\n" },
    { "{" AMOUNT ", 'due': 'tomorrow'}", "#/due: must be a time like 2026-11-21T07:29:57Z\n" },
    { "{" AMOUNT ", 'due': 1795500000}", "#/due: must be a time like 2026-11-21T07:29:57Z\n" },
    { "{" AMOUNT ", 'due': '1970-01-01T00:00:00Z'}", "#/due: must be a time like 2026-11-21T07:29:57Z\n" },
    { "{" AMOUNT ", 'metadata': []}", "#/metadata: must be an object\n" },
    { "{" AMOUNT ", 'metadata': {'note': 'pan 4242424242424242'}}", "#/metadata: must not contain a card number\n" },
    { "{" AMOUNT ", 'metadata': {'a': [{'b': '4242-4242-4242-4242'}]}}",
        "#/metadata: must not contain a card number\n" },
    { "{" AMOUNT ", 'metadata': {'4242424242424242': 'x'}}", "#/metadata: must not contain a card number\n" },
    { "{" AMOUNT ", 'metadata': {'card': 4242424242424242}}", "#/metadata: must not contain a card number\n" },
    { "{" AMOUNT ", 'anything': '4242424242424242'}", "#/anything: must not contain a card number\n" },
    { "{" AMOUNT ", 'address': []}", "#/address: must be an object\n" },
    { "{" AMOUNT ", 'address': {}}", "#/address/city: is required\n#/address/country: is required\n" },
    { "{" AMOUNT ", 'items': {}}", "#/items: must be a list\n" },
    { "{" AMOUNT ", 'items': [1]}", "#/items/0: must be an object\n" },
    { "{" AMOUNT ", 'items': [{}, {}, {}, {}]}", "#/items: must have at most 3 entries\n" },
    { "{" AMOUNT ", 'items': [{'name': 'cup', 'quantity': 0}, {'name': 'pot', 'quantity': 1, 'price': {'value': 'x', "
      "'currency': 'USD'}}]}",
        "#/items/0/quantity: must be at least 1\n"
        "#/items/1/price/value: must be a decimal number without sign or spaces, like \"100.00\"\n" },

    // members nobody knows, and pointers
    { "{" AMOUNT ", 'colour': 1}", "#/colour: is not known here\n" },
    { "{" AMOUNT ", 'Amount': 1}", "#/Amount: is not known here\n" },
    { "{" AMOUNT ", '': 1}", "#/: is not known here\n" },
    { "{" AMOUNT ", '4242424242424242': 1}", "#: has a member that is not known here\n" },
    { "{" AMOUNT ", '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef': 1}",
        "#/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: is not known here\n" },
    { "{" AMOUNT ", '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefx': 1}",
        "#: has a member that is not known here\n" },
    { "{" AMOUNT ", 'address': {'city': 'Köln', 'country': 'DE', 'zip': '1'}}", "#/address/zip: is not known here\n" },

    // all at once
    { "{'amount': 5, 'description': 1, 'capture': 'x', 'number': [], 'live': 0, 'due': 0, 'metadata': 0, 'address': 0,"
      " 'items': 0, 'more': 0}",
        "#/address: must be an object\n"
        "#/amount: must be an object: {\"value\": \"100.00\", \"currency\": \"USD\"}\n"
        "#/capture: must be one of: automatic, manual\n"
        "#/description: must be a text\n"
        "#/due: must be a time like 2026-11-21T07:29:57Z\n"
        "#/items: must be a list\n"
        "#/live: must be true or false\n"
        "#/metadata: must be an object\n"
        "#/more: is not known here\n"
        "#/number: must be a whole number\n" },
};

START_TEST(test_everything_wrong_is_said_at_once)
{
    struct order order = { 0 };

    struct error *error = read_order(wrong[_i].json, &order);
    ck_assert_msg(error, "%s", wrong[_i].json);
    ck_assert_int_eq((int)error->code, E_VALIDATION_ERROR);
    ck_assert_str_eq(base_fields(error), wrong[_i].fields);
}
END_TEST

START_TEST(test_pointers_are_escaped)
{
    struct order order = { 0 };
    json_t *object = json_in(ctx.arena,
        json_pack("{s:{s:s, s:s}, s:i}", "amount", "value", "1", "currency", "USD", "a/b~c %\"é", 1));

    ck_assert_str_eq(base_fields(field_read(&ctx, order_fields, object, &order)),
        "#/a~1b~0c%20%25%22%C3%A9: is not known here\n");
}
END_TEST

/* Neither the number nor what stands beside it comes back. */
START_TEST(test_a_card_number_is_never_repeated)
{
    struct order order = { 0 };
    struct error *error =
        read_order("{'amount': {'value': '4242424242424242', 'currency': '4242424242424242',"
                   " '4242424242424242': 1}, 'description': '4242424242424242', 'capture': '4242424242424242',"
                   " 'number': '4242424242424242', 'due': '4242424242424242', '4242 4242 4242 4242': 1}",
            &order);

    ck_assert(error);
    ck_assert_uint_ge(error->field_count, 6);
    ck_assert_ptr_null(strstr(base_fields(error), "4242"));
    ck_assert_ptr_null(strstr(error->detail, "4242"));
}
END_TEST

START_TEST(test_ids_are_no_card_numbers)
{
    struct order order = { 0 };

    ok(read_order("{" AMOUNT ", 'description': 'pi_4242424242424242 and pay_01arykyvr14242424242424242',"
                  " 'metadata': {'order_4242424242424242': 'a1b2c3d4-4242-4242-4242-424242424242'}}",
        &order));
}
END_TEST

START_TEST(test_texts_have_at_most_500_characters)
{
    struct order order = { 0 };
    char text[1600] = "{" AMOUNT ", 'description': '";
    size_t start = strlen(text);

    for (int i = 0; i < 500; i++)
        strcat(text, "é");
    strcat(text, "'}");
    ok(read_order(text, &order));
    ck_assert_uint_eq(strlen(order.description), 1000);
    strcpy(text + start + 1000, "x'}");
    ck_assert_str_eq(base_fields(read_order(text, &order)), "#/description: must have at most 500 characters\n");
}
END_TEST

/* Limits are kept where they are reached, and a refused value changes nothing. */
START_TEST(test_limits_are_included)
{
    struct order order = { .retries = 2, .number = 7 };

    ok(read_order("{" AMOUNT ", 'capture': 'automatic', 'address': {'city': '12345678901234567890', 'country': 'DE'},"
                  " 'items': [{'name': 'a', 'quantity': 1}, {'name': 'b', 'quantity': 1}, {'name': 'c', 'quantity': "
                  "1}]}",
        &order));
    ck_assert_uint_eq(order.items.count, 3);
    ok(read_order("{" AMOUNT ", 'address': {'city': 'x', 'country': 'DE'}}", &order));
    ck_assert_ptr_nonnull(read_order("{" AMOUNT ", 'retries': 4, 'number': 'x'}", &order));
    ck_assert_int_eq(order.retries, 2);
    ck_assert_int_eq(order.number, 7);
}
END_TEST

/* A text of exactly one length, with a check of its own. */
static const struct {
    const char *text, *detail;
} codes[] = {
    { "DE", NULL },
    { "D", "must be a country like \"DE\"" },
    { "DEU", "must have at most 2 characters" },
    { "", "must not be empty" },
};

START_TEST(test_texts_of_one_length)
{
    const struct field fields[] = {
        FIELD(struct order, description, .min = 2, .max = 2, .check = check_country),
        FIELD_END,
    };
    const struct field unchecked[] = { FIELD(struct order, description, .min = 2, .max = 2), FIELD_END };
    struct order order = { 0 };
    json_t *object = json_in(ctx.arena, json_pack("{s:s}", "description", codes[_i].text));
    struct error *error = field_read(&ctx, fields, object, &order);

    ck_assert_int_eq(error != NULL, codes[_i].detail != NULL);
    if (error)
        ck_assert_str_eq(error->fields[0].detail, codes[_i].detail);
    object = json_in(ctx.arena, json_pack("{s:s}", "description", "D"));
    ck_assert_str_eq(base_fields(field_read(&ctx, unchecked, object, &order)),
        "#/description: must have at least 2 characters\n");
}
END_TEST

START_TEST(test_only_an_object_has_members)
{
    struct order order = { 0 };
    struct error *error = read_order("[]", &order);

    ck_assert(error && error->code == E_INVALID_JSON);
    error = field_read(&ctx, order_fields, NULL, &order);
    ck_assert(error && error->code == E_INVALID_JSON);
}
END_TEST

/* Amounts with other limits than "more than zero". */
static const struct {
    int64_t min, max;
    const char *value, *detail;
} limits[] = {
    { 0, 0, "0", NULL },
    { 50, 0, "0.50", NULL },
    { 50, 0, "0.49", "must be at least 0.50 USD" },
    { 1, 10000, "100.00", NULL },
    { 1, 10000, "100.01", "must be at most 100.00 USD" },
    { 0, 1, "0.02", "must be at most 0.01 USD" },
};

START_TEST(test_amounts_have_limits)
{
    const struct field fields[] = {
        FIELD(struct order, amount, .min = limits[_i].min, .max = limits[_i].max),
        FIELD_END,
    };
    struct order order = { 0 };
    json_t *object =
        json_in(ctx.arena, json_pack("{s:{s:s, s:s}}", "amount", "value", limits[_i].value, "currency", "USD"));
    struct error *error = field_read(&ctx, fields, object, &order);

    ck_assert_int_eq(error != NULL, limits[_i].detail != NULL);
    if (error)
        ck_assert_str_eq(error->fields[0].detail, limits[_i].detail);
}
END_TEST

static void check_notes(struct ctx *unused, json_t *object, const char *pointer, struct error **error)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
        error_add_field(unused, error, pointer_to(&ctx, pointer, name), "is not wanted");
}

START_TEST(test_members_of_free_json_can_be_checked)
{
    const struct field fields[] = { FIELD(struct order, metadata, .check_members = check_notes), FIELD_END };
    struct order order = { 0 };
    json_t *value;

    ok(json_read(&ctx, bytes_of("{\"metadata\": {\"a/b\": 1, \"c\": 2}}"), &value));
    ck_assert_str_eq(base_fields(field_read(&ctx, fields, value, &order)),
        "#/metadata/a~1b: is not wanted\n#/metadata/c: is not wanted\n");

    // what is refused as a whole is not looked into, and not repeated
    ok(json_read(&ctx, bytes_of("{\"metadata\": {\"4242424242424242\": 1}}"), &value));
    ck_assert_str_eq(base_fields(field_read(&ctx, fields, value, &order)),
        "#/metadata: must not contain a card number\n");
}
END_TEST

/* Numbers: which limits count when only some are given. */
static const struct {
    int64_t min, max, number;
    bool fine;
} numbers[] = {
    { 0, 0, -5, true },
    { 0, 0, 5, true },
    { 1, 0, 0, false },
    { 1, 0, INT64_MAX, true },
    { 0, 10, -1, false },
    { 0, 10, 0, true },
    { 0, 10, 10, true },
    { 0, 10, 11, false },
    { -5, 0, 0, true },
    { -5, 0, 1, false },
    { -5, 0, -6, false },
    { 5, 5, 5, true },
    { 5, 5, 4, false },
    { 5, 5, 6, false },
};

START_TEST(test_numbers_have_limits)
{
    const struct field fields[] = {
        FIELD(struct order, number, .min = numbers[_i].min, .max = numbers[_i].max),
        FIELD_END,
    };
    struct order order = { 0 };
    json_t *object = json_in(ctx.arena, json_pack("{s:I}", "number", (json_int_t)numbers[_i].number));

    ck_assert_int_eq(field_read(&ctx, fields, object, &order) == NULL, numbers[_i].fine);
}
END_TEST

START_TEST(test_an_int_has_the_limits_of_its_type)
{
    const struct field fields[] = { FIELD(struct order, retries), FIELD_END };
    struct order order = { 0 };

    ck_assert_str_eq(base_fields(field_read(&ctx, fields,
                         json_in(ctx.arena, json_pack("{s:I}", "retries", (json_int_t)INT32_MAX + 1)), &order)),
        "#/retries: must be at most 2147483647\n");
    ok(field_read(&ctx, fields, json_in(ctx.arena, json_pack("{s:I}", "retries", (json_int_t)INT32_MIN)), &order));
    ck_assert_int_eq(order.retries, INT32_MIN);
}
END_TEST

/* Text, as queries and forms carry it */

static const struct field *field_named(const char *name)
{
    for (const struct field *field = order_fields; field->kind != FIELD_NONE; field++) {
        if (strcmp(field->name, name) == 0)
            return field;
    }
    ck_abort_msg("no field %s", name);
    return NULL;
}

static const struct {
    const char *name, *text, *detail;
} texts[] = {
    { "description", "blue cup", NULL },
    { "description", "4242424242424242", "must not contain a card number" },
    { "description", "one\rtwo", "must not contain control characters" },
    { "description", "\xff", "must be valid UTF-8" },
    { "description", "a\x01", "must not contain control characters" },
    { "number", "-12", NULL },
    { "number", "9223372036854775807", NULL },
    { "number", "9223372036854775808", "must be a whole number" },
    { "number", "12x", "must be a whole number" },
    { "number", " 12", "must be a whole number" },
    { "number", "+12", "must be a whole number" },
    { "number", "-", "must be a whole number" },
    { "number", "0x1", "must be a whole number" },
    { "number", "1.0", "must be a whole number" },
    { "number", "", NULL },
    { "retries", "3", NULL },
    { "retries", "4", "must be at most 3" },
    { "live", "true", NULL },
    { "live", "on", NULL },
    { "live", "0", NULL },
    { "live", "yes", "must be true or false" },
    { "capture", "manual", NULL },
    { "capture", "Manual", "must be one of: automatic, manual" },
    { "due", "2026-11-21T07:29:57Z", NULL },
    { "due", "x", "must be a time like 2026-11-21T07:29:57Z" },
    { "amount", "12.50 usd", NULL },
    { "amount", "12.50", "must be an amount and a currency like \"100.00 USD\"" },
    { "amount", "12.505 USD", "has too many decimals for USD" },
    { "amount", "0 USD", "must be more than zero" },
    { "amount", "", "is required" },
    { "amount", NULL, "is required" },
    { "metadata", "{\"a\": 1}", NULL },
    { "metadata", "[]", "must be an object" },
    { "metadata", "{", "must be JSON" },
};

START_TEST(test_members_are_read_from_text)
{
    struct order order = { 0 };
    struct error *error = NULL;

    field_read_text(&ctx, field_named(texts[_i].name), texts[_i].text, "query:it", &order, &error);
    ck_assert_int_eq(error != NULL, texts[_i].detail != NULL);
    if (error) {
        ck_assert_str_eq(error->fields[0].pointer, "query:it");
        ck_assert_str_eq(error->fields[0].detail, texts[_i].detail);
    }
}
END_TEST

START_TEST(test_what_text_means)
{
    struct order order = { 0 };
    struct error *error = NULL;

    field_read_text(&ctx, field_named("description"), "one\r\ntwo\r\n", "x", &order, &error);
    field_read_text(&ctx, field_named("number"), "-12", "x", &order, &error);
    field_read_text(&ctx, field_named("live"), "1", "x", &order, &error);
    field_read_text(&ctx, field_named("capture"), "manual", "x", &order, &error);
    field_read_text(&ctx, field_named("amount"), "12.5 usd", "x", &order, &error);
    ok(error);
    ck_assert_str_eq(order.description, "one\ntwo\n");
    ck_assert_int_eq(order.number, -12);
    ck_assert(order.live);
    ck_assert_int_eq((int)order.capture, CAPTURE_MANUAL);
    ck_assert_int_eq(order.amount.minor, 1250);
    field_read_text(&ctx, field_named("live"), "false", "x", &order, &error);
    ck_assert(!order.live);
}
END_TEST

/* Out */

START_TEST(test_an_order_is_written)
{
    struct item items[] = { { "cup", 2, { 150, "USD" } }, { "pot", 1, { 0, "" } } };
    struct address address = { "Köln", "DE" };
    struct order order = {
        .amount = { 1250, "EUR" },
        .description = "a \"cup\"",
        .capture = CAPTURE_MANUAL,
        .number = INT64_MIN,
        .retries = -1,
        .live = true,
        .due = { INT64_C(1795245000500000) },
        .metadata = json_in(ctx.arena, json_pack("{s:s}", "order", "7")),
        .address = &address,
        .items = { items, 2 },
    };

    ck_assert_str_eq(json_text(&ctx, field_write(&ctx, order_fields, &order)),
        "{\"amount\":{\"value\":\"12.50\",\"currency\":\"EUR\"},\"description\":\"a "
        "\\\"cup\\\"\",\"capture\":\"manual\","
        "\"number\":-9223372036854775808,\"retries\":-1,\"live\":true,\"due\":\"2026-11-21T07:10:00Z\","
        "\"metadata\":{\"order\":\"7\"},\"anything\":null,\"address\":{\"city\":\"Köln\",\"country\":\"DE\"},"
        "\"items\":[{\"name\":\"cup\",\"quantity\":2,\"price\":{\"value\":\"1.50\",\"currency\":\"USD\"}},"
        "{\"name\":\"pot\",\"quantity\":1,\"price\":null}]}");
}
END_TEST

START_TEST(test_nothing_is_null_or_left_out)
{
    const struct field fields[] = {
        FIELD(struct order, amount),
        FIELD(struct order, description),
        FIELD(struct order, due),
        FIELD_STRUCT(struct order, address, struct address, address_fields),
        FIELD_LIST_OF(struct order, items, struct item, item_fields),
        FIELD_END,
    };
    const struct field omitting[] = {
        FIELD(struct order, amount, .omit_empty = true),
        FIELD(struct order, description, .omit_empty = true),
        FIELD(struct order, number, .omit_empty = true),
        FIELD(struct order, live, .omit_empty = true),
        FIELD(struct order, due, .omit_empty = true),
        FIELD(struct order, metadata, .omit_empty = true),
        FIELD_STRUCT(struct order, address, struct address, address_fields, .omit_empty = true),
        FIELD_LIST_OF(struct order, items, struct item, item_fields, .omit_empty = true),
        FIELD_END,
    };
    struct order order = { 0 };

    ck_assert_str_eq(json_text(&ctx, field_write(&ctx, fields, &order)),
        "{\"amount\":null,\"description\":null,\"due\":null,\"address\":null,\"items\":[]}");
    ck_assert_str_eq(json_text(&ctx, field_write(&ctx, omitting, &order)), "{}");
}
END_TEST

/* Text that came from a header or an old row must not stop an answer. */
START_TEST(test_text_that_is_not_utf8_is_written_all_the_same)
{
    const struct field fields[] = { FIELD(struct order, description), FIELD_END };
    struct order order = { .description = "a\xff"
                                          "b" };

    ck_assert_str_eq(json_text(&ctx, field_write(&ctx, fields, &order)),
        "{\"description\":\"a\xef\xbf\xbd"
        "b\"}");
}
END_TEST

START_TEST(test_what_is_written_can_be_read)
{
    struct order order = { .amount = { 1, "KWD" }, .capture = CAPTURE_MANUAL, .number = 42 }, back = { 0 };

    ok(field_read(&ctx, order_fields, field_write(&ctx, order_fields, &order), &back));
    ck_assert_int_eq(back.amount.minor, 1);
    ck_assert_str_eq(back.amount.currency, "KWD");
    ck_assert_int_eq((int)back.capture, CAPTURE_MANUAL);
    ck_assert_int_eq(back.number, 42);
}
END_TEST

/* A part of the work with an arena of its own */

struct row {
    const char *id, *reference;
    struct bytes sealed, none;
    json_t *metadata;
    int64_t number;
};

static const struct field row_columns[] = {
    FIELD(struct row, id),
    FIELD(struct row, reference),
    FIELD(struct row, sealed),
    FIELD(struct row, none),
    FIELD(struct row, metadata),
    FIELD(struct row, number),
    FIELD_END,
};

static struct error *look(struct ctx *aside, struct row *out)
{
    *out = (struct row){
        .id = arena_strdup(aside->arena, "pay_1"),
        .sealed = { (uint8_t *)arena_strdup(aside->arena, "abc"), 3 },
        .metadata = json_in(aside->arena, json_pack("{s:s}", "order", "7")),
        .number = 7,
    };
    aside->round_trips++;
    return NULL;
}

START_TEST(test_what_is_kept_outlives_the_part_that_read_it)
{
    struct ctx *aside = ctx_aside(&ctx);
    struct row row;
    int before = ctx.round_trips;

    ok(look(aside, &row));
    field_keep(&ctx, row_columns, &row);
    ok(ctx_rejoin(&ctx, aside, NULL));
    ck_assert_int_eq(ctx.round_trips, before + 1);
    ck_assert_str_eq(row.id, "pay_1");
    ck_assert_ptr_null(row.reference);
    ck_assert_uint_eq(row.sealed.length, 3);
    ck_assert(memcmp(row.sealed.data, "abc", 3) == 0);
    ck_assert_ptr_null(row.none.data);
    ck_assert_str_eq(json_text(&ctx, row.metadata), "{\"order\":\"7\"}");
    ck_assert_int_eq(row.number, 7);
}
END_TEST

START_TEST(test_an_error_outlives_the_part_that_failed)
{
    struct ctx *aside = ctx_aside(&ctx);
    struct error *error = ctx_rejoin(&ctx, aside, error_new(aside, E_CONFLICT, "%s is busy", "pay_1"));

    ck_assert_str_eq(error->detail, "pay_1 is busy");
}
END_TEST

START_TEST(test_names)
{
    ck_assert_int_eq(name_index(capture_names, "manual"), CAPTURE_MANUAL);
    ck_assert_int_eq(name_index(capture_names, "later"), -1);
    ck_assert_int_eq(name_index(capture_names, ""), -1);
    ck_assert_int_eq(name_index(capture_names, NULL), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("field");
    TCase *test_case = base_case(suite, "field");

    tcase_add_test(test_case, test_a_whole_order_is_read);
    tcase_add_test(test_case, test_optional_members_keep_what_they_had);
    tcase_add_loop_test(test_case, test_everything_wrong_is_said_at_once, 0, COUNT(wrong));
    tcase_add_test(test_case, test_pointers_are_escaped);
    tcase_add_test(test_case, test_a_card_number_is_never_repeated);
    tcase_add_test(test_case, test_ids_are_no_card_numbers);
    tcase_add_test(test_case, test_texts_have_at_most_500_characters);
    tcase_add_test(test_case, test_limits_are_included);
    tcase_add_loop_test(test_case, test_texts_of_one_length, 0, COUNT(codes));
    tcase_add_test(test_case, test_only_an_object_has_members);
    tcase_add_loop_test(test_case, test_amounts_have_limits, 0, COUNT(limits));
    tcase_add_test(test_case, test_members_of_free_json_can_be_checked);
    tcase_add_loop_test(test_case, test_numbers_have_limits, 0, COUNT(numbers));
    tcase_add_test(test_case, test_an_int_has_the_limits_of_its_type);
    tcase_add_loop_test(test_case, test_members_are_read_from_text, 0, COUNT(texts));
    tcase_add_test(test_case, test_what_text_means);
    tcase_add_test(test_case, test_an_order_is_written);
    tcase_add_test(test_case, test_nothing_is_null_or_left_out);
    tcase_add_test(test_case, test_text_that_is_not_utf8_is_written_all_the_same);
    tcase_add_test(test_case, test_what_is_written_can_be_read);
    tcase_add_test(test_case, test_what_is_kept_outlives_the_part_that_read_it);
    tcase_add_test(test_case, test_an_error_outlives_the_part_that_failed);
    tcase_add_test(test_case, test_names);
    return base_main(suite);
}
