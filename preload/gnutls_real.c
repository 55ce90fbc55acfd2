/* SPDX-License-Identifier: MIT */
/* The functions of GnuTLS that we call. */
#include "gnutls_real.h"

static struct real_gnutls tables[LIBRARIES_MAX];

/* clang-format off */
#define MEMBER(_f, _need) {#_f, offsetof(struct real_gnutls, _f), LIBRARY_##_need, false}
/* clang-format on */
static const struct library_member members[] = {
	MEMBER(gnutls_init, REQUIRED),
	MEMBER(gnutls_deinit, REQUIRED),
	MEMBER(gnutls_handshake, REQUIRED),
	MEMBER(gnutls_bye, REQUIRED),
	MEMBER(gnutls_server_name_set, REQUIRED),
	MEMBER(gnutls_alpn_set_protocols, OPTIONAL),
	MEMBER(gnutls_record_send, REQUIRED),
	MEMBER(gnutls_record_send2, OPTIONAL),
	MEMBER(gnutls_record_send_range, OPTIONAL),
	MEMBER(gnutls_record_send_early_data, OPTIONAL),
	MEMBER(gnutls_record_send_file, OPTIONAL),
	MEMBER(gnutls_record_recv, REQUIRED),
	MEMBER(gnutls_record_check_pending, REQUIRED),
	MEMBER(gnutls_record_cork, OPTIONAL),
	MEMBER(gnutls_record_uncork, OPTIONAL),
	MEMBER(gnutls_session_get_random, REQUIRED),
	MEMBER(gnutls_transport_set_push_function, REQUIRED),
	MEMBER(gnutls_transport_set_vec_push_function, REQUIRED),
	MEMBER(gnutls_transport_get_ptr2, TO_SEAL),
	MEMBER(gnutls_transport_set_ptr2, TO_SEAL),
	MEMBER(gnutls_transport_is_ktls_enabled, OPTIONAL),
};

static struct library_site sites[LIBRARY_SITES];
static struct library_family family = {
	.mark = "gnutls_record_send",
	.members = members,
	.members_n = sizeof(members) / sizeof(members[0]),
	.tables = tables,
	.table_bytes = sizeof(tables[0]),
	.sites = sites,
};

const struct real_gnutls *real_gnutls(const void *return_address)
{
	return (const struct real_gnutls *)library_of(&family, return_address);
}

bool real_gnutls_asked(const void *return_address, const void *f)
{
	return library_asked(&family, return_address, f);
}

void real_gnutls_unloaded(void)
{
	library_unloaded(&family);
}
