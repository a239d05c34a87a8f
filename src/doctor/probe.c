#include "doctor/probe.h"

#include <curl/curl.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "http/trust.h"

#define TIMEOUT_MS 10000L

static size_t pass_over(char *data, size_t size, size_t count, void *unused)
{
    (void)data;
    (void)unused;
    return size * count;
}

static int64_t date_of(CURL *curl)
{
    struct curl_header *header;

    if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return -1;
    return (int64_t)curl_getdate(header->value, NULL);
}

/* Of the certificate that the server sent first, which is its own. */
static int64_t certificate_end(CURL *curl)
{
    static const char label[] = "Expire date:";
    struct curl_certinfo *chain = NULL;

    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain || chain->num_of_certs < 1)
        return -1;
    for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next)
        if (strncmp(line->data, label, sizeof(label) - 1) == 0)
            return (int64_t)curl_getdate(line->data + sizeof(label) - 1, NULL);
    return -1;
}

void probe_url(struct arena *arena, const char *url, struct probe *out)
{
    CURL *curl = curl_easy_init();
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;

    *out = (struct probe){ .date = -1, .certificate_until = -1, .why = "libcurl did not start" };
    if (!curl)
        return;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, trust_lend);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over);
    CURLcode result = curl_easy_perform(curl);
    if (result == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        *out = (struct probe){
            .answered = true,
            .status = (int)status,
            .date = date_of(curl),
            .certificate_until = certificate_end(curl),
        };
    } else {
        out->untrusted = result == CURLE_PEER_FAILED_VERIFICATION;
        out->why = arena_strdup(arena, *why ? why : curl_easy_strerror(result));
    }
    curl_easy_cleanup(curl);
}
