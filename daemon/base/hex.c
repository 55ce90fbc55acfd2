/* SPDX-License-Identifier: MIT */
#include "base/hex.h"

void hex_encode(struct span bytes, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.n; i++) {
		*out++ = digit[bytes.p[i] >> 4];
		*out++ = digit[bytes.p[i] & 15];
	}
}

int hex_put(struct buf *out, struct span bytes)
{
	int r = buf_reserve(out, 2 * bytes.n);

	if (r < 0)
		return r;
	hex_encode(bytes, (char *)out->p + out->n);
	out->n += 2 * bytes.n;
	return 0;
}

/* 16 for what is no lower-case digit: one spelling only, as equal values must be equal texts. */
static unsigned value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

bool hex_decode(struct span text, void *out, size_t n)
{
	uint8_t *p = out;

	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (value(text.p[i]) > 15)
			return false;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(value(text.p[2 * i]) << 4 | value(text.p[2 * i + 1]));
	return true;
}
