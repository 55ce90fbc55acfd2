/* SPDX-License-Identifier: MIT */
#include "api/moment.h"

#define SECOND_NS INT64_C(1000000000)
/* Seconds that nanoseconds in 63 bits can hold. */
#define SECONDS_MAX (INT64_MAX / SECOND_NS - 86400)

struct reader {
	struct span rest;
	bool good;
};

static bool literal(struct reader *r, uint8_t c)
{
	if (!r->rest.n || r->rest.p[0] != c)
		return false;
	r->rest = span_sub(r->rest, 1, r->rest.n);
	return true;
}

static void expect(struct reader *r, uint8_t c)
{
	r->good = literal(r, c) && r->good;
}

/* Exactly n digits. */
static int64_t digits(struct reader *r, unsigned n)
{
	int64_t value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!r->rest.n || r->rest.p[0] < '0' || r->rest.p[0] > '9') {
			r->good = false;
			return 0;
		}
		value = value * 10 + (r->rest.p[0] - '0');
		r->rest = span_sub(r->rest, 1, r->rest.n);
	}
	return value;
}

static int64_t fraction(struct reader *r)
{
	int64_t ns = 0, unit = SECOND_NS;

	if (!literal(r, '.'))
		return 0;
	if (!r->rest.n || r->rest.p[0] < '0' || r->rest.p[0] > '9')
		r->good = false;
	while (r->rest.n && r->rest.p[0] >= '0' && r->rest.p[0] <= '9') {
		unit /= 10;
		ns += unit * (r->rest.p[0] - '0');
		r->rest = span_sub(r->rest, 1, r->rest.n);
	}
	return ns;
}

static bool leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days(struct reader *r)
{
	static const uint8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t year = digits(r, 4), month, day, n;

	expect(r, '-');
	month = digits(r, 2);
	expect(r, '-');
	day = digits(r, 2);
	if (!r->good || year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 ||
	    day > length[month - 1] + (month == 2 && leap(year))) {
		r->good = false;
		return 0;
	}
	n = day - 1;
	for (int64_t y = 1970; y < year; y++)
		n += leap(y) ? 366 : 365;
	for (int64_t m = 1; m < month; m++)
		n += length[m - 1] + (m == 2 && leap(year));
	return n;
}

static int64_t zone_s(struct reader *r)
{
	int64_t sign, hours, minutes;

	if (!r->rest.n || literal(r, 'Z') || literal(r, 'z'))
		return 0;
	/* A + in a query is a space unless the client escaped it. */
	if (literal(r, '+') || literal(r, ' '))
		sign = 1;
	else if (literal(r, '-'))
		sign = -1;
	else
		return r->good = false;
	hours = digits(r, 2);
	expect(r, ':');
	minutes = digits(r, 2);
	r->good = r->good && hours < 24 && minutes < 60;
	return sign * (hours * 3600 + minutes * 60);
}

static bool seconds_parse(struct reader r, int64_t *ret_ns)
{
	int64_t seconds = 0, ns;

	if (!r.rest.n || r.rest.p[0] == '.')
		return false;
	if (r.rest.n == 4) /* a year, and not 34 minutes after 1970 began */
		return false;
	while (r.rest.n && r.rest.p[0] >= '0' && r.rest.p[0] <= '9') {
		seconds = seconds * 10 + (r.rest.p[0] - '0');
		if (seconds > SECONDS_MAX)
			return false;
		r.rest = span_sub(r.rest, 1, r.rest.n);
	}
	ns = fraction(&r);
	if (!r.good || r.rest.n)
		return false;
	*ret_ns = seconds * SECOND_NS + ns;
	return true;
}

bool moment_parse(struct span text, int64_t *ret_ns)
{
	struct reader r = {text, true};
	int64_t s, ns = 0;

	if (!span_sub(text, 4, 5).n || text.p[4] != '-')
		return seconds_parse(r, ret_ns);
	s = days(&r) * 86400;
	if (r.good && r.rest.n) {
		if (!literal(&r, 'T') && !literal(&r, 't'))
			expect(&r, ' ');
		int64_t hours = digits(&r, 2), minutes, seconds;

		expect(&r, ':');
		minutes = digits(&r, 2);
		expect(&r, ':');
		seconds = digits(&r, 2);
		if (hours > 23 || minutes > 59 || seconds > 60)
			return false;
		ns = fraction(&r);
		s += hours * 3600 + minutes * 60 + seconds - zone_s(&r);
	}
	if (!r.good || r.rest.n || s < 0 || s > SECONDS_MAX)
		return false;
	*ret_ns = s * SECOND_NS + ns;
	return true;
}
