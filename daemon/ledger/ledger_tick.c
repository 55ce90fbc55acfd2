/* SPDX-License-Identifier: MIT */
/* What the ledger does by itself, as time goes by. */
#include "ledger/ledger_private.h"

#include "ledger/reserve.h"
#include "ledger/store_approvals.h"

#include <errno.h>

static void fill_recovered(const struct ledger *l, struct json_write *w)
{
	json_write_int(w, "refused", (int64_t)l->untold);
	json_write_str(w, "state", ledger_health_name(l->health));
}

/* The record says what it was; the health is good again once that record is on disk. */
static int recovered(struct ledger *l, struct ledger_time now)
{
	int r;

	l->retry_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
	r = ledger_tell(l, now, RECORD_RECOVERED, fill_recovered);
	if (r == 0)
		l->health = LEDGER_HEALTHY;
	return r;
}

static int tick_broken(struct ledger *l, struct ledger_time now)
{
	int r;

	l->retry_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
	r = ledger_recover(l, now, NULL);
	if (r == 0)
		r = store_flush(l->store);
	if (r == 0)
		r = recovered(l, now);
	if (r == 0) {
		/* A commit that failed may be on disk all the same. */
		l->approvals_news = true;
		ledger_plan_expiry(l, now);
	}
	if (r < 0 && l->store)
		ledger_break(l, now);
	return r;
}

static int tick_disk_full(struct ledger *l, struct ledger_time now)
{
	int r;

	l->retry_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
	if (!reserve_fits(l->dir_fd))
		return -ENOSPC;
	r = reserve_take(l->dir_fd);
	if (r == 0)
		r = recovered(l, now);
	if (r < 0)
		reserve_release(l->dir_fd);
	return r;
}

static int64_t sign_at(const struct ledger *l)
{
	return l->unsigned_ns + AICP_LEDGER_CHECKPOINT_S * LEDGER_S;
}

static int64_t heartbeat_at(const struct ledger *l)
{
	return l->active_ns + AICP_LEDGER_HEARTBEAT_S * LEDGER_S;
}

static int sign(struct ledger *l, struct ledger_time now)
{
	const struct ledger_batch nothing = {.sign = true};

	l->unsigned_ns = now.mono_ns; /* when it fails: again after the same time */
	return ledger_transact(l, now, &nothing);
}

static int heartbeat(struct ledger *l, struct ledger_time now)
{
	l->active_ns = now.mono_ns; /* likewise */
	return ledger_tell(l, now, RECORD_HEARTBEAT, NULL);
}

/* Pages with erased content stand in the WAL until it is emptied. */
static void forget(struct ledger *l, struct ledger_time now)
{
	l->forget_ns = store_forget(l->store) == 0
			       ? INT64_MAX
			       : now.mono_ns + AICP_LEDGER_CHECKPOINT_S * LEDGER_S;
}

int ledger_tick(struct ledger *l, struct ledger_time now)
{
	int r = 0;

	if (l->health == LEDGER_BROKEN)
		return now.mono_ns >= l->retry_ns ? tick_broken(l, now) : 0;
	if (l->health == LEDGER_DISK_FULL && now.mono_ns >= l->retry_ns)
		r = tick_disk_full(l, now);
	if (l->health == LEDGER_BROKEN)
		return r;
	if (l->tree.size > l->signed_size && now.mono_ns >= sign_at(l))
		r = sign(l, now);
	else if (l->health == LEDGER_HEALTHY && now.mono_ns >= heartbeat_at(l))
		r = heartbeat(l, now);
	if (l->health != LEDGER_BROKEN && now.mono_ns >= l->expire_ns) {
		int expired = ledger_expire(l, now);

		r = r < 0 ? r : expired;
	}
	if (l->health != LEDGER_BROKEN && now.mono_ns >= l->forget_ns)
		forget(l, now);
	ledger_tidy(l, now);
	return r;
}

int64_t ledger_next_ns(const struct ledger *l)
{
	int64_t next = INT64_MAX;

	if (l->health != LEDGER_HEALTHY)
		next = l->retry_ns;
	if (l->health == LEDGER_BROKEN)
		return next;
	if (l->note_stale && l->note_ns < next)
		next = l->note_ns;
	if (l->tree.size > l->signed_size) {
		if (sign_at(l) < next)
			next = sign_at(l);
	} else if (l->health == LEDGER_HEALTHY && heartbeat_at(l) < next) {
		next = heartbeat_at(l);
	}
	if (l->expire_ns < next)
		next = l->expire_ns;
	if (l->forget_ns < next)
		next = l->forget_ns;
	return next;
}
