/* SPDX-License-Identifier: MIT */
/* Frames of shims, and of those who pretend to be one. */
#include "io/shim_frame.h"

#include "aicp/limits.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HOST "api.openai.com"
#define BODY "POST / HTTP/1.1\r\n\r\n"

static struct aicp_shim_request good(void)
{
	return (struct aicp_shim_request){
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = AICP_SHIM_REQUEST,
		.host_bytes = sizeof(HOST) - 1,
		.request_bytes = sizeof(BODY) - 1,
		.head_bytes = sizeof(BODY) - 1,
	};
}

/* The message of head with tail behind it; "" when it is good, else what is wrong. */
static const char *check(const struct aicp_shim_request *head, const char *tail, unsigned fds_n,
			 struct shim_frame *ret_frame)
{
	static uint8_t bytes[1024];
	struct shim_frame frame;
	const char *error = NULL;
	size_t n = strlen(tail);

	memcpy(bytes, head, sizeof(*head));
	memcpy(bytes + sizeof(*head), tail, n);
	if (shim_frame_check(span_of(bytes, sizeof(*head) + n), fds_n, &frame, &error) ==
	    PARSE_DONE) {
		assert_null(error);
		if (ret_frame)
			*ret_frame = frame;
		return "";
	}
	assert_non_null(error);
	return error;
}

static void reads_good_frames(void **state)
{
	struct aicp_shim_request h = good();
	struct shim_frame f;

	(void)state;
	assert_string_equal(check(&h, HOST BODY, 0, &f), "");
	assert_true(span_eq_str(f.host, HOST));
	assert_true(span_eq_str(f.request, BODY));
	assert_false(f.has_socket || f.has_memfd);
	h.flags = AICP_SHIM_F_SOCKET;
	assert_string_equal(check(&h, HOST BODY, 1, &f), "");
	assert_true(f.has_socket);
	h.flags = AICP_SHIM_F_SOCKET | AICP_SHIM_F_MEMFD;
	assert_string_equal(check(&h, HOST, 2, &f), "");
	assert_true(f.has_memfd);
	assert_int_equal(f.request.n, 0);
	h = good();
	h.type = AICP_SHIM_UNREADABLE;
	for (unsigned kind = 1; kind < _AICP_SHIM_KIND_COUNT; kind++) {
		h.kind = kind;
		assert_string_equal(check(&h, HOST BODY, 0, &f), "");
	}
	h.request_bytes = h.head_bytes = 0;
	assert_string_equal(check(&h, HOST, 0, &f), "");
}

static void refuses_each_wrong_field(void **state)
{
	struct aicp_shim_request h;

#define WRONG(_change, _fds, _tail, _why)                                                          \
	h = good();                                                                                \
	_change;                                                                                   \
	assert_string_equal(check(&h, _tail, _fds, NULL), _why)
	(void)state;
	WRONG(h.magic++, 0, HOST BODY, "magic");
	WRONG(h.version = 0, 0, HOST BODY, "version");
	WRONG(h.version = 2, 0, HOST BODY, "version");
	WRONG(h.type = AICP_SHIM_VERDICT, 0, HOST BODY, "type");
	WRONG(h.type = 0, 0, HOST BODY, "type");
	WRONG(h.flags = 32, 0, HOST BODY, "flags");
	WRONG(h.flags = 1u << 31, 0, HOST BODY, "flags");
	WRONG(h.kind = 1, 0, HOST BODY, "kind");
	WRONG(h.type = AICP_SHIM_UNREADABLE, 0, HOST BODY, "kind");
	WRONG(h.kind = _AICP_SHIM_KIND_COUNT, 0, HOST BODY, "kind");
	WRONG(h.kind = UINT32_MAX, 0, HOST BODY, "kind");
	WRONG((void)0, 1, HOST BODY, "number of descriptors");
	WRONG(h.flags = AICP_SHIM_F_SOCKET, 0, HOST BODY, "number of descriptors");
	WRONG(h.flags = AICP_SHIM_F_MEMFD, 2, HOST, "number of descriptors");
	WRONG(h.request_bytes = UINT32_MAX, 0, HOST BODY, "request_bytes");
	WRONG(h.request_bytes = AICP_SHIM_INLINE_BYTES_MAX + 1, 0, HOST BODY, "length");
	WRONG(h.head_bytes = h.request_bytes + 1, 0, HOST BODY, "head_bytes");
	WRONG(h.host_bytes = 0, 0, BODY, "host name");
	WRONG(h.host_bytes = AICP_HOST_BYTES_MAX + 1, 0, HOST BODY, "host name");
	WRONG(h.host_bytes = UINT32_MAX, 0, HOST BODY, "host name");
	WRONG(h.host_bytes++, 0, HOST BODY, "length");
	WRONG(h.request_bytes--; h.head_bytes--, 0, HOST BODY, "length");
	WRONG(h.flags = AICP_SHIM_F_MEMFD, 1, HOST BODY, "length");
#undef WRONG
}

