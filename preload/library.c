/* SPDX-License-Identifier: MIT */
/* Finds the library that a caller meant, and remembers it by call site. */
#include "library.h"

#include "lock.h"
#include "object.h"

#include <stdatomic.h>
#include <string.h>

#define OBJECTS_MAX 1024u

static struct lock library_lock;
static struct object objects[OBJECTS_MAX];

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

/* The object whose functions the caller would have reached without us. */
static struct object *meant_by(struct library_family *family, size_t n, const struct object *caller)
{
	const struct object *self = object_at(n, (const void *)(uintptr_t)&library_of);
	struct object *found[LIBRARIES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < n && count < LIBRARIES_MAX; i++)
		if (&objects[i] != self && object_function(&objects[i], family->mark))
			found[count++] = &objects[i];
	for (size_t i = 0; count > 1 && caller && i < count; i++)
		if (reaches(caller, found[i], n))
			return found[i];
	/* libcrypto calls back into the libssl above it. */
	for (size_t i = 0; count > 1 && caller && i < count; i++)
		if (reaches(found[i], caller, n))
			return found[i];
	for (size_t i = 0; count > 1 && i < count; i++)
		if (found[i]->begin == family->asked)
			return found[i];
	return count ? found[0] : NULL;
}

static void *function_of(size_t n, const struct object *library, const char *name, bool elsewhere)
{
	void *f = object_function(library, name);

	for (size_t i = 0; i < n && !f && elsewhere; i++)
		if (object_needs(library, objects[i].soname))
			f = object_function(&objects[i], name);
	return f;
}

static void fill(struct library_family *family, struct library *library, size_t n,
		 const struct object *o)
{
	library->complete = library->seals = true;
	for (size_t i = 0; i < family->members_n; i++) {
		const struct library_member *m = &family->members[i];
		void *f = function_of(n, o, m->name, m->elsewhere);

		library->complete &= f || m->need != LIBRARY_REQUIRED;
		library->seals &= f || m->need != LIBRARY_TO_SEAL;
		memcpy((char *)library + m->offset, &f, sizeof(f));
	}
	library->begin = o->begin;
	library->end = o->end;
	if (family->found)
		family->found(library);
}

static struct library *table_at(const struct library_family *family, size_t i)
{
	return (struct library *)((char *)family->tables + i * family->table_bytes);
}

/* The family's table of the library that begins there, as its base is 0 where it is a program of
 * fixed addresses; 0: one that is free. NULL: there is none. */
static struct library *table_of(const struct library_family *family, uintptr_t begin)
{
	for (size_t i = 0; i < LIBRARIES_MAX; i++)
		if (table_at(family, i)->begin == begin)
			return table_at(family, i);
	return NULL;
}

static const struct library *resolve(struct library_family *family, const void *address)
{
	struct library *library;
	const struct object *o;
	size_t n = 0;

	object_each(list_one, &n);
	o = meant_by(family, n, object_at(n, address));
	library = o ? table_of(family, o->begin) : NULL;
	if (library || !o)
		return library;
	library = table_of(family, 0);
	if (library)
		fill(family, library, n, o);
	return library;
}

static size_t site_of(uintptr_t address, size_t probe)
{
	return ((address >> 2) * 0x9e3779b1u + probe) & (LIBRARY_SITES - 1);
}

static void remember(struct library_family *family, uintptr_t address,
		     const struct library *library)
{
	for (size_t probe = 0; probe < LIBRARY_SITE_PROBES; probe++) {
		struct library_site *site = &family->sites[site_of(address, probe)];

		if (atomic_load_explicit(&site->address, memory_order_relaxed))
			continue;
		atomic_store_explicit(&site->library, library, memory_order_relaxed);
		atomic_store_explicit(&site->address, address, memory_order_release);
		return;
	}
}

static const struct library *resolve_slowly(struct library_family *family,
					    const void *return_address)
{
	const struct library *library;

	/* A library's own constructor called back into us while we registered with it. */
	if (lock_mine(&library_lock))
		return NULL;
	lock_take(&library_lock);
	library = resolve(family, return_address);
	if (library)
		remember(family, (uintptr_t)return_address, library);
	lock_drop(&library_lock);
	return library;
}

const struct library *library_of(struct library_family *family, const void *return_address)
{
	const uintptr_t address = (uintptr_t)return_address;

	for (size_t probe = 0; probe < LIBRARY_SITE_PROBES; probe++) {
		struct library_site *site = &family->sites[site_of(address, probe)];
		uintptr_t seen = atomic_load_explicit(&site->address, memory_order_acquire);

		if (seen == address)
			return atomic_load_explicit(&site->library, memory_order_relaxed);
		if (!seen)
			break;
	}
	return resolve_slowly(family, return_address);
}

bool library_asked(struct library_family *family, const void *return_address, const void *f)
{
	const struct object *o;
	bool meant = false;
	size_t n = 0;

	if (!f || lock_mine(&library_lock))
		return false;
	lock_take(&library_lock);
	object_each(list_one, &n);
	o = object_at(n, f);
	if (o && object_function(o, family->mark)) {
		if (!family->asked)
			family->asked = o->begin;
		meant = meant_by(family, n, object_at(n, return_address)) == o;
	}
	lock_drop(&library_lock);
	return meant;
}

static bool is_loaded(const struct library *library, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (objects[i].begin == library->begin && objects[i].end == library->end)
			return true;
	return false;
}

void library_unloaded(struct library_family *family)
{
	size_t n = 0;

	if (lock_mine(&library_lock))
		return;
	lock_take(&library_lock);
	/* Also of callers that are gone: others may come to their addresses. */
	for (size_t i = 0; i < LIBRARY_SITES; i++)
		if (atomic_load_explicit(&family->sites[i].address, memory_order_relaxed))
			atomic_store_explicit(&family->sites[i].address, 0, memory_order_relaxed);
	object_each(list_one, &n);
	for (size_t i = 0; i < LIBRARIES_MAX; i++) {
		struct library *library = table_at(family, i);

		if (!library->begin || is_loaded(library, n))
			continue;
		if (family->asked == library->begin)
			family->asked = 0;
		library->begin = 0;
	}
	lock_drop(&library_lock);
}
