/* SPDX-License-Identifier: MIT */
/* Questions, holds and their ends as the engine sends them. */
#pragma once

#include "ledger/approvals.h"
#include "ledger/ledger_private.h"
#include "ledger/store_approvals.h"
#include "ledger_fixture.h"

#include <sqlite3.h>

#define FIXTURE_EXPIRY_MS 3600000

static inline void fixture_id(unsigned n, char out[APPROVAL_ID_CHARS + 1])
{
	snprintf(out, APPROVAL_ID_CHARS + 1, "%024x", n);
}

/* Digest and join of request n. */
static inline void fixture_digest(unsigned n, char out[65])
{
	snprintf(out, 65, "%064x", n);
}

static inline int fixture_item(struct fixture *f, enum record_type type, const char *body,
			       const char *content)
{
	struct ledger_item item = {
		.type = type,
		.body = span_str(body),
		.content = span_str(content),
	};
	int r = ledger_append(f->ledger, f->now, &item, 1);

	return r ? r : item.outcome;
}

/* Question n of a uid with a login uid. 0, LEDGER_E_… or -errno. */
static inline int fixture_ask(struct fixture *f, unsigned n, unsigned uid, unsigned loginuid)
{
	char body[1024], content[128], digest[65];
	int64_t now_ms = f->now.wall_ns / 1000000;

	fixture_digest(n, digest);
	snprintf(content, sizeof(content),
		 "{\"body\":\"secret text %u\",\"body_encoding\":\"utf8\",\"findings\":[]}", n);
	snprintf(body, sizeof(body),
		 "{\"approval_id\":\"%024x\",\"body_bytes\":13,\"execution_id\":\"%024x\","
		 "\"expires_ms\":%lld,\"gen_ai.operation.name\":\"chat\","
		 "\"gen_ai.provider.name\":\"openai\",\"gen_ai.request.model\":\"gpt \\\"4\\\"\","
		 "\"hold_ms\":600000,\"join\":\"%s\",\"policy\":\"ask-first\","
		 "\"policy_reason\":\"please look\",\"process\":{\"loginuid\":%u,\"uid\":%u},"
		 "\"request_digest\":\"%s\",\"requested_ms\":%lld,"
		 "\"server.address\":\"api.openai.com\"}",
		 n, 0x1000 + n, (long long)now_ms + FIXTURE_EXPIRY_MS, digest, loginuid, uid,
		 digest, (long long)now_ms);
	return fixture_item(f, RECORD_APPROVAL_REQUESTED, body, content);
}

/* Decision of execution 0x1000 + n (+ 0x100 * retry) that holds on approval n, with that digest. */
static inline int fixture_hold(struct fixture *f, unsigned n, unsigned retry, unsigned digest)
{
	char body[512], hex[65];

	fixture_digest(digest, hex);
	snprintf(body, sizeof(body),
		 "{\"action\":\"hold\",\"approval_id\":\"%024x\",\"execution_id\":\"%024x\","
		 "\"mode\":\"enforce\",\"process\":{\"uid\":1000},\"reason\":\"policy\","
		 "\"request_digest\":\"%s\",\"would\":\"hold\"}",
		 n, 0x1000 + 0x100 * retry + n, hex);
	return fixture_item(f, RECORD_DECISION, body, NULL);
}

static inline int fixture_end(struct fixture *f, unsigned n, unsigned retry, const char *outcome)
{
	char body[512];

	snprintf(body, sizeof(body),
		 "{\"approval_id\":\"%024x\",\"execution_id\":\"%024x\",\"held_ms\":5,"
		 "\"outcome\":\"%s\",\"reason\":\"policy\"}",
		 n, 0x1000 + 0x100 * retry + n, outcome);
	return fixture_item(f, RECORD_HOLD_ENDED, body, NULL);
}

/* Somebody of another uid decides. */
static inline int fixture_decide(struct fixture *f, unsigned n, bool approve)
{
	char id[APPROVAL_ID_CHARS + 1];
	struct ledger_decided decided;
	struct ledger_decision d = {
		.approval_id = id,
		.approve = approve,
		.by = "uid:2000",
		.role = "approver",
		.key = "",
		.rationale = "looked at it",
		.comment = "",
	};

	fixture_id(n, id);
	return ledger_decide(f->ledger, f->now, &d, &decided);
}

static inline int fixture_take_state(void *data, const struct store_approval *a)
{
	*(enum approval_state *)data = a->state;
	return 0;
}

/* -1: there is none. */
static inline int fixture_state(struct fixture *f, unsigned n)
{
	char id[APPROVAL_ID_CHARS + 1];
	enum approval_state state;
	int r;

	fixture_id(n, id);
	r = store_approval_find(f->ledger->store, span_str(id), fixture_take_state, &state);
	return r ? -1 : (int)state;
}

/* Every row of the tables that are made from leaves, as text. */
static inline void fixture_dump(const struct fixture *f, struct buf *out)
{
	static const char *const queries[] = {
		"SELECT * FROM approval ORDER BY id",
		"SELECT * FROM hold ORDER BY execution_id",
		"SELECT * FROM approval_history ORDER BY approval_id, id",
		"SELECT * FROM count ORDER BY name",
		"SELECT id, action, approval_id FROM decision",
		"SELECT approval_id FROM payload ORDER BY approval_id"};
	char path[128];
	sqlite3 *db;

	fixture_path(f, "ledger.db", path);
	(void)sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		sqlite3_stmt *stmt;

		(void)sqlite3_prepare_v2(db, queries[i], -1, &stmt, NULL);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			for (int c = 0; c < sqlite3_column_count(stmt); c++)
				buf_printf(out, "%s|", (const char *)sqlite3_column_text(stmt, c));
			buf_put_byte(out, '\n');
		}
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
}
