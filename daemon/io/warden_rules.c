/* SPDX-License-Identifier: MIT */
/*
 * Bundles: read from disk, tried by the engine, and in force only when it took them. The last good
 * one is what a restarted engine gets, also when it was the new one that killed it.
 */
#include "io/warden_state.h"

#include "base/cleanup.h"
#include "base/json_write.h"
#include "io/fields.h"
#include "io/governed.h"
#include "io/log.h"
#include "io/notify.h"

#include <errno.h>
#include <stdio.h>

DEFINE_FREEP(struct role_bundle, role_bundle_free)
DEFINE_FREEP(struct config, config_free)

static void clear_buf(struct buf *b)
{
	if (b->n)
		explicit_bzero(b->p, b->n);
	buf_deinit(b);
}

/* Ledger, api and engine have to go by the same rules. */
static bool same_approvals(const struct config *a, const struct config *b)
{
	const struct config_uids *old = &a->approvals_approvers, *new = &b->approvals_approvers;

	return a->approvals_hold_seconds == b->approvals_hold_seconds &&
	       a->approvals_expiry_seconds == b->approvals_expiry_seconds &&
	       a->approvals_strict == b->approvals_strict && old->n == new->n &&
	       (!old->n || memcmp(old->uid, new->uid, old->n * sizeof(*old->uid)) == 0);
}

/* What a running daemon cannot change. */
static int check_same(const struct config *old, const struct config *new, const char *name,
		      struct yaml_error *error)
{
	if (strcmp(old->state_dir, new->state_dir) != 0 ||
	    strcmp(old->runtime_dir, new->runtime_dir) != 0 ||
	    strcmp(old->api_listen, new->api_listen) != 0)
		return yaml_error_set(error, name, 0,
				      "state_dir, runtime_dir and api.listen take effect at a "
				      "restart only; restart aicpd, or put the old values back");
	if (!same_approvals(old, new))
		return yaml_error_set(error, name, 0,
				      "the keys of approvals take effect at a restart only; "
				      "restart aicpd, or put the old values back");
	return PARSE_DONE;
}

/* Serialises a bundle for the engine into the candidate. */
static int make_candidate(struct warden *w, struct role_bundle *b, const struct config *config,
			  struct yaml_error *error)
{
	int r;

	clear_buf(&w->candidate);
	buf_deinit(&w->candidate_governed);
	w->candidate = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	w->candidate_governed = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	r = governed_text(b, config, &w->candidate_governed, error);
	if (r)
		return r;
	b->rootless = w->options->rootless;
	b->has_key = true;
	memcpy(b->key, w->key, sizeof(b->key));
	b->state_dir = strdup(w->state_dir);
	if (!b->state_dir)
		return -ENOMEM;
	r = role_bundle_write(b, &w->candidate);
	if (r == -EILSEQ)
		return yaml_error_set(error, b->config_name, 0,
				      "a path in it is not UTF-8; rename it");
	if (r == -E2BIG)
		return yaml_error_set(error, b->config_name, 0, "all files together are too large");
	return r;
}

static int say_error(int r, const struct yaml_error *error)
{
	if (r)
		log_say(LOG_ERROR, "configuration", "%.*s",
			SPAN_ARG(r < 0 ? span_str(strerror(-r)) : buf_span(&error->text)));
	return r;
}

int rules_read_first(struct warden *w)
{
	struct yaml_error error = YAML_ERROR_INIT;
	int r = source_read(&w->options->source, &w->first, &w->config, &error);

	say_error(r, &error);
	yaml_error_deinit(&error);
	return r;
}

int rules_complete_first(struct warden *w)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct role_bundle *b CLEANUP(role_bundle_freep) = TAKE(w->first);
	int r = make_candidate(w, b, w->config, &error);

	say_error(r, &error);
	yaml_error_deinit(&error);
	/* The engine's word on it comes with the id of a start, which is 0. */
	w->good = w->candidate;
	w->good_governed = w->candidate_governed;
	w->candidate = w->candidate_governed = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	return r;
}

