/* SPDX-License-Identifier: MIT */
#include "io/warden.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "io/governed.h"
#include "io/role_rules.h"

#include <errno.h>
#include <stdio.h>

DEFINE_FREEP(struct role_bundle, role_bundle_free)
DEFINE_FREEP(struct config, config_free)
DEFINE_FREEP(struct policy_set, policy_set_unref)

int warden_check(const struct warden_options *o)
{
	struct role_bundle *b CLEANUP(role_bundle_freep) = NULL;
	struct config *config CLEANUP(config_freep) = NULL;
	struct policy_set *set CLEANUP(policy_set_unrefp) = NULL;
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf governed = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	int r = source_read(&o->source, &b, &config, &error);

	if (!r)
		r = governed_text(b, config, &governed, &error);
	if (!r)
		r = role_rules_policies(b, &set, &error);
	if (!r)
		printf("%s: well-formed, %zu policies\n", b->config_name, policy_set_count(set));
	else
		fprintf(stderr, "%.*s\n",
			SPAN_ARG(r < 0 ? span_str(strerror(-r)) : buf_span(&error.text)));
	yaml_error_deinit(&error);
	buf_deinit(&governed);
	return r ? 1 : 0;
}
