/* SPDX-License-Identifier: MIT */
/*
 * Durable records a second by size of batch, time of one commit, and records verified a second.
 *
 * layer: ledger
 */
#include "ledger/ledger.h"
#include "ledger/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define SECONDS	    2.0
#define BATCH_MAX   512u
#define COMMITS_MAX 200000u
#define VERIFY_LEAST                                                                               \
	300000u /* records to verify; more are appended when the batches made fewer                \
		 */

static void die(const char *what)
{
	fprintf(stderr, "bench_ledger: %s\n", what);
	exit(1);
}

static int random_fill(void *data, void *p, size_t n)
{
	(void)data;
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -1;
}

static struct ledger_time now(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (struct ledger_time){wall.tv_sec * INT64_C(1000000000) + wall.tv_nsec,
				    mono.tv_sec * INT64_C(1000000000) + mono.tv_nsec};
}

/* As the engine role makes them: five bytes of time in steps of 2^24 ns, then random ones. */
static unsigned long long execution_id(uint64_t i)
{
	uint64_t t = (uint64_t)now().wall_ns >> 24;

	return t << 24 | (i * 11400714819323198485u >> 40);
}

/* The body of a decision on a chat request, as large as the engine's are. */
static size_t body(char *out, size_t max, uint64_t i)
{
	return (size_t)snprintf(
		out, max,
		"{\"action\":\"allow\",\"agent_id\":null,\"coverage\":\"shim\",\"credential\":"
		"\"a1b2c3d4e5f60718\","
		"\"execution_id\":\"%016llx%08llx\",\"gen_ai.operation.name\":\"chat\",\"gen_ai."
		"provider.name\":\"openai\","
		"\"gen_ai.request.max_tokens\":1024,\"gen_ai.request.model\":\"gpt-4o-mini\",\"gen_"
		"ai.request.stream\":true,"
		"\"http\":{\"body_bytes\":4096,\"content_type\":\"application/"
		"json\",\"host\":\"api.openai.com\","
		"\"method\":\"POST\",\"path\":\"/v1/chat/"
		"completions\",\"query\":\"\",\"user_agent\":\"OpenAI/Python 1.40.0\"},"
		"\"latency_us\":431,\"matched\":[],\"mode\":\"enforce\",\"policy\":null,"
		"\"process\":{\"cgroup\":\"/user.slice\","
		"\"claimed\":{\"args\":\"python3 "
		"agent.py\",\"exe\":\"/usr/bin/python3.11\",\"name\":\"python3\"},"
		"\"exe_sha256\":\"%064llx\",\"gid\":1000,\"loginuid\":1000,\"pid\":%llu,\"uid\":"
		"1000},"
		"\"reason\":\"no-match\",\"server.address\":\"api.openai.com\",\"user\":\"u%llu\","
		"\"would\":\"allow\"}",
		execution_id(i), (unsigned long long)(i * 2654435761u) & 0xffffffff,
		(unsigned long long)7, (unsigned long long)(i % 30000),
		(unsigned long long)(i % 97));
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void append(struct ledger *ledger, size_t batch, uint64_t *next)
{
	static struct ledger_item items[BATCH_MAX];
	static char bodies[BATCH_MAX][2048];

	for (size_t i = 0; i < batch; i++) {
		size_t n = body(bodies[i], sizeof(bodies[i]), (*next)++);

		items[i] = (struct ledger_item){.type = RECORD_DECISION,
						.body = span_of(bodies[i], n)};
	}
	if (ledger_append(ledger, now(), items, batch) != 0 || items[0].outcome)
		die("append failed");
	ledger_tidy(ledger, now());
}

static void bench_batch(struct ledger *ledger, size_t batch, uint64_t *next)
{
	static double took[COMMITS_MAX];
	int64_t begin = now().mono_ns, end = begin;
	size_t n = 0;
	double seconds, rate;

	while (n < COMMITS_MAX && end - begin < (int64_t)(SECONDS * 1e9)) {
		int64_t t = end;

		append(ledger, batch, next);
		end = now().mono_ns;
		took[n++] = (double)(end - t) / 1e3;
	}
	seconds = (double)(end - begin) / 1e9;
	rate = (double)n * (double)batch / seconds;
	qsort(took, n, sizeof(*took), compare);
	printf("ledger: batches of %3zu: %8.0f records/s, commit p50 %6.0f us, p99 %6.0f us\n",
	       batch, rate, took[n / 2], took[n * 99 / 100]);
	printf("RESULT\tledger, durable records in batches of %zu\t%.0f\trecords/s\t%s\n", batch,
	       rate, batch == 64 ? ">= 30000" : "");
	if (batch == 1)
		printf("RESULT\tledger, one record made durable, p50\t%.0f\tus\t\n", took[n / 2]);
}

static void bench_verify(const char *dir)
{
	struct report report;
	struct buf error = BUF_INIT(4096);
	int64_t begin = now().mono_ns;
	double rate;

	if (verify_state(&(struct verify_request){.state_dir = dir}, &report, &error) < 0)
		die(buf_str(&error));
	rate = (double)report.records / ((double)(now().mono_ns - begin) / 1e9);
	if (report.outcome != REPORT_INTACT)
		die(report.reason);
	printf("RESULT\tledger, verified\t%.0f\trecords/s\t>= 500000\n", rate);
	buf_deinit(&error);
}

int main(int argc, char **argv)
{
	static const size_t batch[] = {1, 8, 64, 512};
	struct ledger_random random = {random_fill, NULL};
	struct buf error = BUF_INIT(4096);
	struct ledger *ledger;
	char dir[4096];
	uint64_t next = 0;

	snprintf(dir, sizeof(dir), "%s/ledger", argc > 1 ? argv[1] : ".");
	if (mkdir(dir, 0750) < 0 || ledger_open(dir, now(), random, &ledger, &error) < 0)
		die(error.n ? buf_str(&error) : dir);
	for (size_t i = 0; i < sizeof(batch) / sizeof(*batch); i++)
		bench_batch(ledger, batch[i], &next);
	while (next < VERIFY_LEAST)
		append(ledger, BATCH_MAX, &next);
	if (ledger_close(ledger, now()) < 0)
		die("close failed");
	bench_verify(dir);
	buf_deinit(&error);
	return 0;
}
