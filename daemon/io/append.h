/* SPDX-License-Identifier: MIT */
/* The payload of LINK_APPEND: 1 byte length of the type (plus LINK_APPEND_ESSENTIAL), the type,
 * canonical JSON. Pure. */
#pragma once

#include "base/buf.h"
#include "base/parse.h"
#include "record/record_type.h"

/* Appends what stands in front of the JSON body. 0 or the buffer's error. */
int append_begin(struct buf *out, enum record_type type, bool essential);

struct append {
	enum record_type type;
	bool essential; /* asked for, or by its type */
	struct span body; /* borrowed */
};

/* PARSE_DONE; PARSE_E_BAD also for types that this version does not know or that only the ledger
 * itself writes. */
MUST_CHECK int append_read(struct span payload, struct append *ret_append);
