/* SPDX-License-Identifier: MIT */
/* Hostile frames: every field of a link's header wrong, one by one, and every length. */
#include "io/link_wire.h"

#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct link_header good(uint32_t payload_bytes, uint32_t flags)
{
	return (struct link_header){
		.magic = LINK_MAGIC,
		.version = LINK_VERSION,
		.type = LINK_APPEND,
		.id = 7,
		.payload_bytes = payload_bytes,
		.flags = flags,
	};
}

static int check(const struct link_header *h, size_t tail, unsigned fds)
{
	static uint8_t bytes[LINK_WIRE_BYTES_MAX + 64];
	struct link_header got;

	memcpy(bytes, h, sizeof(*h));
	return link_wire_check(span_of(bytes, sizeof(*h) + tail), fds, &got);
}

static void accepts_what_it_should(void **state)
{
	struct link_header h = good(0, 0);

	(void)state;
	assert_int_equal(check(&h, 0, 0), PARSE_DONE);
	h = good(5, 0);
	assert_int_equal(check(&h, 5, 0), PARSE_DONE);
	h = good(5, LINK_F_FD);
	assert_int_equal(check(&h, 5, 1), PARSE_DONE);
	h = good(AICP_LINK_INLINE_BYTES_MAX, 0);
	assert_int_equal(check(&h, AICP_LINK_INLINE_BYTES_MAX, 0), PARSE_DONE);
	h = good(AICP_LINK_PAYLOAD_BYTES_MAX, LINK_F_MEMFD);
	assert_int_equal(check(&h, 0, 1), PARSE_DONE);
	h = good(1, LINK_F_MEMFD | LINK_F_FD);
	assert_int_equal(check(&h, 0, 2), PARSE_DONE);
}

static void refuses_each_wrong_field(void **state)
{
	struct link_header h;

	(void)state;
	h = good(0, 0);
	h.magic ^= 1;
	assert_int_equal(check(&h, 0, 0), PARSE_E_BAD);
	h = good(0, 0);
	h.version = 2;
	assert_int_equal(check(&h, 0, 0), PARSE_E_BAD);
	h = good(0, 0);
	h.type = 0;
	assert_int_equal(check(&h, 0, 0), PARSE_E_BAD);
	for (unsigned bit = 2; bit < 32; bit++) {
		h = good(0, 1u << bit);
		assert_int_equal(check(&h, 0, 0), PARSE_E_BAD);
	}
}

static void refuses_wrong_lengths(void **state)
{
	struct link_header h = good(5, 0);

	(void)state;
	assert_int_equal(check(&h, 4, 0), PARSE_E_BAD);
	assert_int_equal(check(&h, 6, 0), PARSE_E_BAD);
	h = good(UINT32_MAX, 0);
	assert_int_equal(check(&h, 5, 0), PARSE_E_BAD);
	h = good(AICP_LINK_INLINE_BYTES_MAX + 1, 0);
	assert_int_equal(check(&h, AICP_LINK_INLINE_BYTES_MAX + 1, 0), PARSE_E_BAD);
	h = good(AICP_LINK_PAYLOAD_BYTES_MAX + 1, LINK_F_MEMFD);
	assert_int_equal(check(&h, 0, 1), PARSE_E_BAD);
	/* A memfd, and bytes inline as well. */
	h = good(5, LINK_F_MEMFD);
	assert_int_equal(check(&h, 5, 1), PARSE_E_BAD);
}

static void refuses_wrong_numbers_of_descriptors(void **state)
{
	const uint32_t flags[] = {0, LINK_F_MEMFD, LINK_F_FD, LINK_F_MEMFD | LINK_F_FD};
	const unsigned right[] = {0, 1, 1, 2};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (unsigned fds = 0; fds <= 3; fds++) {
			struct link_header h = good(0, flags[i]);

			assert_int_equal(check(&h, 0, fds),
					 fds == right[i] ? PARSE_DONE : PARSE_E_BAD);
		}
	}
}

static void reads_no_byte_too_many(void **state)
{
	struct link_header h = good(9, 0), got;
	uint8_t bytes[sizeof(h) + 9] = {0};
	struct guard guard;

	(void)state;
	memcpy(bytes, &h, sizeof(h));
	guard_init(&guard, sizeof(bytes));
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(link_wire_check(guard_copy(&guard, span_of(bytes, n)), 0, &got),
				 PARSE_E_BAD);
	assert_int_equal(
		link_wire_check(guard_copy(&guard, span_of(bytes, sizeof(bytes))), 0, &got),
		PARSE_DONE);
	assert_int_equal(got.id, 7);
	guard_deinit(&guard);
}

static void names_every_role(void **state)
{
	(void)state;
	for (unsigned i = 0; i < _LINK_ROLE_COUNT; i++)
		assert_non_null(link_role_name((enum link_role)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_it_should),
		cmocka_unit_test(refuses_each_wrong_field),
		cmocka_unit_test(refuses_wrong_lengths),
		cmocka_unit_test(refuses_wrong_numbers_of_descriptors),
		cmocka_unit_test(reads_no_byte_too_many),
		cmocka_unit_test(names_every_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