/* Roles other than the engine need no files and no key. */
static int plain_bundle(struct warden *w, struct buf *out)
{
	struct role_bundle *b CLEANUP(role_bundle_freep) = NULL;
	int r = role_bundle_read(buf_span(&w->good), &b);

	if (r)
		return r < 0 ? r : -EBADMSG;
	explicit_bzero(b->key, sizeof(b->key));
	b->has_key = false;
	for (size_t i = 0; i < b->files_n; i++)
		free(b->file[i].name);
	b->files_n = 0;
	return role_bundle_write(b, out);
}

void rules_send(struct warden *w, struct child *child)
{
	struct buf plain = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	int r = 0;

	if (child->role == LINK_ENGINE) {
		r = peer_send(&child->peer, LINK_BUNDLE, 0, buf_span(&w->good), -1);
	} else {
		r = plain_bundle(w, &plain);
		if (!r)
			r = peer_send(&child->peer, LINK_BUNDLE, 0, buf_span(&plain), -1);
	}
	if (r < 0)
		log_say(LOG_ERROR, "bundle", "%s cannot be given its configuration: %s",
			link_role_name(child->role), strerror(-r));
	buf_deinit(&plain);
}

static void publish(struct warden *w)
{
	int r = governed_write(w->runtime_dir, buf_span(&w->good_governed));

	if (r < 0)
		log_say(LOG_ERROR, "governed", "%s/governed cannot be written: %s", w->runtime_dir,
			strerror(-r));
}

static void record_mode(struct warden *w)
{
	struct json_write json;
	struct buf out;

	record_begin(&out, &json, RECORD_MODE);
	json_write_str(&json, "fail", w->config->fail == CONFIG_FAIL_OPEN ? "open" : "closed");
	json_write_str(&json, "mode", mode_name(w->config->mode));
	json_write_str(&json, "tier", w->options->rootless ? "cooperative" : "host");
	record_end(w, &out, &json);
}

static void record_load(struct warden *w, const struct fields *f)
{
	char digest[80] = "";
	int64_t policies = 0;
	struct json_write json;
	struct buf out;

	fields_text(f, "digest", digest, sizeof(digest));
	fields_int(f, "policies", &policies);
	log_say(LOG_INFO, "policy.load", "%lld policies are in force, digest %s",
		(long long)policies, digest);
	record_begin(&out, &json, RECORD_POLICY_LOAD);
	json_write_str(&json, "digest", digest);
	json_write_int(&json, "policies", policies);
	record_end(w, &out, &json);
}

static void record_refused(struct warden *w, const char *error)
{
	struct json_write json;
	struct buf out;

	log_say(LOG_ERROR, "policy.refused", "%s; the last good set stays in force", error);
	record_begin(&out, &json, RECORD_POLICY_REFUSED);
	json_write_str(&json, "error", error);
	record_end(w, &out, &json);
}

static void answer_askers(struct warden *w, struct span result)
{
	for (size_t i = 0; i < w->askers_n; i++)
		peer_send(&w->child[w->asker[i].role].peer, LINK_RELOAD_RESULT, w->asker[i].id,
			  result, -1);
	w->askers_n = 0;
	notify_send("READY=1");
}

static void refuse_reload(struct warden *w, const char *error)
{
	struct buf out = BUF_INIT(16384);
	struct json_write json;

	record_refused(w, error);
	json_write_init(&json, &out, true);
	json_write_object(&json, NULL);
	json_write_str(&json, "error", error);
	json_write_bool(&json, "ok", false);
	json_write_end_object(&json);
	answer_askers(w, out.err ? SPAN_LIT("{\"ok\":false}") : buf_span(&out));
	buf_deinit(&out);
}

