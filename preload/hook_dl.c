/* SPDX-License-Identifier: MIT */
/*
 * Two ways of the loader around our hooks: a library that looks into itself and what it needs
 * before it looks at what was preloaded (RTLD_DEEPBIND; PHP loads its extensions so), and functions
 * that are asked for by name in one library. And what is unloaded is forgotten.
 *
 * The loader asks who calls it, for the caller's search path and for RTLD_NEXT. So these functions
 * (dlclose, which it asks for nothing, aside) jump to the real ones as their last step, and leave
 * no return address of ours (tests/lint/exports.sh looks at the code).
 */
#include "gnutls_real.h"
#include "governed.h"
#include "object.h"
#include "openssl_real.h"
#include "real.h"

#include <dlfcn.h>
#include <string.h>

#define HOOK	    __attribute__((visibility("default")))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct own {
	const char *name;
	void *hook;
};

static bool find_own(const struct object *o, void *data)
{
	struct own *own = data;

	if (!object_covers(o, (const void *)(uintptr_t)&find_own))
		return true;
	own->hook = object_function(o, own->name);
	return false;
}

/* Could there be a hook of this name for a TLS library? */
static inline bool is_tls(const char *name)
{
	return strncmp(name, "SSL_", 4) == 0 || strncmp(name, "gnutls_", 7) == 0 ||
	       strncmp(name, "BIO_", 4) == 0;
}

/* f, or our hook in its place. */
static __attribute__((noinline)) void *hooked(const void *caller, const char *name, void *f)
{
	struct own own = {.name = name};

	if (!f || !governed_any())
		return f;
	object_each(find_own, &own);
	if (!own.hook || own.hook == f)
		return f;
	return real_ssl_asked(caller, f) || real_gnutls_asked(caller, f) ||
			       real_bio_asked(caller, f)
		       ? own.hook
		       : f;
}

HOOK void *dlopen(const char *file, int mode)
{
	const struct real_loader *real = real_loader();

	if (UNLIKELY(!real->dlopen))
		return NULL;
	if (mode & RTLD_DEEPBIND && governed_any())
		mode &= ~RTLD_DEEPBIND;
	return real->dlopen(file, mode);
}

HOOK void *dlsym(void *handle, const char *name)
{
	const struct real_loader *real = real_loader();

	if (UNLIKELY(!real->dlsym))
		return NULL;
	if (UNLIKELY(handle != RTLD_NEXT && handle != RTLD_DEFAULT && is_tls(name)))
		return hooked(__builtin_return_address(0), name, real->dlsym(handle, name));
	return real->dlsym(handle, name);
}

HOOK void *dlvsym(void *handle, const char *name, const char *version)
{
	const struct real_loader *real = real_loader();

	if (UNLIKELY(!real->dlvsym))
		return NULL;
	if (UNLIKELY(handle != RTLD_NEXT && handle != RTLD_DEFAULT && is_tls(name)))
		return hooked(__builtin_return_address(0), name,
			      real->dlvsym(handle, name, version));
	return real->dlvsym(handle, name, version);
}

HOOK int dlclose(void *handle)
{
	const struct real_loader *real = real_loader();
	int r;

	if (UNLIKELY(!real->dlclose))
		return -1;
	r = real->dlclose(handle);
	real_ssl_unloaded();
	real_gnutls_unloaded();
	real_bio_unloaded();
	return r;
}
