/* SPDX-License-Identifier: MIT */
/* What each string of a body is, as the paths of its shape say. Inside daemon/provider only. */
#pragma once

#include "provider/shape.h"

struct marks {
	const struct json *json;
	const struct yaml_node *labels; /* keys whose strings `**` leaves out, or NULL */
	uint8_t *mark; /* of each token: enum shape_mark; owned */
	size_t messages;
};

/* Nothing is marked yet. 0 or -ENOMEM. */
MUST_CHECK int marks_init(struct marks *marks, const struct json *json, const struct shape *shape);
void marks_deinit(struct marks *marks);

/* Marks what a path of the shape stands at; false when the action marks nothing. */
bool marks_take(struct marks *marks, const struct path_action *action, uint32_t token, bool deep);

/* application/json and its kin in UTF-8, or nothing said: then JSON is what the provider expects.
 */
bool marks_is_json_type(struct span content_type);
