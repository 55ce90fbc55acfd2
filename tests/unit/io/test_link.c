/* SPDX-License-Identifier: MIT */
/* Links over real socketpairs: what is sent arrives, what is hostile ends the link, and no
 * descriptor leaks. */
#include "io/link.h"

#include "io/link_wire.h"
#include "io/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
	struct link *a, *b;
	int raw; /* instead of a, for hostile bytes */
};

static void open_pair(struct pair *p, bool raw)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
			 0);
	*p = (struct pair){.raw = raw ? fd[0] : -1};
	if (!raw)
		p->a = link_new(fd[0]);
	p->b = link_new(fd[1]);
	assert_non_null(p->b);
}

static void close_pair(struct pair *p)
{
	link_free(p->a);
	link_free(p->b);
	if (p->raw >= 0)
		close(p->raw);
}

/* Descriptors that this process has open. */
static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void carries_small_messages(void **state)
{
	struct link_message m;
	struct pair p;

	(void)state;
	open_pair(&p, false);
	assert_int_equal(link_receive(p.b, &m), 1);
	assert_int_equal(link_send(p.a, LINK_APPEND, 42, SPAN_LIT("hello"), -1), 0);
	assert_int_equal(link_send(p.a, LINK_STOP, 0, SPAN_NULL, -1), 0);
	assert_int_equal(link_receive(p.b, &m), 0);
	assert_int_equal(m.type, LINK_APPEND);
	assert_int_equal(m.id, 42);
	assert_true(span_eq_str(m.payload, "hello"));
	assert_int_equal(m.fd, -1);
	assert_int_equal(link_receive(p.b, &m), 0);
	assert_int_equal(m.type, LINK_STOP);
	assert_int_equal(m.payload.n, 0);
	assert_int_equal(link_receive(p.b, &m), 1);
	link_free(p.a);
	p.a = NULL;
	assert_int_equal(link_receive(p.b, &m), -EPIPE);
	close_pair(&p);
}

static void carries_large_messages_and_descriptors(void **state)
{
	const size_t sizes[] = {AICP_LINK_INLINE_BYTES_MAX, AICP_LINK_INLINE_BYTES_MAX + 1,
				3u << 20};
	unsigned before = descriptors();
	struct link_message m;
	struct stat sent, got;
	struct pair p;

	(void)state;
	open_pair(&p, false);
	for (size_t i = 0; i < 3; i++) {
		uint8_t *bytes = malloc(sizes[i]);
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		memset(bytes, 'a' + (int)i, sizes[i]);
		assert_int_equal(fstat(fd, &sent), 0);
		assert_int_equal(link_send(p.a, LINK_BUNDLE, i, span_of(bytes, sizes[i]), fd), 0);
		close(fd);
		assert_int_equal(link_receive(p.b, &m), 0);
		assert_true(span_eq(m.payload, span_of(bytes, sizes[i])));
		assert_true(m.fd >= 0);
		assert_int_equal(fstat(m.fd, &got), 0);
		assert_int_equal(sent.st_rdev, got.st_rdev);
		assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
		close(m.fd);
		free(bytes);
	}
	close_pair(&p);
	assert_int_equal(descriptors(), before);
}

static void queues_what_a_full_socket_does_not_take(void **state)
{
	enum { MANY = 2000 };
	unsigned before = descriptors();
	uint8_t bytes[4096];
	struct link_message m;
	struct pair p;
	int r = 0, fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	open_pair(&p, false);
	for (int i = 0; i < MANY; i++) {
		memset(bytes, i, sizeof(bytes));
		assert_int_equal(link_send(p.a, LINK_APPEND, (uint64_t)i,
					   span_of(bytes, sizeof(bytes)), i % 100 ? -1 : fd),
				 0);
	}
	assert_true(link_wants_write(p.a));
	for (int i = 0; i < MANY; i++) {
		while ((r = link_receive(p.b, &m)) == 1)
			assert_int_equal(link_flush(p.a), 0);
		assert_int_equal(r, 0);
		assert_int_equal(m.id, i);
		assert_int_equal(m.payload.p[4095], (uint8_t)i);
		assert_int_equal(m.fd >= 0, i % 100 == 0);
		if (m.fd >= 0)
			close(m.fd);
	}
	assert_false(link_wants_write(p.a));
	close_pair(&p);
	close(fd);
	assert_int_equal(descriptors(), before);
}

static void bounds_its_queue(void **state)
{
	static uint8_t bytes[AICP_LINK_INLINE_BYTES_MAX];
	unsigned before = descriptors();
	struct pair p;
	int r = 0;

	(void)state;
	open_pair(&p, false);
	for (size_t sent = 0; !r && sent < 2 * (size_t)AICP_LINK_QUEUE_BYTES_MAX;
	     sent += sizeof(bytes))
		r = link_send(p.a, LINK_APPEND, 1, span_of(bytes, sizeof(bytes)), -1);
	assert_int_equal(r, -ENOBUFS);
	close_pair(&p);
	assert_int_equal(descriptors(), before);
}

/* Sends raw bytes with descriptors, as a peer would that breaks the format. */
static void send_raw(int to, const void *bytes, size_t n, const int *fds, size_t fds_n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	if (fds_n) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
	}
	assert_int_equal(sendmsg(to, &msg, 0), (ssize_t)n);
}

static struct link_header header(uint32_t payload_bytes, uint32_t flags)
{
	return (struct link_header){
		.magic = LINK_MAGIC,
		.version = LINK_VERSION,
		.type = LINK_APPEND,
		.payload_bytes = payload_bytes,
		.flags = flags,
	};
}

