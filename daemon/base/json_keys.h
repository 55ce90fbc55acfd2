/* SPDX-License-Identifier: MIT */
/*
 * Finds keys that stand twice in one object, compared unescaped.
 *
 * Keys are sorted, not hashed: n log n comparisons in the worst case whatever the keys are, with no
 * secret that a pure layer would have to be given.
 */
#pragma once

#include "base/json.h"

struct json_key_entry;

/* Memory of the check, kept between texts. {0} is ready for use. */
struct json_keys {
	struct json_key_entry *entry;
	struct json_key_entry *spare; /* second half of the merge sort */
	size_t entries_max;
	uint8_t *plain; /* unescaped keys */
	size_t plain_max;
};

void json_keys_deinit(struct json_keys *keys);

/* PARSE_DONE, PARSE_E_BAD with the offset of the first repeated key of the first such object, or
 * -ENOMEM. */
MUST_CHECK int json_keys_check(struct json_keys *keys, const struct json *j, size_t *ret_at);
