/* SPDX-License-Identifier: MIT */
/*
 * Feeds one text to an incremental parser in every way it may arrive: whole, byte by byte, in two
 * pieces at every place.
 *
 * Each piece lies flush against a guard page and is overwritten when the parser has had it.
 */
#pragma once

#include "base/span.h"

struct split_parser {
	void (*begin)(void *ctx);
	/* The next piece; false to be fed no more. */
	bool (*feed)(void *ctx, struct span piece);
	/* All was fed (or feed() said no): compare with what is expected. how names the split, for
	 * messages. */
	void (*end)(void *ctx, const char *how);
};

void split_each(const struct split_parser *parser, void *ctx, struct span text);

/* Calls fn with every shorter text that begins as this one does, longest last, each flush against a
 * guard page. */
void split_truncated(struct span text, void (*fn)(void *ctx, struct span part), void *ctx);