static void refuses_hostile_frames(void **state)
{
	unsigned before = descriptors();
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int many[8] = {null, null, null, null, null, null, null, null};
	static uint8_t large[LINK_WIRE_BYTES_MAX + 1];
	struct link_header h = header(0, 0);
	struct link_message m;

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct pair p;

		open_pair(&p, true);
		switch (i) {
		case 0: /* too short for a header */
			send_raw(p.raw, &h, sizeof(h) - 1, NULL, 0);
			break;
		case 1: /* longer than any message */
			memcpy(large, &h, sizeof(h));
			send_raw(p.raw, large, sizeof(large), NULL, 0);
			break;
		case 2: /* a descriptor that the header does not name */
			send_raw(p.raw, &h, sizeof(h), many, 1);
			break;
		case 3: /* more descriptors than there is room for */
			send_raw(p.raw, &h, sizeof(h), many, 8);
			break;
		case 4: /* a payload in something that is no memfd */
			h = header(1, LINK_F_MEMFD);
			send_raw(p.raw, &h, sizeof(h), many, 1);
			break;
		case 5: /* an empty message with a descriptor is not the end of the link */
			send_raw(p.raw, "", 0, many, 1);
			break;
		}
		assert_int_equal(link_receive(p.b, &m), -EBADMSG);
		close_pair(&p);
	}
	close(null);
	assert_int_equal(descriptors(), before);
}

static void refuses_memfds_that_can_change(void **state)
{
	struct link_header h = header(5, LINK_F_MEMFD);
	struct link_message m;

	(void)state;
	for (int seals = 0; seals < 8; seals++) {
		int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		int bits = (seals & 1 ? F_SEAL_WRITE : 0) | (seals & 2 ? F_SEAL_GROW : 0) |
			   (seals & 4 ? F_SEAL_SHRINK : 0);
		struct pair p;

		assert_int_equal(write(fd, "hello", 5), 5);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, bits), 0);
		open_pair(&p, true);
		send_raw(p.raw, &h, sizeof(h), &fd, 1);
		assert_int_equal(link_receive(p.b, &m), seals == 7 ? 0 : -EBADMSG);
		if (seals == 7)
			assert_true(span_eq_str(m.payload, "hello"));
		close(fd);
		close_pair(&p);
	}
}

static void refuses_memfds_of_another_size(void **state)
{
	int fd = memfd_make("test", SPAN_LIT("hello"));
	const uint32_t sizes[] = {0, 4, 6};
	struct link_message m;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct link_header h = header(sizes[i], LINK_F_MEMFD);
		struct pair p;

		open_pair(&p, true);
		send_raw(p.raw, &h, sizeof(h), &fd, 1);
		assert_int_equal(link_receive(p.b, &m), -EBADMSG);
		close_pair(&p);
	}
	close(fd);
}

static void calls_and_keeps_what_came_meanwhile(void **state)
{
	struct link_message m;
	struct pair p;

	(void)state;
	open_pair(&p, false);
	/* The answer must be there before the call, as there is no second thread: ids of calls
	 * begin at 2^63. */
	assert_int_equal(link_send(p.b, LINK_PEER, 0, SPAN_LIT("first"), -1), 0);
	assert_int_equal(link_send(p.b, LINK_PEER, 0, SPAN_LIT("second"), -1), 0);
	assert_int_equal(link_send(p.b, LINK_DURABLE, UINT64_C(1) << 63, SPAN_LIT("answer"), -1),
			 0);
	assert_int_equal(link_call(p.a, LINK_APPEND, SPAN_LIT("ask"), 1000, &m), 0);
	assert_true(span_eq_str(m.payload, "answer"));
	assert_int_equal(link_receive(p.a, &m), 0);
	assert_true(span_eq_str(m.payload, "first"));
	assert_int_equal(link_receive(p.a, &m), 0);
	assert_true(span_eq_str(m.payload, "second"));
	assert_int_equal(link_receive(p.a, &m), 1);
	assert_int_equal(link_receive(p.b, &m), 0);
	assert_true(span_eq_str(m.payload, "ask"));
	close_pair(&p);
}

static void a_call_ends(void **state)
{
	struct link_message m;
	struct pair p;

	(void)state;
	open_pair(&p, false);
	assert_int_equal(link_call(p.a, LINK_APPEND, SPAN_LIT("ask"), 20, &m), -ETIMEDOUT);
	/* The late answer to the first call is nobody's. */
	assert_int_equal(link_send(p.b, LINK_DURABLE, UINT64_C(1) << 63, SPAN_LIT("late"), -1), 0);
	assert_int_equal(link_call(p.a, LINK_APPEND, SPAN_LIT("ask"), 20, &m), -ETIMEDOUT);
	link_free(p.b);
	p.b = NULL;
	assert_int_equal(link_call(p.a, LINK_APPEND, SPAN_LIT("ask"), 1000, &m), -EPIPE);
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_small_messages),
		cmocka_unit_test(carries_large_messages_and_descriptors),
		cmocka_unit_test(queues_what_a_full_socket_does_not_take),
		cmocka_unit_test(bounds_its_queue),
		cmocka_unit_test(refuses_hostile_frames),
		cmocka_unit_test(refuses_memfds_that_can_change),
		cmocka_unit_test(refuses_memfds_of_another_size),
		cmocka_unit_test(calls_and_keeps_what_came_meanwhile),
		cmocka_unit_test(a_call_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
