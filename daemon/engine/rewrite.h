/* SPDX-License-Identifier: MIT */
/*
 * A body with parts of its strings replaced: places in the texts of a call become places in the
 * JSON strings they come from, and nothing else of the body changes.
 */
#pragma once

#include "provider/segments.h"

/* A place in one text, and what is to stand there. */
struct rewrite_range {
	enum fact_id fact; /* of a segment */
	size_t begin, end; /* bytes of the text; begin < end */
	struct span replacement; /* UTF-8, not escaped */
};

struct rewrite; /* scratch memory, and the last result */
struct rewrite *rewrite_new(void); /* NULL when out of memory */
void rewrite_free(struct rewrite *rewrite);

/* Starts anew: forgets ranges and result, keeps the memory. */
void rewrite_reset(struct rewrite *rewrite);
/* 0 or -ENOMEM. The replacement is borrowed until the body is made. */
MUST_CHECK int rewrite_add(struct rewrite *rewrite, const struct rewrite_range *range);

/*
 * Makes the new body. Ranges may overlap: then the one that begins first (of those the one added
 * first) gives the replacement for all they cover together. A range over several strings is
 * replaced in each. Characters and escapes that a range cuts are replaced whole. *ret_body is
 * borrowed until rewrite_reset(), *ret_places is how many replacements stand in it.
 *
 * PARSE_DONE; PARSE_E_BAD when no range touches a string, or one touches a string that must not be
 * changed; PARSE_E_LIMIT when the body would be over AICP_BODY_BYTES_MAX; -ENOMEM.
 */
MUST_CHECK int rewrite_body(struct rewrite *rewrite, struct span body,
			    const struct provider_segments *segments, struct span *ret_body,
			    size_t *ret_places);

/* A place in the body, and the replacement that was given for it. */
struct rewrite_place {
	size_t begin, end;
	struct span replacement;
};

/* Where in the body the ranges are, without making a new one: overlapping ranges are one place, and
 * strings that must not be changed count too. 0 with how many there are, until rewrite_reset();
 * -ENOMEM. */
MUST_CHECK int rewrite_places(struct rewrite *rewrite, struct span body,
			      const struct provider_segments *segments, size_t *ret_n);
struct rewrite_place rewrite_place(const struct rewrite *rewrite, size_t i);