static void refuses_strange_host_names(void **state)
{
	static const char *const names[] = {"API.openai.com", "api openai",   "a\n.com", "a/b",
					    "a\"b",	      "\xc3\xa9.com", "a\tb",	 "*.a"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct aicp_shim_request h = good();

		h.host_bytes = (uint32_t)strlen(names[i]);
		h.request_bytes = h.head_bytes = 0;
		assert_string_equal(check(&h, names[i], 0, NULL), "host name");
	}
}

/* In clear the host has its port, and may be an address; under TLS it is a name. */
static void a_port_stands_behind_hosts_in_clear(void **state)
{
	static const struct {
		const char *host;
		bool clear, good;
	} row[] = {
		{"localhost:11434", true, true},
		{"127.0.0.1:11434", true, true},
		{"[::1]:11434", true, true},
		{"api.openai.com:80", true, true},
		{"localhost:11434", false, false},
		{"[::1]:11434", false, false},
		{"localhost", true, false},
		{"localhost:", true, false},
		{"localhost:0", true, false},
		{"localhost:65536", true, false},
		{":80", true, false},
		{"::1:80", true, false},
		{"LOCALHOST:80", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct aicp_shim_request h = good();

		h.flags = row[i].clear ? AICP_SHIM_F_CLEAR : 0;
		h.host_bytes = (uint32_t)strlen(row[i].host);
		h.request_bytes = h.head_bytes = 0;
		assert_string_equal(check(&h, row[i].host, 0, NULL),
				    row[i].good ? "" : "host name");
	}
}

static void reads_no_byte_too_many(void **state)
{
	struct aicp_shim_request h = good();
	uint8_t bytes[sizeof(h) + sizeof(HOST BODY) - 1];
	struct shim_frame f;
	struct guard guard;
	const char *error;

	(void)state;
	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), HOST BODY, sizeof(HOST BODY) - 1);
	guard_init(&guard, sizeof(bytes));
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(
			shim_frame_check(guard_copy(&guard, span_of(bytes, n)), 0, &f, &error),
			PARSE_E_BAD);
	assert_int_equal(
		shim_frame_check(guard_copy(&guard, span_of(bytes, sizeof(bytes))), 0, &f, &error),
		PARSE_DONE);
	guard_deinit(&guard);
}

static int response(struct aicp_shim_response head, size_t tail_n)
{
	static uint8_t bytes[sizeof(head) + AICP_SHIM_INLINE_BYTES_MAX + 1];
	struct shim_response r;
	int outcome;

	memcpy(bytes, &head, sizeof(head));
	outcome = shim_frame_response(span_of(bytes, sizeof(head) + tail_n), &r);
	if (outcome == PARSE_DONE) {
		assert_int_equal(r.bytes.n, tail_n);
		assert_ptr_equal(r.bytes.p, bytes + sizeof(head));
	}
	return outcome;
}

static void reads_responses(void **state)
{
	const struct aicp_shim_response good_head = {
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = AICP_SHIM_RESPONSE,
		.bytes = 5,
		.offset = UINT64_MAX,
	};
	struct aicp_shim_response h = good_head;

	(void)state;
	assert_int_equal(response(h, 5), PARSE_DONE);
	assert_int_equal(response(h, 4), PARSE_E_BAD);
	assert_int_equal(response(h, 6), PARSE_E_BAD);
	h.flags = AICP_SHIM_R_END;
	h.bytes = 0;
	assert_int_equal(response(h, 0), PARSE_DONE);
	h.flags = 2;
	assert_int_equal(response(h, 0), PARSE_E_BAD);
	h = good_head;
	h.magic++;
	assert_int_equal(response(h, 5), PARSE_E_BAD);
	h = good_head;
	h.version++;
	assert_int_equal(response(h, 5), PARSE_E_BAD);
	h = good_head;
	h.type = AICP_SHIM_REQUEST;
	assert_int_equal(response(h, 5), PARSE_E_BAD);
	h = good_head;
	h.bytes = AICP_SHIM_INLINE_BYTES_MAX;
	assert_int_equal(response(h, AICP_SHIM_INLINE_BYTES_MAX), PARSE_DONE);
	h.bytes++;
	assert_int_equal(response(h, AICP_SHIM_INLINE_BYTES_MAX + 1), PARSE_E_BAD);
	for (size_t n = 0; n < sizeof(h); n++) {
		struct shim_response r;

		assert_int_equal(shim_frame_response(span_of((const uint8_t *)&good_head, n), &r),
				 PARSE_E_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_responses),
		cmocka_unit_test(reads_good_frames),
		cmocka_unit_test(refuses_each_wrong_field),
		cmocka_unit_test(refuses_strange_host_names),
		cmocka_unit_test(a_port_stands_behind_hosts_in_clear),
		cmocka_unit_test(reads_no_byte_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
