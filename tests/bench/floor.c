/* SPDX-License-Identifier: MIT */
/*
 * What the machine itself costs, to set aicp's own cost beside it in the same run. For each line
 * "commit N" or "roundtrip N" on standard input prints N lines, nanoseconds each:
 *
 *   commit      one row of 1 KiB in one transaction of SQLite (WAL, synchronous=FULL) in the folder
 * of argument 1 roundtrip   4 KiB to another process and 56 bytes back over one Unix SOCK_SEQPACKET
 * pair
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define ROW_BYTES     1024
#define REQUEST_BYTES 4096
#define ANSWER_BYTES  56
/* Room for some 5,000 commits. */
#define WAL_BYTES "80000000"

static long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "floor: %s\n", what);
	exit(1);
}

struct commit {
	sqlite3 *db;
	sqlite3_stmt *begin, *insert, *end;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	return s;
}

static void step(sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		die("a step of the transaction failed");
	sqlite3_reset(s);
}

static struct commit commit_open(const char *folder)
{
	struct commit c = {0};
	char path[4096];
	snprintf(path, sizeof(path), "%s/floor.db", folder);
	/* The log is written once from end to end, then used again from its start: a commit that
	 * makes a file grow waits for the file system's journal too, and would make a kinder floor.
	 */
	if (sqlite3_open(path, &c.db) != SQLITE_OK ||
	    sqlite3_exec(c.db,
			 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			 "PRAGMA wal_autocheckpoint=0;"
			 "CREATE TABLE row (n INTEGER PRIMARY KEY, body BLOB);"
			 "CREATE TABLE once (body BLOB);"
			 "INSERT INTO once VALUES (randomblob(" WAL_BYTES "));"
			 "PRAGMA wal_checkpoint(RESTART)",
			 NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(c.db));
	c.begin = prepare(c.db, "BEGIN IMMEDIATE");
	c.insert = prepare(c.db, "INSERT INTO row (body) VALUES (?)");
	c.end = prepare(c.db, "COMMIT");
	return c;
}

static long long commit_once(struct commit *c)
{
	static const char body[ROW_BYTES];
	long long begin = now_ns();
	step(c->begin);
	sqlite3_bind_blob(c->insert, 1, body, sizeof(body), SQLITE_STATIC);
	step(c->insert);
	step(c->end);
	return now_ns() - begin;
}

/* Starts the process at the other end; it ends with this one. */
static int echo_start(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		char text[REQUEST_BYTES];
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		while (recv(pair[1], text, sizeof(text), 0) > 0)
			if (send(pair[1], text, ANSWER_BYTES, MSG_NOSIGNAL) < 0)
				break;
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

static long long roundtrip_once(int fd)
{
	static char text[REQUEST_BYTES];
	long long begin = now_ns();
	if (send(fd, text, sizeof(text), MSG_NOSIGNAL) < 0 ||
	    recv(fd, text, sizeof(text), 0) != ANSWER_BYTES)
		die("the other process is gone");
	return now_ns() - begin;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		die("usage: floor FOLDER");
	int fd = echo_start();
	struct commit c = commit_open(argv[1]);
	char what[16];
	int times;
	while (scanf("%15s %d", what, &times) == 2) {
		int commits = !strcmp(what, "commit");
		for (int i = 0; i < times; i++)
			printf("%lld\n", commits ? commit_once(&c) : roundtrip_once(fd));
		fflush(stdout);
	}
	sqlite3_finalize(c.begin);
	sqlite3_finalize(c.insert);
	sqlite3_finalize(c.end);
	sqlite3_close(c.db);
	return 0;
}
