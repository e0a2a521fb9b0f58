/* Dates of certificates as Unix seconds. Pure. */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdint.h>

/* Seconds since 1970 of a date in UTC, for years from 1970 to 9999; -1 for what is no date. */
int64_t calendar_seconds(int year, int month, int day, int hour, int minute, int second);

/* When a certificate that holds from one to the other is to be renewed: after two thirds of its life. */
int64_t calendar_renewal(int64_t from, int64_t until);

#endif /* CALENDAR_H */
