/* SPDX-License-Identifier: MIT */
/* Who may come in: every refusal that needs no body, in the order that server.h promises. */
#include "api/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define RETRY_AFTER_S 6

/* What the headers say; given[] counts, since a second Host or key is a second meaning. */
struct headers {
	struct span host, origin, fetch_site, content_type, authorization, api_key, length, coding;
	unsigned hosts, keys;
};

static enum MHD_Result read_header(void *data, enum MHD_ValueKind kind, const char *name,
				   const char *text)
{
	struct headers *h = data;
	struct span value = span_str(text ? text : "");
	struct {
		const char *name;
		struct span *value;
		unsigned *count;
	} row[] = {
		{"Host", &h->host, &h->hosts},
		{"Origin", &h->origin, NULL},
		{"Sec-Fetch-Site", &h->fetch_site, NULL},
		{"Content-Type", &h->content_type, NULL},
		{"Authorization", &h->authorization, &h->keys},
		{"X-API-Key", &h->api_key, &h->keys},
		{"Content-Length", &h->length, NULL},
		{"Transfer-Encoding", &h->coding, NULL},
	};

	(void)kind;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (!span_ieq(span_str(name), span_str(row[i].name)))
			continue;
		*row[i].value = value;
		if (row[i].count)
			++*row[i].count;
	}
	return MHD_YES;
}

static void refuse(struct exchange *x, const struct peer *peer, enum notice_kind kind)
{
	char what[64];

	/* The path as it was sent may hold anything, also somebody's key. */
	snprintf(what, sizeof(what), "%s %s",
		 x->knows_route ? route_method_name(route_row(x->request.route)->method) : "any",
		 x->knows_route ? route_row(x->request.route)->path : "an unknown path");
	notice_count(&x->api->notices, kind, peer->name, what, &x->request.who);
}

static bool check_host(struct exchange *x, const struct peer *peer, const struct headers *h)
{
	const struct admission_self *self = &x->api->self;
	bool good = h->hosts == 1 && admission_host(self, h->host);

	if (peer->local)
		return true; /* no name server leads a browser to a Unix socket */
	if (good && x->knows_uri && x->request.uri.authority.n)
		good = admission_host(self, x->request.uri.authority);
	if (good)
		return true;
	answer_fault(&x->request.answer, API_FAULT_MISDIRECTED, NULL, SPAN_NULL,
		     "this is not the host that was asked for; use %s:%u or localhost:%u as Host",
		     self->host, self->port, self->port);
	refuse(x, peer, NOTICE_FOREIGN);
	return false;
}

static bool wrong_key(struct exchange *x, const struct peer *peer, bool reserved)
{
	struct answer *a = &x->request.answer;

	if (reserved) {
		answer_fault(a, API_FAULT_UNAUTHENTICATED, NULL, SPAN_NULL,
			     "this API key is not known here, or was revoked; ask an admin for a "
			     "new one");
		refuse(x, peer, NOTICE_WRONG_KEY);
	} else {
		answer_fault(a, API_FAULT_THROTTLED, NULL, SPAN_NULL,
			     "too many wrong API keys; wait %d s, or use a right one",
			     RETRY_AFTER_S);
		a->retry_after_s = RETRY_AFTER_S;
		refuse(x, peer, NOTICE_THROTTLED);
	}
	return false;
}

static bool check_key(struct exchange *x, const struct peer *peer, struct span key)
{
	struct api *api = x->api;
	int64_t now_ns = api_mono_ns();
	struct hash digest;
	bool reserved;
	int r;

	if (keyring_wellformed(key)) {
		r = hash_once(key, &digest);
		if (!r && keyring_find(&api->keyring, &digest, now_ns, &x->request.who))
			return true;
	} else {
		r = API_E_WRONG_KEY;
	}
	reserved = bucket_reserve(&api->buckets, peer->source, now_ns);
	if (!r)
		r = api_ask_key(api, key, &x->request.who);
	if (r == API_E_WRONG_KEY)
		return wrong_key(x, peer, reserved);
	if (reserved)
		bucket_refund(&api->buckets, peer->source);
	if (r < 0) {
		answer_fault(&x->request.answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
			     "API keys cannot be checked: the ledger does not answer; see `aicp "
			     "doctor`");
		return false;
	}
	keyring_add(&api->keyring, &digest, now_ns, &x->request.who);
	return true;
}

static bool local_user(struct exchange *x, const struct peer *peer)
{
	struct principal *who = &x->request.who;

	snprintf(who->owner, sizeof(who->owner), "uid:%" PRIu32, peer->uid);
	if (peer->uid == 0 || (x->api->start->rootless && peer->uid == getuid())) {
		snprintf(who->role, sizeof(who->role), "admin");
		return true;
	}
	if (config_uids_has(&x->api->start->config->approvals_approvers, peer->uid)) {
		snprintf(who->role, sizeof(who->role), "approver");
		return true;
	}
	answer_fault(&x->request.answer, API_FAULT_FORBIDDEN, NULL, SPAN_NULL,
		     "uid %" PRIu32 " has no role on this socket; ask as root, send an API key, or "
		     "be named in approvals.approvers",
		     peer->uid);
	refuse(x, peer, NOTICE_FORBIDDEN);
	return false;
}

