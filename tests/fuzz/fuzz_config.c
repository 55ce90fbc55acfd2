/* SPDX-License-Identifier: MIT */
/* layer: model */
/* A configuration file: it is whole and within its limits, or refused with a message. */
#include "model/config.h"

#include "aicp/limits.h"
#include "base/utf8.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const struct config_list *list)
{
	CHECK(list->set || !list->n);
	for (size_t i = 0; i < list->n; i++)
		CHECK(list->item[i][0] == '/' && strlen(list->item[i]) <= AICP_PATH_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct config *c = NULL;
	int r = config_parse(span_of(data, size), "/etc/f.yaml", &c, &error);

	CHECK(r >= PARSE_DONE && r <= PARSE_E_LIMIT && r != PARSE_E_MORE);
	if (r == PARSE_DONE) {
		CHECK(c->state_dir[0] == '/' && c->runtime_dir[0] == '/');
		CHECK(strlen(c->runtime_dir) <= AICP_RUNTIME_DIR_BYTES_MAX);
		CHECK(strcmp(c->api_host, "localhost") == 0 || strcmp(c->api_host, "::1") == 0 ||
		      strncmp(c->api_host, "127.", 4) == 0);
		CHECK(c->api_port > 0);
		check_list(&c->policies);
		check_list(&c->compliance);
		check_list(&c->providers);
		check_list(&c->plugins);
	} else {
		CHECK(!c && span_starts(buf_span(&error.text), SPAN_LIT("/etc/f.yaml:")));
		CHECK(utf8_valid(buf_span(&error.text)));
	}
	config_free(c);
	yaml_error_deinit(&error);
	return 0;
}
