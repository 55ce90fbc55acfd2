/* SPDX-License-Identifier: MIT */
/* What the api role asks of the others over its links. */
#include "api/role.h"

#include "base/json_write.h"

#include <errno.h>
#include <unistd.h>

static struct link **link_of(struct api *api, enum link_role role)
{
	if (role == LINK_WARDEN)
		return &api->warden;
	return role == LINK_LEDGER ? &api->ledger : &api->engine;
}

/* A link that failed is over; the warden brings a new one (LINK_PEER). */
static int call(struct api *api, enum link_role role, uint16_t type, struct span payload,
		struct link_message *ret_message)
{
	int timeout_ms = type == LINK_RELOAD ? API_RELOAD_TIMEOUT_MS : API_ASK_TIMEOUT_MS;
	struct link **link = link_of(api, role);
	int r;

	if (!*link)
		return -EPIPE;
	if (api_mono_ns() < api->silent_until_ns[role])
		return -ETIMEDOUT;
	r = link_call(*link, type, payload, timeout_ms, ret_message);
	if (r == 0 && ret_message->fd >= 0)
		close(ret_message->fd);
	if (r == -ETIMEDOUT) {
		api->silent_until_ns[role] = api_mono_ns() + API_SILENT_NS;
	} else if (r < 0 && r != -ENOMEM && r != -ENOBUFS) {
		link_free(*link);
		*link = NULL;
	}
	return r;
}

/* A whole JSON object, taken apart; lives until the scan or the link is used again. */
static int parse(struct api *api, struct span text, struct json *ret_json)
{
	int r = json_scan_all(api->scan, text);

	if (r)
		return r < 0 ? r : -EPROTO;
	*ret_json = json_scan_json(api->scan, text);
	return ret_json->token[0].kind == JSON_OBJECT ? 0 : -EPROTO;
}

static int ask(struct api *api, enum link_role role, uint16_t type, struct span request,
	       unsigned *ret_status, struct span *ret_body)
{
	struct link_message m;
	struct json j;
	int64_t status;
	uint32_t body;
	int r = call(api, role, type, request, &m);

	if (r)
		return r;
	if (m.type != LINK_ANSWER)
		return -EPROTO;
	r = parse(api, m.payload, &j);
	if (r)
		return r;
	body = json_get(&j, 0, "body");
	if (body == JSON_NONE || j.token[body].kind != JSON_OBJECT ||
	    json_get(&j, 0, "status") == JSON_NONE ||
	    !json_int(&j, json_get(&j, 0, "status"), &status) || status < 200 || status > 599)
		return -EPROTO;
	*ret_status = (unsigned)status;
	*ret_body = json_raw(&j, body);
	return 0;
}

int api_ask(struct api *api, enum link_role role, struct span request, unsigned *ret_status,
	    struct span *ret_body)
{
	return ask(api, role, LINK_QUERY, request, ret_status, ret_body);
}

int api_command(struct api *api, struct span request, unsigned *ret_status, struct span *ret_body)
{
	return ask(api, LINK_LEDGER, LINK_COMMAND, request, ret_status, ret_body);
}

/* Copies a string member; false when it is none, too long, or holds a NUL. */
static bool member(const struct json *j, const char *key, char *out, size_t size)
{
	struct buf text = BUF_INIT(size - 1);
	uint32_t t = json_get(j, 0, key);
	bool good = t != JSON_NONE && j->token[t].kind == JSON_STRING &&
		    json_string_put(j, t, &text) == 0 && (!text.n || !memchr(text.p, 0, text.n));

	if (good) {
		memcpy(out, text.n ? text.p : (const uint8_t *)"", text.n);
		out[text.n] = 0;
	}
	buf_deinit(&text);
	return good;
}

int api_ask_key(struct api *api, struct span key, struct principal *ret_who)
{
	struct buf request = BUF_INIT(256);
	struct principal who = {0};
	struct link_message m;
	struct json_write w;
	struct json j;
	uint32_t ok;
	int r;

	json_write_init(&w, &request, true);
	json_write_object(&w, NULL);
	json_write_string(&w, "key", key);
	json_write_end_object(&w);
	r = request.err;
	if (!r)
		r = call(api, LINK_LEDGER, LINK_AUTH, buf_span(&request), &m);
	explicit_bzero(request.p, request.n);
	buf_deinit(&request);
	if (r)
		return r;
	if (m.type != LINK_AUTH_RESULT)
		return -EPROTO;
	r = parse(api, m.payload, &j);
	if (r)
		return r;
	ok = json_get(&j, 0, "ok");
	if (ok == JSON_NONE)
		return -EPROTO;
	if (j.token[ok].kind != JSON_TRUE)
		return API_E_WRONG_KEY;
	if (!member(&j, "id", who.id, sizeof(who.id)) ||
	    !member(&j, "role", who.role, sizeof(who.role)) ||
	    !member(&j, "owner", who.owner, sizeof(who.owner)))
		return -EPROTO;
	*ret_who = who;
	return 0;
}

static int append_payload(const char *type, struct span body, struct buf *out)
{
	buf_put_byte(out, (uint8_t)strlen(type));
	buf_put_str(out, type);
	return buf_put(out, body);
}

int api_record(struct api *api, const char *type, struct span body)
{
	struct buf payload = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct link_message m;
	int r = append_payload(type, body, &payload);

	if (!r)
		r = call(api, LINK_LEDGER, LINK_APPEND, buf_span(&payload), &m);
	buf_deinit(&payload);
	if (r)
		return r;
	return m.type == LINK_DURABLE ? 0 : -EIO;
}

int api_record_later(struct api *api, const char *type, struct span body)
{
	struct buf payload = BUF_INIT(AICP_LEAF_BYTES_MAX);
	int r = append_payload(type, body, &payload);

	if (!r)
		r = api->ledger ? link_send(api->ledger, LINK_APPEND, 0, buf_span(&payload), -1)
				: -EPIPE;
	buf_deinit(&payload);
	return r;
}

int api_ask_reload(struct api *api, struct span *ret_result)
{
	struct link_message m;
	struct json j;
	int r = call(api, LINK_WARDEN, LINK_RELOAD, SPAN_LIT("{}"), &m);

	if (r)
		return r;
	if (m.type != LINK_RELOAD_RESULT)
		return -EPROTO;
	r = parse(api, m.payload, &j);
	if (r)
		return r;
	*ret_result = m.payload;
	return 0;
}
