/* SPDX-License-Identifier: MIT */
#include "io/warden_state.h"

#include "io/append.h"
#include "io/log.h"

#include "base/json_write.h"

#include <stdlib.h>

/* Restarts and reloads while the ledger is away; further ones are in the log only. */
#define PENDING_MAX	 256u
#define RECORD_BYTES_MAX 8192u

void record_begin(struct buf *out, struct json_write *json, enum record_type type)
{
	*out = BUF_INIT(RECORD_BYTES_MAX);
	append_begin(out, type, true);
	json_write_init(json, out, true);
	json_write_object(json, NULL);
}

static void send(struct warden *w, const struct pending_record *record)
{
	struct child *ledger = &w->child[LINK_LEDGER];

	if (ledger->ready)
		peer_send(&ledger->peer, LINK_APPEND, record->id, buf_span(&record->payload), -1);
}

void record_end(struct warden *w, struct buf *out, struct json_write *json)
{
	struct pending_record *record = NULL;

	json_write_end_object(json);
	if (!out->err && w->records_n < PENDING_MAX)
		record = calloc(1, sizeof(*record));
	if (!record) {
		log_limited(LOG_ERROR, "record", "a record of the warden is lost: %s",
			    out->err ? "too large" : "the ledger is away for too long");
		buf_deinit(out);
		return;
	}
	record->id = ++w->next_id;
	record->payload = *out;
	*out = BUF_INIT(0);
	if (w->last_record)
		w->last_record->next = record;
	else
		w->first_record = record;
	w->last_record = record;
	w->records_n++;
	send(w, record);
}

void record_send_all(struct warden *w)
{
	for (struct pending_record *r = w->first_record; r; r = r->next)
		send(w, r);
}

void record_durable(struct warden *w, uint64_t id)
{
	struct pending_record *before = NULL, *r = w->first_record;

	while (r && r->id != id) {
		before = r;
		r = r->next;
	}
	if (!r)
		return;
	if (before)
		before->next = r->next;
	else
		w->first_record = r->next;
	if (w->last_record == r)
		w->last_record = before;
	w->records_n--;
	buf_deinit(&r->payload);
	free(r);
}