/* Reads everything anew and gives it to the engine to try. > 0 with error, or -errno. */
static int try_reload(struct warden *w, struct yaml_error *error)
{
	struct role_bundle *b CLEANUP(role_bundle_freep) = NULL;
	struct config *config CLEANUP(config_freep) = NULL;
	int r = source_read(&w->options->source, &b, &config, error);

	if (!r)
		r = check_same(w->config, config, b->config_name, error);
	if (!r)
		r = make_candidate(w, b, config, error);
	if (!r)
		r = peer_send(&w->child[LINK_ENGINE].peer, LINK_BUNDLE, w->next_id + 1,
			      buf_span(&w->candidate), -1);
	if (r)
		return r;
	w->candidate_id = ++w->next_id;
	config_free(w->candidate_config);
	w->candidate_config = TAKE(config);
	return 0;
}

void rules_reload(struct warden *w)
{
	struct yaml_error error = YAML_ERROR_INIT;
	char state[64];
	int r;

	if (w->candidate_id) {
		w->again = true;
		return;
	}
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)(loop_mono_ns() / 1000));
	notify_send(state);
	r = try_reload(w, &error);
	if (r > 0)
		refuse_reload(w, buf_str(&error.text) ? (const char *)error.text.p : "no memory");
	else if (r == -ENOTCONN || r == -EPIPE)
		refuse_reload(w, "the engine is being started again; try in a second");
	else if (r < 0)
		refuse_reload(w, strerror(-r));
	yaml_error_deinit(&error);
}

void rules_reload_for(struct warden *w, enum link_role role, uint64_t id)
{
	if (w->askers_n == RELOAD_ASKERS_MAX) {
		peer_send(&w->child[role].peer, LINK_RELOAD_RESULT, id,
			  SPAN_LIT("{\"error\":\"too many reloads at once\",\"ok\":false}"), -1);
		return;
	}
	w->asker[w->askers_n++] = (struct reload_asker){role, id};
	rules_reload(w);
}

/* The candidate is in force. */
static void adopt(struct warden *w, const struct fields *f)
{
	bool other = w->config->mode != w->candidate_config->mode ||
		     w->config->fail != w->candidate_config->fail;

	clear_buf(&w->good);
	buf_deinit(&w->good_governed);
	w->good = w->candidate;
	w->good_governed = w->candidate_governed;
	w->candidate = w->candidate_governed = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	config_free(w->config);
	w->config = TAKE(w->candidate_config);
	publish(w);
	record_load(w, f);
	if (other)
		record_mode(w);
}

static void end_reload(struct warden *w)
{
	w->candidate_id = 0;
	if (w->again) {
		w->again = false;
		rules_reload(w);
	}
}

void rules_result(struct warden *w, uint64_t id, struct span result)
{
	char error[4096] = "the engine gave no reason";
	struct fields f;
	bool ok = false, read;

	read = fields_open(&f, result) == PARSE_DONE && fields_bool(&f, "ok", &ok);
	if (read && !ok)
		fields_text(&f, "error", error, sizeof(error));
	if (id == 0 && ok) {
		/* The good bundle of a start or restart of the engine. */
		publish(w);
		if (!w->child[LINK_ENGINE].was_ready) {
			record_mode(w);
			record_load(w, &f);
		}
	} else if (id == 0) {
		log_say(LOG_ERROR, "configuration", "%s", error);
	} else if (id == w->candidate_id && ok) {
		adopt(w, &f);
		answer_askers(w, result);
		end_reload(w);
	} else if (id == w->candidate_id) {
		refuse_reload(w, error);
		end_reload(w);
	}
	fields_close(&f);
	if (id == 0 && !ok && w->stage == WARDEN_STARTING) {
		w->status = 1;
		loop_stop(w->loop, 1);
	}
}

void rules_engine_died(struct warden *w)
{
	if (!w->candidate_id)
		return;
	refuse_reload(w, "the engine died while it tried the new set");
	end_reload(w);
}
