/* SPDX-License-Identifier: MIT */
/* What goes back for one request: a status and a JSON body, or an error in the one shape all errors
 * have. */
#pragma once

#include "base/json_write.h"

enum api_fault {
#define X(id, status, code) API_FAULT_##id,
#include "api/fault.def"
#undef X
	_API_FAULT_COUNT,
};

#define ANSWER_ID_BYTES 16 /* hexadecimal digits of a request id */

struct answer {
	unsigned status;
	struct buf body;
	const char *type; /* Content-Type; static */
	const char *file_name; /* offered as a download of that name; static, or NULL */
	struct buf allow; /* methods, for 405 */
	unsigned retry_after_s; /* 0: none */
	char id[ANSWER_ID_BYTES + 1]; /* X-Request-ID, and `request_id` of errors */
};

/* A 200 with no body yet. */
void answer_init(struct answer *answer, const char *id);
void answer_deinit(struct answer *answer);

/* Replaces whatever the answer was by {"error": code, "message": text, "details": {name: value},
 * "request_id": id}; the text says what is wrong and how to mend it. name NULL: no details. */
void answer_fault(struct answer *answer, enum api_fault fault, const char *name, struct span value,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

const char *answer_fault_code(enum api_fault fault);
unsigned answer_fault_status(enum api_fault fault);
