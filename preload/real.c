/* SPDX-License-Identifier: MIT */
/* Finds the real functions behind our hooks, and remembers them by call site. */
#include "real.h"

#include "lock.h"
#include "object.h"
#include "os.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define OBJECTS_MAX 1024u
#define LIBRARIES   16u
#define SITES	    1024u /* a power of two */
#define SITE_PROBES 8u

/* A call site, written once: library before address, so that who sees the address sees the library.
 */
struct site {
	_Atomic(uintptr_t) address;
	_Atomic(const struct real_ssl *) library;
};

static struct lock real_lock;
static struct site sites[SITES];
static struct real_ssl libraries[LIBRARIES];
static struct object objects[OBJECTS_MAX];

enum need {
	REQUIRED,
	OPTIONAL,
	TO_SEAL,
};

/* The place in struct real_ssl of each function, and whether we can do without. */
static const struct {
	const char *name;
	size_t offset;
	enum need need;
	bool crypto; /* it may be another library's */
} members[] = {
/* clang-format off */
#define ENTRY(_f, _need, _crypto) {#_f, offsetof(struct real_ssl, _f), _need, _crypto}
#define MEMBER(_f, _need)         ENTRY(_f, _need, false)
#define CRYPTO(_f, _need)         ENTRY(_f, _need, true)
	/* clang-format on */
	MEMBER(SSL_write, REQUIRED),
	MEMBER(SSL_write_ex, OPTIONAL),
	MEMBER(SSL_write_ex2, OPTIONAL),
	MEMBER(SSL_write_early_data, OPTIONAL),
	MEMBER(SSL_sendfile, OPTIONAL),
	MEMBER(SSL_read, REQUIRED),
	MEMBER(SSL_read_ex, OPTIONAL),
	MEMBER(SSL_peek, REQUIRED),
	MEMBER(SSL_peek_ex, OPTIONAL),
	MEMBER(SSL_pending, REQUIRED),
	MEMBER(SSL_has_pending, OPTIONAL),
	MEMBER(SSL_connect, REQUIRED),
	MEMBER(SSL_do_handshake, REQUIRED),
	MEMBER(SSL_clear, REQUIRED),
	MEMBER(SSL_ctrl, REQUIRED),
	CRYPTO(ERR_set_mark, REQUIRED),
	CRYPTO(ERR_pop_to_mark, REQUIRED),
	CRYPTO(ERR_clear_last_mark, OPTIONAL),
	CRYPTO(BIO_new, TO_SEAL),
	CRYPTO(BIO_s_mem, TO_SEAL),
	CRYPTO(BIO_up_ref, TO_SEAL),
	CRYPTO(BIO_free, TO_SEAL),
	CRYPTO(BIO_read, TO_SEAL),
	CRYPTO(BIO_ctrl_pending, TO_SEAL),
	CRYPTO(BIO_method_type, TO_SEAL),
	CRYPTO(BIO_ctrl, TO_SEAL),
	MEMBER(SSL_get_servername, REQUIRED),
	MEMBER(SSL_is_server, REQUIRED),
	MEMBER(SSL_get_state, REQUIRED),
	MEMBER(SSL_is_init_finished, REQUIRED),
	MEMBER(SSL_get_client_random, REQUIRED),
	MEMBER(SSL_get_fd, REQUIRED),
	MEMBER(SSL_want, TO_SEAL),
	MEMBER(SSL_renegotiate_pending, TO_SEAL),
	MEMBER(SSL_get_options, TO_SEAL),
	MEMBER(SSL_get_wbio, TO_SEAL),
	MEMBER(SSL_set0_wbio, TO_SEAL),
	MEMBER(SSL_set_alpn_protos, REQUIRED),
	MEMBER(SSL_set_shutdown, REQUIRED),
	MEMBER(SSL_get_shutdown, REQUIRED),
	MEMBER(SSL_get_ex_data, REQUIRED),
	MEMBER(SSL_set_ex_data, REQUIRED),
#undef ENTRY
#undef MEMBER
#undef CRYPTO
};

