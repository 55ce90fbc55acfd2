/* SPDX-License-Identifier: MIT */
#include "http/fault.h"

const char *http_fault_text(enum http_fault_kind kind)
{
	switch (kind) {
	case HTTP_FAULT_NONE:
		return "nothing wrong";
#define HTTP_FAULT(_name, _text)                                                                   \
	case HTTP_FAULT_##_name:                                                                   \
		return _text;
#include "http/fault.def"
#undef HTTP_FAULT
	case _HTTP_FAULT_COUNT:
		break;
	}
	return "an unknown fault";
}
