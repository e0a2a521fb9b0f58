/* See calendar.h. */
#include "calendar.h"

static int is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Leap years before the 1st of January of a year, counted from year 1. */
static int leap_years_before(int year)
{
    const int past = year - 1;

    return past / 4 - past / 100 + past / 400;
}

int64_t calendar_seconds(int year, int month, int day, int hour, int minute, int second)
{
    static const int16_t days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

    if (year < 1970 || year > 9999 || month < 1 || month > 12 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60) {
        return -1;
    }
    const int leap_day = month == 2 && is_leap(year);
    if (day < 1 || day > days_before[month] - days_before[month - 1] + leap_day) {
        return -1;
    }
    int64_t days = (int64_t) (year - 1970) * 365 + leap_years_before(year) - leap_years_before(1970);
    days += days_before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

int64_t calendar_renewal(int64_t from, int64_t until)
{
    return from + (until - from) / 3 * 2;
}