static bool list_one(const struct object *o, void *data)
{
	size_t *n = data;

	objects[(*n)++] = *o;
	return *n < OBJECTS_MAX;
}

static struct object *object_at(size_t n, const void *address)
{
	for (size_t i = 0; i < n; i++)
		if (object_covers(&objects[i], address))
			return &objects[i];
	return NULL;
}

static bool is_named(const struct object *o, const char *soname_or_file)
{
	const char *slash = strrchr(o->path, '/');

	return strcmp(o->soname, soname_or_file) == 0 ||
	       (slash && strcmp(slash + 1, soname_or_file) == 0);
}

/* Is o among what root needs, directly or through others? Depth is that of real dependency chains.
 */
static bool reaches(const struct object *root, const struct object *o, size_t n)
{
	static uint8_t seen[OBJECTS_MAX];
	bool grew = true;

	memset(seen, 0, n);
	seen[root - objects] = 1;
	while (grew && !seen[o - objects]) {
		grew = false;
		for (size_t i = 0; i < n; i++) {
			const char *name =
				objects[i].soname[0] ? objects[i].soname : objects[i].path;

			for (size_t k = 0; k < n && !seen[i]; k++)
				if (seen[k] && object_needs(&objects[k], name))
					seen[i] = 1, grew = true;
		}
	}
	return seen[o - objects];
}

/* The object whose SSL_write the caller would have reached without us. */
static struct object *library_of(size_t n, const struct object *caller)
{
	const struct object *self = object_at(n, (const void *)(uintptr_t)&real_ssl);
	struct object *found[LIBRARIES];
	size_t count = 0;

	for (size_t i = 0; i < n && count < LIBRARIES; i++)
		if (&objects[i] != self && object_function(&objects[i], "SSL_write"))
			found[count++] = &objects[i];
	if (count < 2 || !caller)
		return count ? found[0] : NULL;
	for (size_t i = 0; i < count; i++)
		if (reaches(caller, found[i], n))
			return found[i];
	return found[0];
}

static void *crypto_function(size_t n, const struct object *library, const char *name)
{
	void *f = object_function(library, name);

	for (size_t i = 0; i < n && !f; i++)
		if (object_needs(library, objects[i].soname) ||
		    is_named(&objects[i], "libcrypto.so.3"))
			f = object_function(&objects[i], name);
	return f;
}

static struct real_ssl fill(size_t n, const struct object *o, real_index_fn index)
{
	struct real_ssl r = {.base = o->base, .index = -1, .seals = true};
	void *new_index = crypto_function(n, o, "CRYPTO_get_ex_new_index");
	bool complete = new_index != NULL;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		void *f = members[i].crypto ? crypto_function(n, o, members[i].name)
					    : object_function(o, members[i].name);

		complete &= f || members[i].need != REQUIRED;
		r.seals &= f || members[i].need != TO_SEAL;
		memcpy((char *)&r + members[i].offset, &f, sizeof(f));
	}
	if (complete)
		r.index = index(new_index);
	return r;
}

static const struct real_ssl *resolve(const void *address, real_index_fn index)
{
	struct object *o;
	size_t n = 0;

	object_each(list_one, &n);
	o = library_of(n, object_at(n, address));
	for (size_t i = 0; o && i < LIBRARIES; i++) {
		if (libraries[i].base == o->base)
			return &libraries[i];
		if (!libraries[i].base) {
			libraries[i] = fill(n, o, index);
			return &libraries[i];
		}
	}
	return NULL;
}

static size_t site_of(uintptr_t address, size_t probe)
{
	return ((address >> 2) * 0x9e3779b1u + probe) & (SITES - 1);
}

static void remember(uintptr_t address, const struct real_ssl *library)
{
	for (size_t probe = 0; probe < SITE_PROBES; probe++) {
		struct site *site = &sites[site_of(address, probe)];

		if (atomic_load_explicit(&site->address, memory_order_relaxed))
			continue;
		atomic_store_explicit(&site->library, library, memory_order_relaxed);
		atomic_store_explicit(&site->address, address, memory_order_release);
		return;
	}
}

