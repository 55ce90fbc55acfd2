/* SPDX-License-Identifier: MIT */
/* Leaves read by one thread while another one looks at them: reading costs about as much as
 * checking. */
#pragma once

#include "ledger/reader.h"

/* As reader_leaves(), but fn is called while the next leaves are read; reader must be used by
 * nobody else meanwhile, so fn needs one of its own. Without a second thread, or memory for it, it
 * is reader_leaves(). */
MUST_CHECK int read_ahead(struct reader *reader, uint64_t begin, uint64_t end,
			  int (*fn)(void *data, const struct store_leaf *leaf), void *data);
