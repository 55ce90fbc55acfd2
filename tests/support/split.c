/* SPDX-License-Identifier: MIT */
#include "support/split.h"
#include "support/guard.h"

#include <stdio.h>

static bool feed(const struct split_parser *parser, void *ctx, struct guard *g, struct span piece)
{
	bool more = parser->feed(ctx, guard_copy(g, piece));

	/* Only what was used: wiping whole pages for each byte would be most of the time. */
	if (piece.n)
		memset(g->map + g->pages_n * g->page - piece.n, 0xdd, piece.n);
	return more;
}

void split_each(const struct split_parser *parser, void *ctx, struct span text)
{
	struct guard g;
	char how[64];

	guard_init(&g, text.n);
	parser->begin(ctx);
	feed(parser, ctx, &g, text);
	parser->end(ctx, "whole");

	parser->begin(ctx);
	if (!text.n)
		feed(parser, ctx, &g, text);
	for (size_t i = 0; i < text.n; i++)
		if (!feed(parser, ctx, &g, span_sub(text, i, i + 1)))
			break;
	parser->end(ctx, "byte by byte");

	for (size_t i = 0; i <= text.n; i++) {
		snprintf(how, sizeof(how), "split at %zu of %zu", i, text.n);
		parser->begin(ctx);
		if (feed(parser, ctx, &g, span_sub(text, 0, i)))
			feed(parser, ctx, &g, span_sub(text, i, text.n));
		parser->end(ctx, how);
	}
	guard_deinit(&g);
}

void split_truncated(struct span text, void (*fn)(void *ctx, struct span part), void *ctx)
{
	struct guard g;

	guard_init(&g, text.n);
	for (size_t n = 0; n < text.n; n++)
		fn(ctx, guard_copy(&g, span_sub(text, 0, n)));
	guard_deinit(&g);
}
