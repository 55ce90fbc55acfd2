/* SPDX-License-Identifier: MIT */
/* Which operation a method and a path call. */
#pragma once

#include "aicp/limits.h"
#include "base/buf.h"
#include "provider/shape.h"

/* A path as its segments, last first: percent-decoded, lower case, without empty and dot segments.
 * What servers take for the same place is the same place here, so that another spelling does not
 * hide a call. */
struct uri {
	unsigned n;
	struct span part[AICP_PROVIDER_URI_PARTS_MAX];
	size_t used;
	uint8_t bytes[AICP_PROVIDER_URI_BYTES_MAX];
	uint8_t exact[AICP_PROVIDER_URI_BYTES_MAX]; /* the same before case was folded */
};

/* False when the path has more or longer segments than any operation. */
bool uri_read(struct span path, struct uri *ret_uri);

struct operation {
	struct operation *next;
	struct span name;
	struct span method;
	struct uri pattern; /* `{...}` stands for any one segment, or what comes before the rest of
			       it; `{...+}` for one or more segments */
	struct shape *shape; /* owned; NULL: its body is not read */
	bool stream; /* what it is when the body does not say */
	bool stream_known; /* the body need not be able to say it */
	struct span array_unless; /* refusals stand in an array unless the query has this parameter;
				     or SPAN_NULL */
};

/* Adds one entry of `operations:`; shapes is the file's `shapes:`, or NULL. The list keeps the
 * file's order and borrows from node. PARSE_DONE, PARSE_E_BAD with error set, -ENOMEM. */
MUST_CHECK int operation_load(const struct yaml_node *node, const struct yaml_node *shapes,
			      const char *file, struct operation **list, struct yaml_error *error);
void operation_free(struct operation *list);

/* The operation, or NULL; where several patterns fit, the one with the fewest `{...}`, of those one
 * whose `{...}` has a rest, and one with `{...+}` last. */
const struct operation *operation_find(const struct operation *list, struct span method,
				       struct span path);
/* What stands at `{model}` or `{model+}` of the operation that path calls, percent-decoded,
 * segments joined by "/"; nothing when the pattern has none. 0, -ENOMEM, -E2BIG. */
int operation_model(const struct operation *operation, struct span path, struct buf *out);
/* Does query have the parameter ("key=value"), as it stands there? */
bool operation_has_parameter(struct span query, struct span parameter);
