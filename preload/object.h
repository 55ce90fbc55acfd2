/* SPDX-License-Identifier: MIT */
/*
 * Finds functions in the objects that are loaded, by reading their symbol tables.
 *
 * Not by dlsym(): RTLD_NEXT knows nothing of a libssl that was loaded with RTLD_LOCAL (Python,
 * Perl), and dlopen/dlsym allocate with the program's malloc and overwrite its dlerror().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one loaded object shows of itself; valid while the object is loaded. */
struct object {
	uintptr_t base;
	uintptr_t begin, end; /* of its segments */
	const char *path;
	const char *soname; /* "" without one */
	const void *dynamic;
	const void *symbols;
	const char *strings;
	const uint16_t *versions;
	const uint32_t *gnu_hash;
	const uint32_t *sysv_hash;
};

/* Shows the objects that are loaded now, in load order, until visit says false. The struct is lent
 * for the call. */
typedef bool (*object_visit_fn)(const struct object *o, void *data);
void object_each(object_visit_fn visit, void *data);

static inline bool object_covers(const struct object *o, const void *address)
{
	return (uintptr_t)address >= o->begin && (uintptr_t)address < o->end;
}

/* The function that o exports under this name, or NULL. */
void *object_function(const struct object *o, const char *name);

/* Does o name soname among the libraries it needs? */
bool object_needs(const struct object *o, const char *soname);
