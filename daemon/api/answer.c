/* SPDX-License-Identifier: MIT */
#include "api/answer.h"

#include "aicp/limits.h"

#include <stdio.h>

static const struct {
	unsigned status;
	const char *code;
} fault_row[_API_FAULT_COUNT] = {
#define X(id, s, c) [API_FAULT_##id] = {s, c},
#include "api/fault.def"
#undef X
};

const char *answer_fault_code(enum api_fault fault)
{
	return fault_row[fault].code;
}

unsigned answer_fault_status(enum api_fault fault)
{
	return fault_row[fault].status;
}

void answer_init(struct answer *a, const char *id)
{
	*a = (struct answer){
		.status = 200,
		.body = BUF_INIT(AICP_API_ANSWER_BYTES_MAX),
		.type = "application/json",
		.allow = BUF_INIT(64),
	};
	snprintf(a->id, sizeof(a->id), "%s", id);
}

void answer_deinit(struct answer *a)
{
	buf_deinit(&a->body);
	buf_deinit(&a->allow);
}

void answer_fault(struct answer *a, enum api_fault fault, const char *name, struct span value,
		  const char *fmt, ...)
{
	struct buf message = BUF_INIT(4096);
	struct json_write w;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&message, fmt, ap);
	va_end(ap);

	a->status = fault_row[fault].status;
	a->type = "application/json";
	a->file_name = NULL;
	buf_clear(&a->body);
	json_write_init(&w, &a->body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "error", fault_row[fault].code);
	json_write_string(&w, "message", buf_span(&message));
	json_write_object(&w, "details");
	if (name)
		json_write_string(&w, name, value);
	json_write_end_object(&w);
	json_write_str(&w, "request_id", a->id);
	json_write_end_object(&w);
	buf_deinit(&message);
}
