#include "base/instant.h"

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "base/arena.h"

#define SECOND INT64_C(1000000)
#define DAY_SECONDS INT64_C(86400)
#define FIRST_SECOND INT64_C(-62135596800) // 0001-01-01
#define LAST_SECOND INT64_C(253402300799)  // the end of 9999: what four digits of year can say

static _Atomic int64_t offset_seconds;

bool instant_is_set(struct instant instant)
{
    return instant.us != 0;
}

static int64_t within_calendar(int64_t seconds)
{
    if (seconds < FIRST_SECOND)
        return FIRST_SECOND;
    return seconds > LAST_SECOND ? LAST_SECOND : seconds;
}

struct instant instant_of_unix(int64_t seconds)
{
    return (struct instant){ within_calendar(seconds) * SECOND };
}

static int64_t floor_divide(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

int64_t instant_to_unix(struct instant instant)
{
    return floor_divide(instant.us, SECOND);
}

struct instant instant_add_seconds(struct instant instant, int64_t seconds)
{
    int64_t unix_seconds = instant_to_unix(instant);
    int64_t fraction = instant.us - unix_seconds * SECOND;
    int64_t sum;

    if (__builtin_add_overflow(unix_seconds, seconds, &sum))
        sum = seconds < 0 ? FIRST_SECOND : LAST_SECOND;
    return (struct instant){ instant_of_unix(sum).us + fraction };
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. Years start in March here, so that the leap day is the
 * last one of its year. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_divide(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

struct date {
    int64_t year, month, day;
};

static struct date date_of_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = floor_divide(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    int64_t month = m < 10 ? m + 3 : m - 9;

    return (struct date){
        .year = year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * m + 2) / 5 + 1,
    };
}

const char *instant_format(struct arena *arena, struct instant instant, bool precise)
{
    int64_t seconds = instant_to_unix(instant);
    int64_t fraction = instant.us - seconds * SECOND;

    seconds = within_calendar(seconds);
    int64_t days = floor_divide(seconds, DAY_SECONDS);
    int64_t of_day = seconds - days * DAY_SECONDS;
    struct date date = date_of_days(days);

    const char *text = arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d", (int)date.year, (int)date.month,
        (int)date.day, (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60));
    return precise ? arena_printf(arena, "%s.%06dZ", text, (int)fraction) : arena_printf(arena, "%sZ", text);
}

const char *instant_words(struct arena *arena, struct instant instant)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
        "Dec" };
    int64_t seconds = within_calendar(instant_to_unix(instant));
    int64_t days = floor_divide(seconds, DAY_SECONDS);
    int64_t of_day = seconds - days * DAY_SECONDS;
    struct date date = date_of_days(days);

    return arena_printf(arena, "%d %s %d, %02d:%02d UTC", (int)date.day, months[date.month - 1], (int)date.year,
        (int)(of_day / 3600), (int)(of_day / 60 % 60));
}

/* Takes exactly `digits` digits; *ok turns false and stays so when they are not there. */
static int64_t take_number(const char **at, int digits, bool *ok)
{
    int64_t number = 0;

    for (int i = 0; i < digits && *ok; i++) {
        *ok = **at >= '0' && **at <= '9';
        if (*ok)
            number = number * 10 + (*(*at)++ - '0');
    }
    return *ok ? number : 0;
}

static void take(const char **at, const char *any_of, bool *ok)
{
    for (const char *c = any_of; *ok && *c; c++) {
        if (**at == *c) {
            (*at)++;
            return;
        }
    }
    *ok = false;
}

/* Microseconds; what is finer is cut off. */
static int64_t take_fraction(const char **at, bool *ok)
{
    int64_t fraction = 0;
    int64_t unit = SECOND;

    if (!*ok || **at != '.')
        return 0;
    (*at)++;
    *ok = **at >= '0' && **at <= '9';
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        unit /= 10;
        fraction += (**at - '0') * unit;
    }
    return fraction;
}

/* Seconds east of UTC. PostgreSQL leaves minutes of zero away. */
static int64_t take_offset(const char **at, bool minutes_needed, bool *ok)
{
    if (*ok && (**at == 'Z' || **at == 'z')) {
        (*at)++;
        return 0;
    }

    int64_t sign = **at == '-' ? -1 : 1;
    take(at, "+-", ok);
    int64_t hours = take_number(at, 2, ok);
    int64_t minutes = 0;
    if (*ok && (minutes_needed || **at == ':')) {
        take(at, ":", ok);
        minutes = take_number(at, 2, ok);
    }
    *ok = *ok && hours < 24 && minutes < 60;
    return sign * (hours * 3600 + minutes * 60);
}

static bool is_date(struct date date)
{
    if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1)
        return false;
    struct date back = date_of_days(days_of_date(date.year, date.month, date.day));
    return back.month == date.month && back.day == date.day;
}

bool instant_parse(const char *text, struct instant *out)
{
    const char *at = text;
    bool ok = text;
    struct date date;

    if (!ok)
        return false;
    date.year = take_number(&at, 4, &ok);
    take(&at, "-", &ok);
    date.month = take_number(&at, 2, &ok);
    take(&at, "-", &ok);
    date.day = take_number(&at, 2, &ok);
    bool postgres = *at == ' ';
    take(&at, "Tt ", &ok);
    int64_t hour = take_number(&at, 2, &ok);
    take(&at, ":", &ok);
    int64_t minute = take_number(&at, 2, &ok);
    take(&at, ":", &ok);
    int64_t second = take_number(&at, 2, &ok);
    int64_t fraction = take_fraction(&at, &ok);
    int64_t east = take_offset(&at, !postgres, &ok);

    // a leap second is the first one of the next minute
    if (!ok || *at || !is_date(date) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t seconds =
        days_of_date(date.year, date.month, date.day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - east;
    if (seconds != within_calendar(seconds))
        return false;
    out->us = seconds * SECOND + fraction;
    return true;
}

int64_t monotonic_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct instant clock_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    struct instant now = { (int64_t)time.tv_sec * SECOND + time.tv_nsec / 1000 };
    return instant_add_seconds(now, clock_offset());
}

void clock_set_offset(int64_t seconds)
{
    atomic_store(&offset_seconds, seconds);
}

int64_t clock_offset(void)
{
    return atomic_load(&offset_seconds);
}
