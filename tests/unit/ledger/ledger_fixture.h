/* SPDX-License-Identifier: MIT */
/* A state directory of its own for a test, a clock it sets, and random bytes that repeat. */
#pragma once

#include "ledger/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char dir[64];
	struct ledger *ledger;
	struct ledger_time now;
	uint64_t random;
	struct buf error;
};

static int fixture_random(void *data, void *p, size_t n)
{
	struct fixture *f = data;
	uint8_t *out = p;

	for (size_t i = 0; i < n; i++) {
		f->random = f->random * 6364136223846793005u + 1442695040888963407u;
		out[i] = (uint8_t)(f->random >> 56);
	}
	return 0;
}

static int fixture_open(struct fixture *f)
{
	struct ledger_random random = {fixture_random, f};

	buf_clear(&f->error);
	return ledger_open(f->dir, f->now, random, &f->ledger, &f->error);
}

static int fixture_setup(void **state)
{
	static unsigned count;
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	if (!f)
		return -1;
	f->error = BUF_INIT(4096);
	f->random = 42;
	f->now = (struct ledger_time){INT64_C(1790000000000000000), 1000};
	snprintf(f->dir, sizeof(f->dir), "%s/aicp-ledger-%d-%u",
		 tmp && strlen(tmp) < 32 ? tmp : "/tmp", (int)getpid(), count++);
	*state = f;
	return mkdir(f->dir, 0750);
}

static void fixture_wipe(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

static int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->ledger)
		ledger_abandon(f->ledger);
	fixture_wipe(f->dir);
	buf_deinit(&f->error);
	free(f);
	return 0;
}

static inline void fixture_close(struct fixture *f)
{
	(void)ledger_close(f->ledger, f->now);
	f->ledger = NULL;
}

static inline void fixture_path(const struct fixture *f, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", f->dir, name);
}

/* A decision's body, canonical. */
static inline size_t fixture_body(char out[512], unsigned i)
{
	return (size_t)snprintf(
		out, 512,
		"{\"action\":\"%s\",\"agent_id\":null,\"execution_id\":\"%024x\","
		"\"gen_ai.provider.name\":\"openai\",\"gen_ai.request.model\":\"gpt-%u\","
		"\"latency_us\":%u,\"mode\":\"enforce\",\"process\":{\"pid\":%u,\"uid\":%u},"
		"\"reason\":\"no-match\",\"user\":\"u%u \\\"x\\\"\",\"would\":\"allow\"}",
		i % 5 ? "allow" : "block", i, i % 3, i, 1000 + i, i % 7, i % 4);
}

static inline int fixture_append(struct fixture *f, unsigned first, unsigned n)
{
	struct ledger_item *items = calloc(n, sizeof(*items));
	char(*body)[512] = calloc(n, 512);
	int r;

	for (unsigned i = 0; i < n; i++) {
		items[i].type = RECORD_DECISION;
		items[i].body = span_of(body[i], fixture_body(body[i], first + i));
	}
	r = ledger_append(f->ledger, f->now, items, n);
	ledger_tidy(f->ledger, f->now);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = items[i].outcome;
	free(items);
	free(body);
	return r;
}