static bool authenticate(struct exchange *x, const struct peer *peer, const struct headers *h)
{
	struct span key = h->api_key;

	if (h->keys == 0 && peer->local)
		return local_user(x, peer);
	if (h->keys == 0) {
		answer_fault(
			&x->request.answer, API_FAULT_UNAUTHENTICATED, NULL, SPAN_NULL,
			"an API key is needed: `Authorization: Bearer KEY` or `X-API-Key: KEY`; "
			"the first one is in admin.key of the state directory");
		refuse(x, peer, NOTICE_NO_KEY);
		return false;
	}
	if (h->keys > 1 || (h->authorization.p && !admission_bearer(h->authorization, &key)))
		key = SPAN_NULL; /* never well formed */
	return check_key(x, peer, key);
}

static bool check_right(struct exchange *x, const struct peer *peer)
{
	const struct route *route = route_row(x->request.route);

	if (!x->knows_route || permission_held(route->permission, x->request.who.role))
		return true;
	answer_fault(
		&x->request.answer, API_FAULT_FORBIDDEN, "permission",
		span_str(permission_name(route->permission)),
		"this needs the permission %s, which the role `%s` does not hold; ask an admin",
		permission_name(route->permission), x->request.who.role);
	refuse(x, peer, NOTICE_FORBIDDEN);
	return false;
}

static bool writes(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
	       strcmp(method, "OPTIONS") != 0;
}

static bool check_site(struct exchange *x, const struct peer *peer, const struct headers *h,
		       const char *method)
{
	struct answer *a = &x->request.answer;

	if ((h->origin.p && (peer->local || !admission_origin(&x->api->self, h->origin))) ||
	    (h->fetch_site.p && !admission_fetch_site(h->fetch_site, writes(method)))) {
		answer_fault(
			a, API_FAULT_CROSS_SITE, NULL, SPAN_NULL,
			"requests from other web sites are refused; open the API's own address");
		refuse(x, peer, NOTICE_FOREIGN);
		return false;
	}
	if (writes(method) && !admission_json(h->content_type)) {
		answer_fault(a, API_FAULT_NOT_JSON, NULL, SPAN_NULL,
			     "send JSON, with `Content-Type: application/json`");
		return false;
	}
	return true;
}

static bool check_length(struct exchange *x, const struct headers *h)
{
	struct answer *a = &x->request.answer;
	uint64_t length = 0;

	if (h->length.p && h->coding.p) {
		answer_fault(
			a, API_FAULT_BAD_REQUEST, NULL, SPAN_NULL,
			"Content-Length and Transfer-Encoding say two things; send one of them");
		return false;
	}
	for (size_t i = 0; i < h->length.n && length <= AICP_API_BODY_BYTES_MAX; i++) {
		uint8_t c = h->length.p[i];

		/* What is no number is no length that we would read. */
		length = c >= '0' && c <= '9' ? length * 10 + (c - '0') : UINT64_MAX;
	}
	if (length <= AICP_API_BODY_BYTES_MAX)
		return true;
	answer_fault(a, API_FAULT_TOO_LARGE, NULL, SPAN_NULL, "a body may have %u bytes, no more",
		     AICP_API_BODY_BYTES_MAX);
	return false;
}

static bool check_route(struct exchange *x, enum route_outcome found)
{
	struct request *r = &x->request;

	if (!x->knows_uri) {
		answer_fault(&r->answer, API_FAULT_BAD_REQUEST, NULL, SPAN_NULL,
			     "the request's path or query cannot be read: a broken %%-escape, a "
			     "parameter "
			     "given twice, or more than %u bytes",
			     AICP_API_TARGET_BYTES_MAX);
		return false;
	}
	switch (found) {
	case ROUTE_FOUND:
		break;
	case ROUTE_NO_PATH:
		answer_fault(&r->answer, API_FAULT_NOT_FOUND, NULL, SPAN_NULL,
			     "there is no such path; /api/openapi.json lists all");
		return false;
	case ROUTE_NO_METHOD:
		route_allow(r->route, &r->answer.allow);
		answer_fault(&r->answer, API_FAULT_METHOD_NOT_ALLOWED, "allow",
			     buf_span(&r->answer.allow), "this path takes %.*s",
			     SPAN_ARG(buf_span(&r->answer.allow)));
		return false;
	}
	for (unsigned i = 0; i < r->uri.parameters_n; i++) {
		struct span name = r->uri.parameter[i].name;

		if (route_takes(r->route, name))
			continue;
		answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", name,
			     "there is no such query parameter here; known are: %s",
			     route_row(r->route)->parameters[0] ? route_row(r->route)->parameters
								: "none");
		return false;
	}
	return true;
}

bool exchange_admit(struct exchange *x, const struct peer *peer, const char *method)
{
	struct headers h = {0};
	enum route_outcome found = ROUTE_NO_PATH;
	bool open = false;

	MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, read_header, &h);
	x->knows_uri = !x->target_too_long &&
		       uri_parse(buf_span(&x->target), &x->storage, &x->request.uri) == PARSE_DONE;
	if (x->knows_uri) {
		found = route_find(span_str(method), &x->request.uri, &x->request.route,
				   &x->request.parameter);
		x->knows_route = found == ROUTE_FOUND;
		open = x->knows_route &&
		       route_row(x->request.route)->permission == PERMISSION_PUBLIC;
	}
	return check_host(x, peer, &h) && (open || authenticate(x, peer, &h)) &&
	       check_right(x, peer) && check_site(x, peer, &h, method) && check_length(x, &h) &&
	       check_route(x, found);
}
