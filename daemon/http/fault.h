/* SPDX-License-Identifier: MIT */
/* What made HTTP bytes unacceptable: for messages, records and tests. */
#pragma once

#include <stddef.h>

enum http_fault_kind {
	HTTP_FAULT_NONE,
#define HTTP_FAULT(_name, _text) HTTP_FAULT_##_name,
#include "http/fault.def"
#undef HTTP_FAULT
	_HTTP_FAULT_COUNT,
};

struct http_fault {
	enum http_fault_kind kind;
	size_t at; /* offset of the byte that showed it, from the start of what the parser was given
		    */
};

/* What is wrong, as the end of a sentence that begins with "the request (or response) has". */
const char *http_fault_text(enum http_fault_kind kind);
