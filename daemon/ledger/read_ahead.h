/* SPDX-License-Identifier: MIT */
/* Leaves read and hashed by one thread while another one looks at them: the one costs about as much
 * as the other. */
#pragma once

#include "ledger/reader.h"

struct ahead_leaf {
	struct store_leaf row; /* as the database has it */
	struct hash hash; /* of its bytes, by leaf_hash() */
};

typedef int (*read_ahead_fn)(void *data, const struct ahead_leaf *leaf);

/* As reader_leaves(), but fn is called while the next leaves are read; reader must be used by
 * nobody else meanwhile, so fn needs one of its own. Without a second thread, or memory for it, all
 * is done in this one. */
MUST_CHECK int read_ahead(struct reader *reader, uint64_t begin, uint64_t end, read_ahead_fn fn,
			  void *data);
