/* SPDX-License-Identifier: MIT */
/* Makes a ledger for tests: ledger_writer STATE_DIR RECORDS [KEEP FILE]; after KEEP of them the
 * checkpoint is copied to FILE, as an outsider would keep it. Ends as an orderly stop does. */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t elapsed_s;

static int fill(void *data, void *p, size_t n)
{
	(void)data;
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -EIO;
}

static struct ledger_time now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += elapsed_s;
	return (struct ledger_time){t.tv_sec * INT64_C(1000000000) + t.tv_nsec,
				    t.tv_sec * INT64_C(1000000000) + t.tv_nsec};
}

static int fail(const char *what)
{
	fprintf(stderr, "ledger_writer: %s\n", what);
	return 1;
}

static int append(struct ledger *ledger, unsigned i)
{
	static const enum record_type other[] = {RECORD_ADMIN, RECORD_POLICY_LOAD, RECORD_LOSS};
	static const char *const user[] = {"ada", "=1+1", "J\xc3\xb6rg \\\"J\\\"", "\\u0001\\n",
					   ""};
	char body[1024];
	struct ledger_item item = {.type = i % 10 == 9 ? other[i / 10 % 3] : RECORD_DECISION};
	int n = snprintf(body, sizeof(body),
			 "{\"action\":\"%s\",\"execution_id\":\"%024x\",\"gen_ai.request.model\":"
			 "\"m%u\",\"lost\":%u,"
			 "\"process\":{\"pid\":%u,\"uid\":%u},\"user\":\"%s\",\"would\":\"allow\"}",
			 i % 4 ? "allow" : "block", i, i % 7, i % 3, i + 2, i % 9, user[i % 5]);

	item.body = span_of(body, (size_t)n);
	if (ledger_append(ledger, now(), &item, 1) < 0)
		return -1;
	ledger_tidy(ledger, now());
	return item.outcome ? -1 : 0;
}

static int keep(struct ledger *ledger, const char *dir, const char *file)
{
	char path[4096], bytes[4096];
	ssize_t n;
	int from, to;

	elapsed_s += 11;
	if (ledger_tick(ledger, now()) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/checkpoint", dir);
	from = open(path, O_RDONLY);
	to = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	n = read(from, bytes, sizeof(bytes));
	return from < 0 || to < 0 || n <= 0 || write(to, bytes, (size_t)n) != n ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct buf error = BUF_INIT(4096);
	struct ledger *ledger;
	unsigned records = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	unsigned at = argc > 4 ? (unsigned)atoi(argv[3]) : 0;

	if (argc != 3 && argc != 5)
		return fail("usage: ledger_writer STATE_DIR RECORDS [KEEP FILE]");
	if (ledger_open(argv[1], now(), (struct ledger_random){fill, NULL}, &ledger, &error) < 0)
		return fail(error.n ? buf_str(&error) : "cannot be opened");
	for (unsigned i = 0; i < records; i++) {
		if (append(ledger, i) < 0)
			return fail("append failed");
		if (i + 1 == at && keep(ledger, argv[1], argv[4]) < 0)
			return fail("the checkpoint could not be kept");
	}
	return ledger_close(ledger, now()) < 0 ? fail("close failed") : 0;
}
