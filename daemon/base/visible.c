/* SPDX-License-Identifier: MIT */
#include "base/visible.h"

#include "base/utf8.h"

/* Ranges of code points that are not shown as they are, in order: C1 controls, and what Unicode
 * calls format, filler, variation selector, tag or separator of lines. */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{0x80, 0x9f},	    {0xad, 0xad},     {0x34f, 0x34f},	  {0x600, 0x605},
	{0x61c, 0x61c},	    {0x6dd, 0x6dd},   {0x70f, 0x70f},	  {0x115f, 0x1160},
	{0x17b4, 0x17b5},   {0x180b, 0x180f}, {0x200b, 0x200f},	  {0x2028, 0x202e},
	{0x2060, 0x206f},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},	  {0xfeff, 0xfeff},
	{0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
	{0xe0000, 0xe0fff},
};

static uint32_t code_point(struct span c)
{
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t value = c.p[0] & mask[c.n];

	for (size_t i = 1; i < c.n; i++)
		value = value << 6 | (c.p[i] & 0x3f);
	return value;
}

static bool is_hidden(uint32_t c)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden) && hidden[i].first <= c; i++)
		if (c <= hidden[i].last)
			return true;
	return false;
}

int visible_put(struct span text, bool lines, struct buf *out)
{
	while (text.n && !out->err) {
		size_t n = utf8_length(text);
		struct span c = span_sub(text, 0, n ? n : 1);
		bool control = n <= 1 && (c.p[0] < ' ' || c.p[0] == 0x7f);

		if (control && lines && (c.p[0] == '\n' || c.p[0] == '\t'))
			control = false;
		if (n > 1 && is_hidden(code_point(c)))
			buf_printf(out, "\\u{%x}", code_point(c));
		else if (n == 0 || control)
			buf_printf(out, "\\x%02x", c.p[0]);
		else
			buf_put(out, c);
		text = span_sub(text, c.n, text.n);
	}
	return out->err;
}
