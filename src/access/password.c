#include "access/password.h"

#include <argon2.h>
#include <ctype.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/ctx.h"
#include "base/utf8.h"

#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define SALT_SIZE 16
#define HASH_SIZE 32
#define AT_ONCE 2
#define WAIT_SECONDS 5
#define WORD_LEAST 4 // shorter words of a name are in too many passwords by chance

#define PARAMETERS "$argon2id$v=19$m=19456,t=2,p=1$"

/* Each takes 19 MiB and a core for a while: more at once would take the process from everybody else. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static int running;

static bool begin(void)
{
    struct timespec end;
    bool begun;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&lock);
    while (running >= AT_ONCE && pthread_cond_timedwait(&freed, &lock, &end) == 0)
        ;
    begun = running < AT_ONCE;
    if (begun)
        running++;
    pthread_mutex_unlock(&lock);
    return begun;
}

static void finish(void)
{
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&lock);
}

static struct error *busy(struct ctx *ctx)
{
    return error_new(ctx, E_UNAVAILABLE, "Too many people are signing in at this moment. Please try again.");
}

struct error *password_hash(struct ctx *ctx, const char *password, const char **out)
{
    char encoded[256];
    uint8_t salt[SALT_SIZE];
    int status;

    crypto_random(salt, sizeof(salt));
    if (!begin())
        return busy(ctx);
    status = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt, sizeof(salt), HASH_SIZE,
        encoded, sizeof(encoded));
    finish();
    if (status != ARGON2_OK)
        return error_cause(ctx, error_new(ctx, E_UNAVAILABLE, "The password could not be worked on."), "argon2: %s",
            argon2_error_message(status));
    *out = arena_strdup(ctx->arena, encoded);
    return NULL;
}

/* The hash of nothing that anybody could type: it is never right, and takes as long as any other. */
static const char nobody[] = PARAMETERS "VGlsbCBoYXMgbm8gdXNlcg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct error *password_matches(struct ctx *ctx, const char *password, const char *hash, bool *out)
{
    int status;

    if (!begin())
        return busy(ctx);
    status = argon2id_verify(hash ? hash : nobody, password, strlen(password));
    finish();
    *out = hash && status == ARGON2_OK;
    if (status == ARGON2_OK || status == ARGON2_VERIFY_MISMATCH)
        return NULL;
    return error_cause(ctx, error_new(ctx, E_UNAVAILABLE, "The password could not be worked on."), "argon2: %s",
        argon2_error_message(status));
}

bool password_is_outdated(const char *hash)
{
    return strncmp(hash, PARAMETERS, strlen(PARAMETERS)) != 0;
}

const char *password_new(struct ctx *ctx)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; // 32: five bits each
    char *out = arena_alloc(ctx->arena, 24);
    uint8_t random[20];
    size_t used = 0;

    crypto_random(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++) {
        if (i && i % 5 == 0)
            out[used++] = '-';
        out[used++] = letters[random[i] % 32];
    }
    wipe(random, sizeof(random));
    return out;
}

/* Weakness --------------------------------------------------------------------------------------------------------- */

static const char *const common[] = {
#define COMMON(password) password,
#include "access/common_passwords.def"
#undef COMMON
};

static char *lower_case(struct ctx *ctx, const char *text)
{
    char *copy = arena_strdup(ctx->arena, text);

    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static bool is_common(const char *lower)
{
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (strcmp(common[i], lower) == 0)
            return true;
    }
    return false;
}

/* A few characters over and over: "abcabcabcabc". */
static bool repeats(const char *text)
{
    size_t length = strlen(text);

    for (size_t period = 1; period <= length / 3; period++) {
        size_t same = period;

        while (same < length && text[same] == text[same - period])
            same++;
        if (same == length)
            return true;
    }
    return false;
}

static bool follows(const char *row, char a, char b)
{
    const char *at = strchr(row, a);

    return at && ((at[1] && at[1] == b) || (at > row && at[-1] == b));
}

/* Whether most characters are the one after, before or the same as theirs, in the alphabet or on a keyboard. */
static bool is_sequence(const char *lower)
{
    static const char *const rows[] = { "01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl",
        "zxcvbnm", "qwertzuiop", "azertyuiop" };
    size_t length = strlen(lower), steps = 0;

    for (size_t i = 1; i < length; i++) {
        bool step = lower[i] == lower[i - 1];

        for (size_t row = 0; !step && row < sizeof(rows) / sizeof(rows[0]); row++)
            step = follows(rows[row], lower[i - 1], lower[i]);
        steps += step;
    }
    return steps * 4 >= (length - 1) * 3;
}

/* Whether so much of the password is a word of `text` that little is left to guess. */
static bool is_made_of(struct ctx *ctx, const char *lower, const char *text)
{
    char *words = text ? lower_case(ctx, text) : NULL, *rest = NULL;

    for (char *word = words ? strtok_r(words, " @.-_+,'", &rest) : NULL; word;
         word = strtok_r(NULL, " @.-_+,'", &rest)) {
        size_t length = strlen(word), found = 0;

        if (length < WORD_LEAST)
            continue;
        for (const char *at = strstr(lower, word); at; at = strstr(at + length, word))
            found += length;
        if (strlen(lower) - found < PASSWORD_LEAST - WORD_LEAST)
            return found > 0;
    }
    return false;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    uint32_t code;

    for (; *text; count++)
        utf8_next(&text, &code);
    return count;
}

const char *password_weakness(struct ctx *ctx, const char *password, const char *email, const char *name)
{
    const char *lower = lower_case(ctx, password);
    size_t length = characters(password);

    if (length < PASSWORD_LEAST)
        return "must have at least 12 characters";
    if (length > PASSWORD_MOST)
        return "must have at most 128 characters";
    if (is_common(lower))
        return "is one that many people have";
    if (repeats(lower))
        return "is the same few characters over and over";
    if (is_sequence(lower))
        return "is a row of the alphabet or of the keyboard";
    if (is_made_of(ctx, lower, email) || is_made_of(ctx, lower, name))
        return "is mostly your own name or e-mail address";
    if (is_made_of(ctx, lower, "till admin administrator dashboard password")
        || is_made_of(ctx, lower, ctx->config->merchant_name))
        return "is mostly the name of the shop or a word that everybody tries first";
    return NULL;
}
