/* SPDX-License-Identifier: MIT */
#include "api/custody.h"

#include "api/log_entry.h"
#include "base/hex.h"

#include <errno.h>

/* One decision is one record; a later version adds those of its approval. */
#define EVENTS_MAX 16

struct event {
	uint64_t id, seq;
	int64_t at_ns;
	char type[33], action[33], status[33];
	struct hash hash, prev;
	bool hash_good, links_good;
};

struct custody {
	struct json_scan *scan;
	struct event event[EVENTS_MAX];
	unsigned n;
};

static void keep(char *out, size_t size, struct span text)
{
	size_t n = text.n < size - 1 ? text.n : size - 1;

	memcpy(out, n ? text.p : (const uint8_t *)"", n);
	out[n] = 0;
}

static int take(void *data, const struct query_row *row)
{
	struct custody *c = data;
	struct event *e = &c->event[c->n];
	struct hash_ctx *ctx = hash_ctx_new();
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct log_entry entry;
	struct hash hash;
	int r = ctx ? leaf_hash(ctx, row->bytes, &hash) : -ENOMEM;

	hash_ctx_free(ctx);
	if (!r)
		r = log_entry_read(row, c->scan, &entry);
	if (!r) {
		*e = (struct event){
			.id = row->id,
			.seq = row->leaf.seq,
			.at_ns = row->leaf.at_ns,
			.hash = hash,
			.prev = row->leaf.prev,
			.hash_good = hash_eq(&hash, &row->hash),
			.links_good = true,
		};
		keep(e->type, sizeof(e->type), row->leaf.type);
		log_entry_text(&entry, "action", &text);
		keep(e->action, sizeof(e->action), buf_span(&text));
		keep(e->status, sizeof(e->status), span_str(log_entry_status(&entry)));
		c->n++;
	}
	buf_deinit(&text);
	return r;
}

/* The record before must have the hash that we name, the one behind must name ours; across logs
 * nothing is linked. */
static int look(void *data, const struct query_row *row)
{
	struct event *e = data;
	struct hash_ctx *ctx;
	struct hash hash;
	int r;

	if (row->id + 1 == e->id && e->seq != 0) {
		ctx = hash_ctx_new();
		r = ctx ? leaf_hash(ctx, row->bytes, &hash) : -ENOMEM;
		hash_ctx_free(ctx);
		if (r)
			return r;
		if (!hash_eq(&hash, &e->prev))
			e->links_good = false;
	} else if (row->id == e->id + 1 && row->leaf.seq != 0) {
		if (!hash_eq(&row->leaf.prev, &e->hash))
			e->links_good = false;
	}
	return 0;
}

static int check_links(struct query *query, struct event *e)
{
	struct query_filter f = QUERY_FILTER_ALL;

	f.after_id = e->id >= 2 ? e->id - 2 : 0;
	f.before_id = e->id + 2;
	f.limit = 3;
	return query_records(query, &f, SPAN_NULL, look, e);
}

static void put_event(const struct event *e, struct json_write *w)
{
	char hash[HASH_HEX_BYTES + 1] = "";

	hex_encode(hash_span(&e->hash), hash);
	json_write_object(w, NULL);
	log_entry_put_time(e->at_ns, w, "timestamp");
	json_write_int(w, "event_id", (int64_t)e->id);
	json_write_str(w, "event_type", e->type);
	json_write_str(w, "action", e->action);
	json_write_str(w, "status", e->status);
	json_write_str(w, "hash", hash);
	json_write_bool(w, "hash_verified", e->hash_good);
	json_write_bool(w, "links_verified", e->links_good);
	json_write_end_object(w);
}

static void put_check(struct json_write *w, bool hashes, bool links)
{
	json_write_object(w, "integrity_check");
	json_write_bool(w, "all_hashes_valid", hashes);
	json_write_bool(w, "all_links_valid", links);
	json_write_str(
		w, "message",
		hashes && links
			? "each record has its hash and is linked to both neighbours; whether the "
			  "whole ledger is intact says /api/audit/integrity"
			: "a record of this decision or its neighbour was changed; run `aicp "
			  "ledger "
			  "verify`");
	json_write_end_object(w);
}

int custody_write(struct query *query, struct json_scan *scan, struct span execution_id,
		  struct json_write *w)
{
	struct query_filter f = QUERY_FILTER_ALL;
	struct custody c = {.scan = scan};
	bool hashes = true, links = true;
	int r;

	f.execution_id = execution_id;
	f.limit = EVENTS_MAX;
	r = query_decisions(query, &f, take, &c);
	for (unsigned i = 0; i < c.n && !r; i++) {
		r = check_links(query, &c.event[i]);
		hashes = hashes && c.event[i].hash_good;
		links = links && c.event[i].links_good;
	}
	if (r || !c.n)
		return r ? r : CUSTODY_E_NONE;
	json_write_object(w, NULL);
	json_write_string(w, "execution_id", execution_id);
	json_write_str(w, "status", hashes && links ? "verified" : "compromised");
	json_write_int(w, "total_events", c.n);
	json_write_array(w, "timeline");
	for (unsigned i = 0; i < c.n; i++)
		put_event(&c.event[i], w);
	json_write_end_array(w);
	put_check(w, hashes, links);
	json_write_end_object(w);
	return w->out->err;
}
