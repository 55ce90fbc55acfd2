/* SPDX-License-Identifier: MIT */
/* layer: preload */
/* Any file: a host is governed or not, its shape fits, and the refusal made of it fits or is not
 * made. */
#include "../../preload/answer.h"
#include "../../preload/table.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"api.openai.com", "a.b", "x.example.com", ""};
	struct table_entry entry;
	char out[4096];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (!table_find((const char *)data, size, hosts[i], &entry))
			continue;
		if (!table_valid((const char *)data, size) || entry.shape_n > TABLE_SHAPE_BYTES_MAX)
			abort();
		if (answer_make(out, sizeof(out), entry.shape, entry.shape_n, "why") > sizeof(out))
			abort();
	}
	return 0;
}
