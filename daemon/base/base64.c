/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_put(struct buf *out, struct span s)
{
	int r = buf_reserve(out, (s.n + 2) / 3 * 4);

	if (r < 0)
		return r;
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)s.p[i] << 16;

		if (left > 1)
			v |= (uint32_t)s.p[i + 1] << 8;
		if (left > 2)
			v |= s.p[i + 2];
		out->p[out->n++] = (uint8_t)alphabet[v >> 18];
		out->p[out->n++] = (uint8_t)alphabet[v >> 12 & 63];
		out->p[out->n++] = left > 1 ? (uint8_t)alphabet[v >> 6 & 63] : '=';
		out->p[out->n++] = left > 2 ? (uint8_t)alphabet[v & 63] : '=';
	}
	return 0;
}

static int value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes four characters of which the last `pad` are '='. False when they are not base64 or have
 * bits that no encoder sets. */
static bool quad(const uint8_t *p, size_t pad, uint8_t out[3])
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int d = i < 4 - pad ? value(p[i]) : 0;

		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
	}
	if (v & (pad == 2 ? 0xffffu : pad == 1 ? 0xffu : 0))
		return false;
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	return true;
}

static size_t padding(struct span text)
{
	if (text.n < 2 || text.p[text.n - 1] != '=')
		return 0;
	return text.p[text.n - 2] == '=' ? 2 : 1;
}

int base64_decode(struct buf *out, struct span text)
{
	size_t pad = padding(text), begin = out->n;
	uint8_t three[3];
	int r;

	if (text.n % 4)
		return PARSE_E_BAD;
	r = buf_reserve(out, text.n / 4 * 3);
	if (r < 0)
		return r;
	for (size_t i = 0; i < text.n; i += 4) {
		size_t here = i + 4 == text.n ? pad : 0;

		if (!quad(text.p + i, here, three)) {
			out->n = begin;
			return PARSE_E_BAD;
		}
		memcpy(out->p + out->n, three, 3 - here);
		out->n += 3 - here;
	}
	return PARSE_DONE;
}

bool base64_decode_exact(struct span text, void *out, size_t n)
{
	size_t pad = padding(text);
	uint8_t three[3], *p = out;

	if (text.n % 4 || text.n / 4 * 3 - pad != n)
		return false;
	for (size_t i = 0; i < text.n; i += 4)
		if (!quad(text.p + i, i + 4 == text.n ? pad : 0, three))
			return false;
	for (size_t i = 0; i < text.n; i += 4) {
		size_t here = i + 4 == text.n ? pad : 0;

		(void)quad(text.p + i, here, three);
		memcpy(p, three, 3 - here);
		p += 3 - here;
	}
	return true;
}
