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

/* Values of digits, plus one: what is no lower-case digit has none, as equal values must be equal
 * texts. */
static const uint8_t digit_value[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool hex_decode(struct span text, void *out, size_t n)
{
	uint8_t *p = out;

	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!digit_value[text.p[i]])
			return false;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((digit_value[text.p[2 * i]] - 1) << 4 |
				 (digit_value[text.p[2 * i + 1]] - 1));
	return true;
}
