#include "http/smtp.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/ctx.h"
#include "base/utf8.h"

#define LOCAL_AT_MOST 64
#define ADDRESS_AT_MOST 254
#define CONNECT_MS 10000L
#define TIMEOUT_MS 60000L

/* Addresses --------------------------------------------------------------------------------------------------------- */

static bool is_local_part(const char *text, size_t length)
{
    if (length == 0 || length > LOCAL_AT_MOST || text[0] == '.' || text[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!isalnum(c) && !strchr(".!#$%&'*+/=?^_`{|}~-", c))
            return false;
        if (c == '.' && text[i + 1] == '.')
            return false;
    }
    return true;
}

/* Letters of any script; what they mean in DNS is libidn2's to say. */
static bool is_host(const char *text)
{
    size_t length = strlen(text);

    if (length < 3 || !strchr(text, '.') || text[0] == '.' || text[0] == '-' || text[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80 && !isalnum(c) && c != '-' && c != '.')
            return false;
        if (c == '.' && text[i + 1] == '.')
            return false;
    }
    return true;
}

bool smtp_is_address(const char *text)
{
    const char *at = strchr(text, '@');

    return at && strlen(text) <= ADDRESS_AT_MOST && utf8_is_valid(text) && !strchr(at + 1, '@')
        && is_local_part(text, (size_t)(at - text)) && is_host(at + 1);
}

const char *check_mail_address(struct ctx *ctx, const char *text)
{
    (void)ctx;
    return smtp_is_address(text) ? NULL : "must be an e-mail address";
}

const char *smtp_ascii_address(struct ctx *ctx, const char *address)
{
    const char *at = strchr(address, '@'), *ascii = NULL;
    CURLU *url = curl_url();
    char *host = NULL;

    assert(url);
    if (at && curl_url_set(url, CURLUPART_URL, arena_printf(ctx->arena, "https://%s/", at + 1), 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_HOST, &host, CURLU_PUNYCODE) == CURLUE_OK)
        ascii = arena_printf(ctx->arena, "%.*s@%s", (int)(at - address), address, host);
    curl_free(host);
    curl_url_cleanup(url);
    return ascii;
}

/* Sending ----------------------------------------------------------------------------------------------------------- */

struct upload {
    struct bytes left;
};

static size_t on_read(char *buffer, size_t size, size_t count, void *user)
{
    struct upload *upload = user;
    size_t length = size * count < upload->left.length ? size * count : upload->left.length;

    memcpy(buffer, upload->left.data, length);
    upload->left.data += length;
    upload->left.length -= length;
    return length;
}

static size_t ignore(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    return size * count;
}

#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        CURLcode set_code = curl_easy_setopt(curl, option, value);                                                     \
        assert(set_code == CURLE_OK);                                                                                  \
    } while (0)

static void set_server(CURL *curl, const struct config *config)
{
    SET(CURLOPT_URL, config->smtp_url);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_USE_SSL, strcmp(config->smtp_tls, "none") ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (config->smtp_ca_file)
        SET(CURLOPT_CAINFO, config->smtp_ca_file);
    if (config->smtp_user)
        SET(CURLOPT_USERNAME, config->smtp_user);
    if (config->smtp_password)
        SET(CURLOPT_PASSWORD, config->smtp_password);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
}

/* A lasting no (5xx) to the recipient or to the message is final; one to our name or password is for the operator to mend. */
static enum smtp_result judge(CURLcode code, long status)
{
    if (code == CURLE_OK)
        return SMTP_TAKEN;
    if (code == CURLE_LOGIN_DENIED || code == CURLE_USE_SSL_FAILED || status == 530 || status == 535 || status == 538)
        return SMTP_LATER;
    return status >= 500 && status < 600 ? SMTP_REFUSED : SMTP_LATER;
}

void smtp_send(struct ctx *ctx, const char *to, struct bytes message, struct smtp_response *response)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *recipients = curl_slist_append(NULL, to);
    struct upload upload = { message };
    long status = 0;

    assert(!ctx->tx && curl && recipients && smtp_is_address(to));
    set_server(curl, ctx->config);
    SET(CURLOPT_MAIL_FROM, ctx->config->mail_from);
    SET(CURLOPT_MAIL_RCPT, recipients);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)message.length);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, &upload);
    SET(CURLOPT_WRITEFUNCTION, ignore);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *response = (struct smtp_response){
        .result = judge(code, status),
        .status = (int)status,
        .cause = code == CURLE_OK ? NULL
            : status ? arena_printf(ctx->arena, "the mail server answered %ld (%s)", status, curl_easy_strerror(code))
                     : curl_easy_strerror(code),
    };
    curl_slist_free_all(recipients);
    curl_easy_cleanup(curl);
}
