/* Customers: one for each reference, and their persons' data never in the clear. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "customers/customer.h"
#include "customers/customer_store.h"
#include "db/db.h"
#include "testdb.h"
#include "together.h"

static struct customer make(const char *reference, const char *email, const char *name)
{
    struct customer_details details = { .reference = reference, .email = email, .name = name };
    struct customer customer;
    bool existed;

    ok(customer_create(&ctx, &details, &customer, &existed));
    ck_assert(!existed);
    return customer;
}

START_TEST(test_what_is_given_comes_back)
{
    struct customer made = make("user-1", "Ada@Example.org", "Ada Lovelace"), got;

    ok(customer_get(&ctx, made.id, &got));
    ck_assert_str_eq(got.reference, "user-1");
    ck_assert_str_eq(got.email, "Ada@Example.org");
    ck_assert_str_eq(got.name, "Ada Lovelace");
    ck_assert_int_eq(got.mode, MODE_TEST);
    made = make(NULL, NULL, NULL);
    ok(customer_get(&ctx, made.id, &got));
    ck_assert_ptr_null(got.email);
    ck_assert_ptr_null(got.reference);
    refused(customer_get(&ctx, "cust_none", &got), E_NOT_FOUND);
}
END_TEST

START_TEST(test_no_person_is_in_the_clear)
{
    struct customer made = make("user-2", "canary@example.org", "Canary Bird");

    ck_assert_str_eq(testdb_value("SELECT count(*) FROM customer_persons p WHERE customer_id = '%s' AND ("
                                  "    position('anary'::bytea IN email) > 0 OR position('anary'::bytea IN name) > 0"
                                  " OR position('anary'::bytea IN email_index) > 0 OR email_index = "
                                  "sha256('canary@example.org'))",
                         made.id),
        "0");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM customers c WHERE c::text LIKE '%%anary%%'"), "0");
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM audit_log c WHERE c::text LIKE '%%anary%%'"), "0");
}
END_TEST

/* A sealed field belongs to its row: copied to another it does not open. */
START_TEST(test_a_field_moved_to_another_row_does_not_open)
{
    struct customer one = make("user-3", "one@example.org", NULL), other = make("user-4", "other@example.org", NULL),
                    got;

    testdb_value("UPDATE customer_persons SET email = (SELECT email FROM customer_persons WHERE customer_id = '%s')"
                 " WHERE customer_id = '%s'",
        one.id, other.id);
    ck_assert_ptr_nonnull(customer_get(&ctx, other.id, &got));
    ok(customer_get(&ctx, one.id, &got));
}
END_TEST

