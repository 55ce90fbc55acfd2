/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

/* Longer words are no slips of the finger, and the tables below stay on the stack. */
#define WORD_BYTES_MAX 48

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance without regard to case; both at most WORD_BYTES_MAX long. */
static size_t distance(struct span a, struct span b)
{
	uint8_t d[WORD_BYTES_MAX + 1][WORD_BYTES_MAX + 1];

	for (size_t i = 0; i <= a.n; i++)
		d[i][0] = (uint8_t)i;
	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= a.n; i++)
		for (size_t j = 1; j <= b.n; j++) {
			uint8_t x = span_ascii_lower(a.p[i - 1]), y = span_ascii_lower(b.p[j - 1]);
			size_t n = least(d[i - 1][j] + 1u, d[i][j - 1] + 1u);

			n = least(n, d[i - 1][j - 1] + (x != y));
			if (i > 1 && j > 1 && x == span_ascii_lower(b.p[j - 2]) &&
			    span_ascii_lower(a.p[i - 2]) == y)
				n = least(n, d[i - 2][j - 2] + 1u);
			d[i][j] = (uint8_t)n;
		}
	return d[a.n][b.n];
}

void nearest_offer(struct nearest *nearest, struct span word, struct span known)
{
	size_t n, most = known.n / 3 ? known.n / 3 : 1;

	if (!word.n || word.n > WORD_BYTES_MAX || !known.n || known.n > WORD_BYTES_MAX)
		return;
	n = distance(word, known);
	if (n > most || (nearest->best.n && n >= nearest->distance))
		return;
	nearest->best = known;
	nearest->distance = n;
}
