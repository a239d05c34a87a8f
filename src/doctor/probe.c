#include "doctor/probe.h"

#include <curl/curl.h>
#include <time.h>

#include "base/arena.h"

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

void probe_url(struct arena *arena, const char *url, struct probe *out)
{
    CURL *curl = curl_easy_init();
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;

    *out = (struct probe){ .date = -1, .why = "libcurl did not start" };
    if (!curl)
        return;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over);
    CURLcode result = curl_easy_perform(curl);
    if (result == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        *out = (struct probe){ .answered = true, .status = (int)status, .date = date_of(curl) };
    } else {
        out->why = arena_strdup(arena, *why ? why : curl_easy_strerror(result));
    }
    curl_easy_cleanup(curl);
}
