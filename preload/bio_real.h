/* SPDX-License-Identifier: MIT */
/* The real functions of OpenSSL's BIOs, found through the object that called a hook. */
#pragma once

#include "library.h"

typedef struct bio_st BIO;

/* One libcrypto. Members are the library's functions of that name; those marked may be NULL. */
struct real_bio {
	struct library library;

	int (*BIO_write)(BIO *, const void *, int);
	int (*BIO_write_ex)(BIO *, const void *, size_t, size_t *); /* may be NULL */
	int (*BIO_read)(BIO *, void *, int);
	int (*BIO_read_ex)(BIO *, void *, size_t, size_t *); /* may be NULL */
	int (*BIO_method_type)(const BIO *);
	long (*BIO_ctrl)(BIO *, int, long, void *);
	void (*BIO_clear_flags)(BIO *, int);
	void (*BIO_set_flags)(BIO *, int);
	int (*ERR_set_mark)(void);
	int (*ERR_pop_to_mark)(void);
	int (*ERR_clear_last_mark)(void); /* may be NULL */
};

/* The library that the code at return_address meant, or NULL when there is none that we can work
 * with. */
const struct real_bio *real_bio(const void *return_address);

/* As library_asked(). */
bool real_bio_asked(const void *return_address, const void *f);
/* As library_unloaded(). */
void real_bio_unloaded(void);
