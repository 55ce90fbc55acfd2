/* SPDX-License-Identifier: MIT */
/*
 * Two plugins in one process, each with a TLS library of its own, in turns and in threads:
 *
 *   two_libraries PORT BLOCKED PLUGIN PLUGIN
 *
 * Prints "good" when each is allowed what it may, and gets BLOCKED for what it may not.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port, blocked;

typedef int (*ask_fn)(const char *host, int port, const char *word);

static void expect(int got, int want, const char *what)
{
	if (got == want)
		return;
	fprintf(stderr, "%s: %d, expected %d\n", what, got, want);
	exit(1);
}

static void *rounds(void *arg)
{
	ask_fn ask = *(ask_fn *)arg;

	for (int i = 0; i < 3; i++) {
		expect(ask("api.openai.com", port, "fine"), 200, "allowed");
		expect(ask("api.openai.com", port, "x-test-BLOCK"), blocked, "blocked");
		expect(ask("ungoverned.test", port, "x-test-BLOCK"), 200, "ungoverned");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	ask_fn ask[2];
	pthread_t t[2];

	if (argc != 5)
		return 2;
	port = atoi(argv[1]);
	blocked = atoi(argv[2]);
	for (int i = 0; i < 2; i++) {
		void *plugin = dlopen(argv[3 + i], RTLD_NOW | RTLD_LOCAL);
		void *f = plugin ? dlsym(plugin, "plugin_ask") : NULL;

		if (!f) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		memcpy(&ask[i], &f, sizeof(f));
	}
	for (int i = 0; i < 2; i++)
		(void)rounds(&ask[i]);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, rounds, &ask[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	puts("good");
	return 0;
}
