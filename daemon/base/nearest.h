/* SPDX-License-Identifier: MIT */
/* "Did you mean": the known word that a mistyped one is nearest to. */
#pragma once

#include "base/span.h"

/* State of one search; {0} is ready for use. */
struct nearest {
	struct span best; /* borrowed from what was offered; empty while nothing is near enough */
	size_t distance;
};

/* Offers one known word. It is near enough when at most a third of its characters (at least one)
 * would have to be changed, added, dropped or swapped with their neighbour; of equals the first
 * offered stays. */
void nearest_offer(struct nearest *nearest, struct span word, struct span known);

/* What a message appends: "; did you mean `best`?" needs room for the word. Empty text when nothing
 * is near. */
#define NEAREST_FMT "%s%.*s%s"
#define NEAREST_ARG(_n)                                                                            \
	(_n).best.n ? "; did you mean `" : "", SPAN_ARG((_n).best), (_n).best.n ? "`?" : ""
