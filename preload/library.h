/* SPDX-License-Identifier: MIT */
/*
 * The TLS library that a caller of a hook meant, and its functions.
 *
 * A process may hold several libraries of one family (a plugin with OpenSSL 1.1 beside 3); each
 * call has to reach the one that its caller was linked to. OpenSSL keeps itself loaded; GnuTLS goes
 * with the last that needs it, and may come back elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every family's table of functions begins with one. */
struct library {
	uintptr_t begin, end; /* of its segments; 0 in an unused place */
	bool complete; /* it has every function that we cannot do without */
	bool seals; /* and those that make records in memory of ours */
};

enum library_need {
	LIBRARY_REQUIRED,
	LIBRARY_OPTIONAL,
	LIBRARY_TO_SEAL,
};

struct library_member {
	const char *name;
	size_t offset; /* of the pointer in the family's table */
	enum library_need need;
	bool elsewhere; /* it may be in a library that this one needs */
};

/* Call sites, written once until something is unloaded: library before address, so that who sees
 * the address sees the library.
 */
#define LIBRARY_SITES	    1024u /* a power of two */
#define LIBRARY_SITE_PROBES 8u
#define LIBRARIES_MAX	    16u

struct library_site {
	_Atomic(uintptr_t) address;
	_Atomic(const struct library *) library;
};

struct library_family {
	const char *mark; /* each of them exports it */
	const struct library_member *members;
	size_t members_n;
	void *tables; /* LIBRARIES_MAX of them */
	size_t table_bytes;
	void (*found)(struct library *library); /* once for each; may be NULL */
	uintptr_t asked; /* begin of the one that callers without a link to any mean, or 0 */
	struct library_site *sites; /* LIBRARY_SITES of them; apart, as they are all zero at first:
				       a program without TLS does not pay for their pages */
};

/* The library of the family that the code at return_address meant, or NULL when there is none. */
const struct library *library_of(struct library_family *family, const void *return_address);

/*
 * The code at return_address has asked for a function by name, and got f. true: give it the hook of
 * that name instead; what calls the hook will find the library of f. Code that is linked to no
 * library of the family has one that it means, the first that it asked for: a process with two of
 * them that are only ever looked up by name is seen in one.
 */
bool library_asked(struct library_family *family, const void *return_address, const void *f);

/* Something was unloaded: forgets what is gone, and who called what. */
void library_unloaded(struct library_family *family);

/* Did the library itself call? Libraries reach some of their own functions through their PLT, and
 * so through our hooks. */
static inline bool library_is_caller(const struct library *library, const void *return_address)
{
	return (uintptr_t)return_address >= library->begin &&
	       (uintptr_t)return_address < library->end;
}
