/* SPDX-License-Identifier: MIT */
#include "base/json_number.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool json_number_step(enum json_number_state *state, uint8_t b)
{
	bool digit = b >= '0' && b <= '9', e = b == 'e' || b == 'E';
	enum json_number_state next = *state;
	bool fits = digit;

	switch (*state) {
	case JSON_NUMBER_MINUS:
		next = b == '0' ? JSON_NUMBER_ZERO : JSON_NUMBER_DIGITS;
		break;
	case JSON_NUMBER_ZERO:
	case JSON_NUMBER_DIGITS:
		if (digit && *state == JSON_NUMBER_DIGITS)
			break;
		next = e ? JSON_NUMBER_E : JSON_NUMBER_DOT;
		fits = e || b == '.';
		break;
	case JSON_NUMBER_DOT:
		next = JSON_NUMBER_FRACTION;
		break;
	case JSON_NUMBER_FRACTION:
		if (digit)
			break;
		next = JSON_NUMBER_E;
		fits = e;
		break;
	case JSON_NUMBER_E:
		next = digit ? JSON_NUMBER_EXPONENT : JSON_NUMBER_E_SIGN;
		fits = digit || b == '+' || b == '-';
		break;
	case JSON_NUMBER_E_SIGN:
		next = JSON_NUMBER_EXPONENT;
		break;
	case JSON_NUMBER_EXPONENT:
		break;
	}
	if (fits)
		*state = next;
	return fits;
}

bool json_number_whole(enum json_number_state state)
{
	return state == JSON_NUMBER_ZERO || state == JSON_NUMBER_DIGITS ||
	       state == JSON_NUMBER_FRACTION || state == JSON_NUMBER_EXPONENT;
}

/* Digits that can still change how a number rounds to a double: 767 and one for all that is cut. */
#define DIGITS_MAX 768

/* 0.DIGITS times ten to the power of exponent, without leading or trailing zeros; zero has no
 * digits. */
struct decimal {
	bool minus;
	unsigned n;
	int64_t exponent;
	char digit[DIGITS_MAX];
};

static void decimal_digit(struct decimal *d, char c)
{
	if (d->n < DIGITS_MAX) {
		d->digit[d->n++] = c;
	} else if (c != '0') {
		/* Stands for all that is cut: never the round half of a tie, as something follows.
		 */
		d->digit[DIGITS_MAX - 1] = '1';
	}
}

/* The text is a well-formed number. */
static void decimal_read(struct span s, struct decimal *ret)
{
	struct decimal *d = ret;
	bool fraction = false, minus = false;
	int64_t power = 0;
	size_t i = 0;

	*d = (struct decimal){.minus = s.p[0] == '-'};
	for (i = d->minus; i < s.n && (s.p[i] | 0x20) != 'e'; i++) {
		if (s.p[i] == '.') {
			fraction = true;
			continue;
		}
		if (d->n || s.p[i] != '0') {
			decimal_digit(d, (char)s.p[i]);
			d->exponent += !fraction;
		} else {
			d->exponent -= fraction;
		}
	}
	for (i++; i < s.n; i++) {
		if (s.p[i] == '-')
			minus = true;
		else if (s.p[i] != '+' && power < INT32_MAX)
			power = power * 10 + (s.p[i] - '0');
	}
	d->exponent += minus ? -power : power;
	while (d->n && d->digit[d->n - 1] == '0')
		d->n--;
}

bool json_int(const struct json *j, uint32_t t, int64_t *ret_value)
{
	struct decimal d;
	int64_t value = 0;

	if (j->token[t].kind != JSON_NUMBER)
		return false;
	decimal_read(json_raw(j, t), &d);
	if (d.n && (d.exponent < d.n || d.exponent > 19))
		return false;
	for (int64_t i = 0; d.n && i < d.exponent; i++) {
		int digit = i < d.n ? d.digit[i] - '0' : 0;

		/* Built downwards, as INT64_MIN has no positive twin. */
		if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
		    __builtin_sub_overflow(value, (int64_t)digit, &value))
			return false;
	}
	if (!d.minus && value == INT64_MIN)
		return false;
	*ret_value = d.minus ? value : -value;
	return true;
}

bool json_number(const struct json *j, uint32_t t, double *ret_value)
{
	char text[DIGITS_MAX + 32];
	struct decimal d;
	double value;

	if (j->token[t].kind != JSON_NUMBER)
		return false;
	decimal_read(json_raw(j, t), &d);
	if (!d.n) {
		*ret_value = d.minus ? -0.0 : 0.0;
		return true;
	}
	/* An integer mantissa, so that no locale's decimal point matters. */
	snprintf(text, sizeof(text), "%s%.*se%lld", d.minus ? "-" : "", (int)d.n, d.digit,
		 (long long)(d.exponent - d.n));
	value = strtod(text, NULL);
	if (!isfinite(value))
		return false;
	*ret_value = value;
	return true;
}
