/* SPDX-License-Identifier: MIT */
/* What the loader answers depends on who asks: prints "good" when it answers this program as it
 * should. */
#include <dlfcn.h>
#include <stdio.h>

static int fail(const char *what)
{
	const char *error = dlerror();

	printf("%s: %s\n", what, error ? error : "no error");
	return 1;
}

int main(void)
{
	void *plugin = dlopen("plugin.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	int (*f)(void);

	if (!plugin)
		return fail("dlopen");
	f = (int (*)(void))dlsym(plugin, "plugin");
	if (!f || f() != 7)
		return fail("dlsym");
	if (dlsym(plugin, "SSL_write") || !dlerror())
		return fail("a library without SSL_write");
	if (!dlsym(RTLD_DEFAULT, "printf") || !dlsym(RTLD_NEXT, "printf"))
		return fail("RTLD_NEXT");
	if (!dlvsym(RTLD_DEFAULT, "memcpy", "GLIBC_2.14") &&
	    !dlvsym(RTLD_DEFAULT, "memcpy", "GLIBC_2.17"))
		return fail("dlvsym");
	puts("good");
	return 0;
}
