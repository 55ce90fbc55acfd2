/* SPDX-License-Identifier: MIT */
/* A TLS library that goes with the plugin that needed it, and comes back elsewhere: prints "good"
 * when every call reached the one that was there. */
#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <sys/mman.h>

/* 0, or the line that was not. */
static int use(const char *host, unsigned n)
{
	void *library = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
	int (*init)(gnutls_session_t *, unsigned);
	int (*name)(gnutls_session_t, gnutls_server_name_type_t, const void *, size_t);
	void (*deinit)(gnutls_session_t);
	gnutls_session_t session;

	if (!library)
		return __LINE__;
	init = (int (*)(gnutls_session_t *, unsigned))dlsym(library, "gnutls_init");
	name = (int (*)(gnutls_session_t, gnutls_server_name_type_t, const void *, size_t))dlsym(
		library, "gnutls_server_name_set");
	deinit = (void (*)(gnutls_session_t))dlsym(library, "gnutls_deinit");
	if (init(&session, GNUTLS_CLIENT) < 0 || name(session, GNUTLS_NAME_DNS, host, n) < 0)
		return __LINE__;
	deinit(session);
	if (dlclose(library) || dlopen("libgnutls.so.30", RTLD_NOW | RTLD_NOLOAD))
		return __LINE__;
	/* Where it was is taken. */
	(void)mmap(NULL, 8 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return 0;
}

int main(void)
{
	int line = 0;

	for (int i = 0; i < 20 && !line; i++)
		line = use(i % 2 ? "ungoverned.test" : "api.openai.com", i % 2 ? 15 : 14);
	if (line)
		printf("line %d\n", line);
	else
		puts("good");
	return line != 0;
}
