/* SPDX-License-Identifier: MIT */
/* Bundles from the warden: loaded by a thread, as compiling many patterns takes seconds, and in
 * force all at once or not at all. */
#include "io/engine_role.h"
#include "io/role_rules.h"

#include "base/cleanup.h"
#include "base/json_write.h"

#include <errno.h>

DEFINE_FREEP(struct role_bundle, role_bundle_free)

/* A bundle on its way to being the rules. */
struct load {
	struct engine_role *er;
	uint64_t id; /* of the warden's message */
	struct role_bundle *bundle;
	struct config *config;
	struct policy_set *policies;
	struct provider_set *providers;
	struct yaml_error error;
	int outcome;
};

static void load_free(struct load *load)
{
	role_bundle_free(load->bundle);
	config_free(load->config);
	if (load->policies)
		policy_set_unref(load->policies);
	if (load->providers)
		provider_set_unref(load->providers);
	yaml_error_deinit(&load->error);
	free(load);
}

DEFINE_FREEP(struct load, load_free)

/* On the thread: touches nothing but the load. */
static void load_run(void *data)
{
	struct load *load = data;
	const struct role_bundle *b = load->bundle;
	int r = config_parse(b->config, b->config_name, &load->config, &load->error);

	if (!r)
		r = role_rules_providers(b, &load->providers, &load->error);
	if (!r)
		r = role_rules_policies(b, &load->policies, &load->error);
	load->outcome = r;
}

static void report(struct engine_role *er, uint64_t id, int outcome, struct span error)
{
	struct json_write w;

	buf_clear(&er->out);
	json_write_init(&w, &er->out, false);
	json_write_object(&w, NULL);
	json_write_bool(&w, "ok", !outcome);
	if (outcome) {
		const char *plain = strerror(outcome < 0 ? -outcome : EINVAL);

		json_write_string(&w, "error", error.n ? error : span_str(plain));
	} else {
		json_write_int(&w, "policies", (int64_t)policy_set_count(er->policies));
		json_write_str(&w, "digest", policy_set_digest(er->policies));
		json_write_str(&w, "mode", mode_name(er->mode));
	}
	json_write_end_object(&w);
	peer_send(&er->warden, LINK_BUNDLE_RESULT, id, buf_span(&er->out), -1);
}

static void adopt(struct engine_role *er, struct load *load)
{
	if (er->policies)
		policy_set_unref(er->policies);
	if (er->providers)
		provider_set_unref(er->providers);
	er->policies = TAKE(load->policies);
	er->providers = TAKE(load->providers);
	er->mode = load->config->mode;
	er->fail = load->config->fail;
	er->rootless = load->bundle->rootless;
	er->hold_ms = (int64_t)load->config->approvals_hold_seconds * 1000;
	er->expiry_ms = (int64_t)load->config->approvals_expiry_seconds * 1000;
	_Static_assert(sizeof(er->key) == sizeof(load->bundle->key), "one key");
	memcpy(er->key, load->bundle->key, sizeof(er->key));
	lane_set_rules(er);
}

static void load_done(void *data)
{
	struct load *load CLEANUP(load_freep) = data;

	if (!load->outcome)
		adopt(load->er, load);
	report(load->er, load->id, load->outcome, buf_span(&load->error.text));
}

static struct load *load_new(struct engine_role *er, uint64_t id, struct role_bundle *bundle)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load) {
		role_bundle_free(bundle);
		return NULL;
	}
	*load = (struct load){.er = er, .id = id, .bundle = bundle, .error = YAML_ERROR_INIT};
	return load;
}

void rules_first(struct engine_role *er, struct role_bundle *bundle)
{
	struct load *load = load_new(er, 0, bundle);

	if (!load) {
		report(er, 0, -ENOMEM, SPAN_NULL);
		return;
	}
	load_run(load);
	load_done(load);
}

void rules_take(struct engine_role *er, const struct link_message *message)
{
	struct role_bundle *bundle = NULL;
	struct worker_job job = {.run = load_run, .done = load_done};
	struct load *load;
	int r = role_bundle_read(message->payload, &bundle);

	if (r) {
		report(er, message->id, r, SPAN_LIT("the bundle is malformed"));
		return;
	}
	load = load_new(er, message->id, bundle);
	if (!load) {
		report(er, message->id, -ENOMEM, SPAN_NULL);
		return;
	}
	job.data = load;
	r = worker_busy(er->loader) ? -EBUSY : worker_start(er->loader, &job);
	if (r < 0) {
		report(er, message->id, r, SPAN_NULL);
		load_free(load);
	}
}
