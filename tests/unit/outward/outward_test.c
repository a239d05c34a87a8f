/* What goes out: signatures as others verify them, and addresses that mail can go to. */
#include <string.h>

#include "base/crypto.h"
#include "http/smtp.h"
#include "lone.h"
#include "outward/signature.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* The example of the specification of Standard Webhooks. */
START_TEST(test_the_published_example)
{
    struct bytes body = bytes_of("{\"test\": 2432232314}");
    const char *signature = signature_of(&lone, SECRET, NULL, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body);

    ck_assert_str_eq(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
END_TEST

START_TEST(test_two_secrets_sign_while_one_is_rotated)
{
    const char *new = signature_secret_new(&lone);
    struct bytes body = bytes_of("{}");
    const char *both = signature_of(&lone, new, SECRET, "evt_1", 1, body);
    const char *one = signature_of(&lone, new, NULL, "evt_1", 1, body);
    const char *other = signature_of(&lone, SECRET, NULL, "evt_1", 1, body);

    ck_assert_uint_eq(strlen(new), strlen("whsec_") + 44);
    ck_assert(strncmp(both, one, strlen(one)) == 0 && both[strlen(one)] == ' ');
    ck_assert_str_eq(both + strlen(one) + 1, other);
    ck_assert_str_ne(new, signature_secret_new(&lone));
}
END_TEST

START_TEST(test_what_is_no_secret_signs_nothing)
{
    static const char *const texts[] = { "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***", "sk_test_1" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_ptr_null(signature_of(&lone, texts[i], NULL, "evt_1", 1, bytes_of("{}")));
}
END_TEST

/* An address, and what a header says of it; NULL where no mail goes. */
static const struct {
    const char *text, *ascii;
} addresses[] = {
    { "ada@payer.example", "ada@payer.example" },
    { "a.b+c_d=e@mail.payer.example", "a.b+c_d=e@mail.payer.example" },
    { "o'neil@payer.example", "o'neil@payer.example" },
    { "a@k\xc3\xa4se.example", "a@xn--kse-qla.example" },
    { "a@xn--kse-qla.example", "a@xn--kse-qla.example" },
    { "", NULL },
    { "@payer.example", NULL },
    { "a@", NULL },
    { "a@localhost", NULL },
    { "a@b@payer.example", NULL },
    { ".a@payer.example", NULL },
    { "a.@payer.example", NULL },
    { "a..b@payer.example", NULL },
    { "a b@payer.example", NULL },
    { "\"a b\"@payer.example", NULL },
    { "A <a@payer.example>", NULL },
    { "a@payer.example, b@payer.example", NULL },
    { "a@payer.example\r\nBcc: b@payer.example", NULL },
    { "a\n@payer.example", NULL },
    { "a@payer.example\n", NULL },
    { "a@payer..example", NULL },
    { "a@payer.example.", NULL },
    { "a@-payer.example", NULL },
    { "a@payer_.example", NULL },
    { "a@[127.0.0.1]", NULL },
    { "a@%0d%0a.example", NULL },
    { "a@payer.example:25", NULL },
    { "a@payer.example/x", NULL },
    { "\xc3\xa4@payer.example", NULL },
    { "a@\xff\xfe.example", NULL },
};

START_TEST(test_addresses)
{
    const char *text = addresses[_i].text, *ascii = addresses[_i].ascii;

    ck_assert_msg(smtp_is_address(text) == (ascii != NULL), "%s", text);
    ck_assert_msg(!check_mail_address(&lone, text) == (ascii != NULL), "%s", text);
    if (ascii)
        ck_assert_str_eq(smtp_ascii_address(&lone, text), ascii);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outward");
    TCase *all = tcase_create("outward");

    lone_use(all);
    tcase_add_test(all, test_the_published_example);
    tcase_add_test(all, test_two_secrets_sign_while_one_is_rotated);
    tcase_add_test(all, test_what_is_no_secret_signs_nothing);
    tcase_add_loop_test(all, test_addresses, 0, (int)(sizeof(addresses) / sizeof(addresses[0])));
    suite_add_tcase(suite, all);
    return lone_main(suite);
}
