/* SPDX-License-Identifier: MIT */
#include "record/stamp.h"

#define NS_PER_S  INT64_C(1000000000)
#define S_PER_DAY INT64_C(86400)

struct civil {
	int64_t year;
	unsigned month, day;
};

/* Days since 1970-01-01 to a date and back, in the proleptic Gregorian calendar. Years begin in
 * March here, so that the leap day is the last one; 400 years have 146,097 days, and 1970-01-01 is
 * day 719,468 of year 0. */
static struct civil civil_of_days(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);

	return (struct civil){
		.year = yoe + era * 400 + (month <= 2),
		.month = month,
		.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
	};
}

static int64_t days_of_civil(int64_t year, int64_t month, int64_t day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static void digits(char *out, int n, uint64_t v)
{
	while (n-- > 0) {
		out[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

void stamp_write(int64_t wall_ns, char out[STAMP_BYTES + 1])
{
	int64_t s = wall_ns / NS_PER_S, ns = wall_ns % NS_PER_S, day, rest;
	struct civil date;

	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	day = s / S_PER_DAY;
	rest = s % S_PER_DAY;
	if (rest < 0) {
		rest += S_PER_DAY;
		day--;
	}
	date = civil_of_days(day);
	memcpy(out, "0000-00-00T00:00:00.000000000Z", STAMP_BYTES + 1);
	digits(out, 4, (uint64_t)date.year);
	digits(out + 5, 2, date.month);
	digits(out + 8, 2, date.day);
	digits(out + 11, 2, (uint64_t)rest / 3600);
	digits(out + 14, 2, (uint64_t)rest / 60 % 60);
	digits(out + 17, 2, (uint64_t)rest % 60);
	digits(out + 20, 9, (uint64_t)ns);
}

static int64_t number(const uint8_t *p, int n)
{
	int64_t v = 0;

	for (int i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

static int64_t month_days(int64_t year, int64_t month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

bool stamp_parse(struct span text, int64_t *ret_ns)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
	int64_t year, month, day, hour, minute, second;

	if (text.n != STAMP_BYTES)
		return false;
	for (size_t i = 0; i < STAMP_BYTES; i++) {
		uint8_t c = text.p[i];

		if (shape[i] == 'd' ? c < '0' || c > '9' : c != (uint8_t)shape[i])
			return false;
	}
	year = number(text.p, 4);
	month = number(text.p + 5, 2);
	day = number(text.p + 8, 2);
	hour = number(text.p + 11, 2);
	minute = number(text.p + 14, 2);
	second = number(text.p + 17, 2);
	if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
	    day > month_days(year, month) || hour > 23 || minute > 59 || second > 59)
		return false;
	*ret_ns = ((days_of_civil(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 +
		    second) *
		   NS_PER_S) +
		  number(text.p + 20, 9);
	return true;
}
