/* SPDX-License-Identifier: MIT */
#include "model/message.h"

struct span message_header(const struct message *m, const char *name)
{
	for (unsigned i = 0; i < m->headers_n; i++)
		if (span_ieq(m->header[i].name, span_str(name)))
			return m->header[i].value;
	return SPAN_NULL;
}
