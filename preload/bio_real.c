/* SPDX-License-Identifier: MIT */
/* The functions of libcrypto that we call for its BIOs. */
#include "bio_real.h"

static struct real_bio tables[LIBRARIES_MAX];

/* clang-format off */
#define MEMBER(_f, _need) {#_f, offsetof(struct real_bio, _f), LIBRARY_##_need, false}
/* clang-format on */
static const struct library_member members[] = {
	MEMBER(BIO_write, REQUIRED),
	MEMBER(BIO_write_ex, OPTIONAL),
	MEMBER(BIO_read, REQUIRED),
	MEMBER(BIO_read_ex, OPTIONAL),
	MEMBER(BIO_method_type, REQUIRED),
	MEMBER(BIO_ctrl, REQUIRED),
	MEMBER(BIO_clear_flags, REQUIRED),
	MEMBER(BIO_set_flags, REQUIRED),
	MEMBER(ERR_set_mark, REQUIRED),
	MEMBER(ERR_pop_to_mark, REQUIRED),
	MEMBER(ERR_clear_last_mark, OPTIONAL),
};

static struct library_site sites[LIBRARY_SITES];
static struct library_family family = {
	.mark = "BIO_write",
	.members = members,
	.members_n = sizeof(members) / sizeof(members[0]),
	.tables = tables,
	.table_bytes = sizeof(tables[0]),
	.sites = sites,
};

const struct real_bio *real_bio(const void *return_address)
{
	return (const struct real_bio *)library_of(&family, return_address);
}

bool real_bio_asked(const void *return_address, const void *f)
{
	return library_asked(&family, return_address, f);
}

void real_bio_unloaded(void)
{
	library_unloaded(&family);
}
