/* SPDX-License-Identifier: MIT */
/* layer: provider */
/* Provider files: any bytes are loaded or refused with a message; what is loaded reads a request.
 */
#include "provider/provider.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char body[] = "{\"model\":\"m\",\"q\":[\"a\",{\"type\":\"text\",\"text\":\"b\"},[1,"
			   "null]],\"r\":{\"s\":{\"t\":true}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct provider_source source = {"fuzz.yaml", span_of(data, size)};
	struct message head = {.method = SPAN_LIT("POST"), .path = SPAN_LIT("/ask")};
	struct yaml_error error = YAML_ERROR_INIT;
	struct json_scan *scan = json_scan_new(256);
	struct facts *facts = facts_new();
	struct provider_set *set = NULL;
	int r = provider_load(&source, 1, &set, &error);

	CHECK(scan && facts);
	CHECK(r == PARSE_DONE || r == PARSE_E_BAD || r == PARSE_E_LIMIT);
	CHECK((r == PARSE_DONE) == (set != NULL));
	CHECK((r == PARSE_DONE) == (error.text.n == 0));
	if (set) {
		r = provider_request(provider_set_at(set, 0), &head,
				     span_of(body, sizeof(body) - 1), scan, facts);
		CHECK(r == PARSE_DONE || r == PARSE_E_BAD || r == PARSE_E_LIMIT);
	}
	provider_set_unref(set);
	json_scan_free(scan);
	facts_free(facts);
	yaml_error_deinit(&error);
	return 0;
}