static const struct real_ssl *resolve_slowly(const void *return_address, real_index_fn index)
{
	const struct real_ssl *library;

	/* A library's own constructor called back into us while we registered with it. */
	if (lock_mine(&real_lock))
		return NULL;
	lock_take(&real_lock);
	library = resolve(return_address, index);
	if (library)
		remember((uintptr_t)return_address, library);
	lock_drop(&real_lock);
	return library;
}

const struct real_ssl *real_ssl(const void *return_address, real_index_fn index)
{
	const uintptr_t address = (uintptr_t)return_address;

	for (size_t probe = 0; probe < SITE_PROBES; probe++) {
		struct site *site = &sites[site_of(address, probe)];
		uintptr_t seen = atomic_load_explicit(&site->address, memory_order_acquire);

		if (seen == address)
			return atomic_load_explicit(&site->library, memory_order_relaxed);
		if (!seen)
			break;
	}
	return resolve_slowly(return_address, index);
}

/* ---- libc ---- */

/* What stands in for a libc that we cannot find: the system call itself. */
static ssize_t as_libc(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static ssize_t bare_write(int fd, const void *p, size_t n)
{
	return as_libc(os_write(fd, p, n));
}

static ssize_t bare_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return as_libc(os_sendmsg(fd, m, flags));
}

static ssize_t bare_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
			   socklen_t to_n)
{
	return as_libc(os_sendto(fd, p, n, flags, to, to_n));
}

static ssize_t bare_send(int fd, const void *p, size_t n, int flags)
{
	return as_libc(os_sendto(fd, p, n, flags, NULL, 0));
}

static ssize_t bare_writev(int fd, const struct iovec *v, int n)
{
	return as_libc(os_writev(fd, v, n));
}

static const struct real_libc bare_libc = {
	.send = bare_send,
	.sendto = bare_sendto,
	.sendmsg = bare_sendmsg,
	.write = bare_write,
	.writev = bare_writev,
};

/* Walks the load order and takes, for each function, the first definition behind our own object. */
struct libc_walk {
	struct real_libc found;
	bool behind_us;
};

static void take_function(const struct object *o, const char *name, void *ret_place)
{
	void *f = NULL, *before;

	memcpy(&before, ret_place, sizeof(before));
	if (!before)
		f = object_function(o, name);
	if (f)
		memcpy(ret_place, &f, sizeof(f));
}

static bool visit(const struct object *o, void *data)
{
	struct libc_walk *w = data;

	if (object_covers(o, (const void *)(uintptr_t)&real_libc)) {
		w->behind_us = true;
		return true;
	}
	if (!w->behind_us)
		return true;
	take_function(o, "send", &w->found.send);
	take_function(o, "sendto", &w->found.sendto);
	take_function(o, "sendmsg", &w->found.sendmsg);
	take_function(o, "write", &w->found.write);
	take_function(o, "writev", &w->found.writev);
	return !(w->found.send && w->found.sendto && w->found.sendmsg && w->found.write &&
		 w->found.writev);
}

static struct real_libc libc_found;
static _Atomic(int) libc_state; /* 0 not looked, 1 someone looks, 2 found */

static void find_libc(void)
{
	struct libc_walk w = {0};

	object_each(visit, &w);
	libc_found.send = w.found.send ? w.found.send : bare_send;
	libc_found.sendto = w.found.sendto ? w.found.sendto : bare_sendto;
	libc_found.sendmsg = w.found.sendmsg ? w.found.sendmsg : bare_sendmsg;
	libc_found.write = w.found.write ? w.found.write : bare_write;
	libc_found.writev = w.found.writev ? w.found.writev : bare_writev;
}

const struct real_libc *real_libc(void)
{
	int state = 0;

	if (__builtin_expect(atomic_load_explicit(&libc_state, memory_order_acquire) == 2, 1))
		return &libc_found;
	/* No waiting: the one who looks may be the thread that this signal handler interrupted. */
	if (!atomic_compare_exchange_strong(&libc_state, &state, 1))
		return &bare_libc;
	find_libc();
	atomic_store_explicit(&libc_state, 2, memory_order_release);
	return &libc_found;
}