START_TEST(test_an_address_is_found_in_any_case)
{
    struct customer made = make(NULL, "Grace.Hopper@Example.org", NULL);
    struct field_list list;

    make(NULL, "someone.else@example.org", NULL);
    ok(customer_list(&ctx, NULL, "grace.hopper@EXAMPLE.ORG", NULL, 10, &list));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(((struct customer *)list.items)->id, made.id);
    ck_assert_str_eq(((struct customer *)list.items)->email, "Grace.Hopper@Example.org");
    ok(customer_list(&ctx, NULL, "hopper@example.org", NULL, 10, &list));
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(test_a_known_reference_is_the_same_customer)
{
    struct customer first = make("user-5", "first@example.org", NULL), second;
    struct customer_details details = { .reference = "user-5", .email = "second@example.org" };
    bool existed;

    ok(customer_create(&ctx, &details, &second, &existed));
    ck_assert(existed);
    ck_assert_str_eq(second.id, first.id);
    ck_assert_str_eq(second.email, "first@example.org");
}
END_TEST

struct race {
    const char *ids[10];
    bool existed[10];
};

static void create(struct ctx *own, int number, void *to)
{
    struct race *race = to;
    struct customer_details details = { .reference = "race", .email = "race@example.org" };
    struct customer customer;

    if (!customer_create(own, &details, &customer, &race->existed[number]))
        race->ids[number] = strdup(customer.id);
}

START_TEST(test_at_once_makes_one)
{
    struct race race = { 0 };
    int made = 0;

    together(10, create, &race);
    for (int i = 0; i < 10; i++) {
        ck_assert_ptr_nonnull(race.ids[i]);
        ck_assert_str_eq(race.ids[i], race.ids[0]);
        made += !race.existed[i];
    }
    ck_assert_int_eq(made, 1);
    ck_assert_str_eq(testdb_value("SELECT count(*) FROM customers WHERE reference = 'race'"), "1");
    for (int i = 0; i < 10; i++)
        free((void *)(uintptr_t)race.ids[i]);
}
END_TEST

START_TEST(test_the_first_account_stays)
{
    struct customer made = make("user-6", NULL, NULL), got;
    const char *reference = "cus_first";

    ok(customer_account_put(&ctx, made.id, "stripe", &reference));
    reference = "cus_second";
    ok(customer_account_put(&ctx, made.id, "stripe", &reference));
    ck_assert_str_eq(reference, "cus_first");
    ok(customer_get(&ctx, "cus_first", &got));
    ck_assert_str_eq(got.id, made.id);

    const char *id;
    ok(customer_resolve(&ctx, "cus_first", &id));
    ck_assert_str_eq(id, made.id);
    refused(customer_resolve(&ctx, "cus_second", &id), E_VALIDATION_ERROR);
}
END_TEST

#define ACCOUNTS 200

struct first_payments {
    const char *ids[ACCOUNTS];
    int known[8]; // to each thread
};

static void know(struct ctx *own, int number, void *to)
{
    struct first_payments *payments = to;

    for (int i = 0; i < ACCOUNTS; i++) {
        const char *reference = arena_printf(own->arena, "cus_together%d", i), *got = reference;
        if (!customer_account_put(own, payments->ids[i], "stripe", &got) && strcmp(got, reference) == 0)
            payments->known[number]++;
    }
}

/* Several payments of a new customer hear of the same customer of the provider at the same moment. */
START_TEST(test_all_know_the_account_that_one_has_put)
{
    struct first_payments payments = { 0 };

    for (int i = 0; i < ACCOUNTS; i++)
        payments.ids[i] = make(NULL, NULL, NULL).id;
    together(8, know, &payments);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(payments.known[i], ACCOUNTS);
}
END_TEST

START_TEST(test_a_list_pages_by_key)
{
    struct field_list list;
    const char *last = NULL;
    int seen = 0;

    for (int i = 0; i < 7; i++)
        make(NULL, "page@example.org", NULL);
    do {
        ok(customer_list(&ctx, NULL, "page@example.org", last, 3, &list));
        for (size_t i = 0; i < list.count; i++, seen++) {
            const char *id = ((struct customer *)list.items)[i].id;
            ck_assert(!last || strcmp(id, last) < 0);
            last = id;
        }
    } while (list.count);
    ck_assert_int_eq(seen, 7);
}
END_TEST

START_TEST(test_a_customer_sees_himself_alone)
{
    struct customer one = make("user-7", NULL, NULL), other = make("user-8", NULL, NULL), got;
    struct field_list list;

    ctx.principal.customer_id = one.id;
    ok(customer_get(&ctx, one.id, &got));
    refused(customer_get(&ctx, other.id, &got), E_NOT_FOUND);
    ok(customer_list(&ctx, NULL, NULL, NULL, 10, &list));
    ck_assert_uint_eq(list.count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("customers");
    TCase *customers = tcase_create("customers");

    testdb_use(customers);
    tcase_add_test(customers, test_what_is_given_comes_back);
    tcase_add_test(customers, test_no_person_is_in_the_clear);
    tcase_add_test(customers, test_a_field_moved_to_another_row_does_not_open);
    tcase_add_test(customers, test_an_address_is_found_in_any_case);
    tcase_add_test(customers, test_a_known_reference_is_the_same_customer);
    tcase_add_test(customers, test_at_once_makes_one);
    tcase_add_test(customers, test_the_first_account_stays);
    tcase_add_test(customers, test_all_know_the_account_that_one_has_put);
    tcase_add_test(customers, test_a_list_pages_by_key);
    tcase_add_test(customers, test_a_customer_sees_himself_alone);
    suite_add_tcase(suite, customers);
    return testdb_main(suite);
}
