/* SPDX-License-Identifier: MIT */
#include "base/json_unescape.h"

static uint32_t hex4(const uint8_t *p)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i];

		code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return code;
}

static size_t put_code(uint32_t code, uint8_t *out)
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

size_t json_unescape_step(struct span raw, size_t *pos, uint8_t *out)
{
	static const uint8_t two[256] = {['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r',
					 ['t'] = '\t', ['"'] = '"',  ['/'] = '/',  ['\\'] = '\\'};
	const uint8_t *p = raw.p + *pos;
	uint32_t code;

	if (p[0] != '\\') {
		*pos += 1;
		out[0] = p[0];
		return 1;
	}
	if (p[1] != 'u') {
		*pos += 2;
		out[0] = two[p[1]];
		return 1;
	}
	code = hex4(p + 2);
	*pos += 6;
	if (code >= 0xd800 && code < 0xdc00) {
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 8) - 0xdc00);
		*pos += 6;
	}
	return put_code(code, out);
}

size_t json_unescape(struct span raw, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n;) {
		uint8_t step[JSON_UNESCAPE_STEP_BYTES];
		size_t step_n = json_unescape_step(raw, &i, step);

		memcpy(out + n, step, step_n);
		n += step_n;
	}
	return n;
}
