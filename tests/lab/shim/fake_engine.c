/* SPDX-License-Identifier: MIT */
/*
 * An engine for tests of the shim alone: checks every frame by include/aicp/shim.h and does what
 * the request says.
 *
 *   fake_engine SOCKET LOG
 *
 * Marker words in the request: BLOCK answers 403, HANG says nothing, CLOSE closes without a
 * verdict, SHORT and GARBAGE break the protocol, DIE exits in the middle; everything else passes.
 * HOLD says that people are asked and passes after 0.7 s, unless it goes on with BLOCK, GARBAGE,
 * DIE (no second verdict), LONG (20 s) or REWRITE (another body). Whatever passes and says SEEN
 * is witnessed; with SEEN-SLOW nothing is read of the response for a second, with SEEN-CLOSE one
 * message is, with SEEN-DIE one message before the engine exits. LOG then has one more line. An
 * unreadable connection is answered unless its host is "monitored.example". LOG gets one line for
 * each frame: what it was, the verdict, host, bytes, SHA-256 of the request, and what was odd about
 * it.
 */
#include "aicp/limits.h"
#include "aicp/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX                                                                          \
	(sizeof(struct aicp_shim_request) + AICP_HOST_BYTES_MAX + AICP_SHIM_INLINE_BYTES_MAX)

static FILE *log_file;

struct frame {
	struct aicp_shim_request header;
	char host[AICP_HOST_BYTES_MAX + 1];
	uint8_t *request;
	int fds[2];
	int fds_n;
	char wrong[200]; /* first breach of the protocol, or "" */
};

__attribute__((format(printf, 2, 3))) static void wrong(struct frame *f, const char *fmt, ...)
{
	va_list ap;

	if (f->wrong[0])
		return;
	va_start(ap, fmt);
	vsnprintf(f->wrong, sizeof(f->wrong), fmt, ap);
	va_end(ap);
}

static void take_fds(struct frame *f, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		f->fds_n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(f->fds, CMSG_DATA(c), (size_t)f->fds_n * sizeof(int));
	}
}

static void check_socket(struct frame *f, int fd)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	int type = 0;
	socklen_t type_n = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_n) < 0 || type != SOCK_STREAM)
		wrong(f, "fd is no stream socket");
	else if (getpeername(fd, (struct sockaddr *)&a, &n) < 0 ||
		 (a.ss_family != AF_INET && a.ss_family != AF_INET6))
		wrong(f, "fd is no TCP connection");
}

static void take_memfd(struct frame *f, int fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat st;

	if ((fcntl(fd, F_GET_SEALS) & seals) != seals)
		wrong(f, "memfd is not sealed");
	if (fstat(fd, &st) < 0 || st.st_size != (off_t)f->header.request_bytes)
		wrong(f, "memfd has another size");
	if (pread(fd, f->request, f->header.request_bytes, 0) != (ssize_t)f->header.request_bytes)
		wrong(f, "memfd cannot be read");
}

static void check_header(struct frame *f, size_t n)
{
	const struct aicp_shim_request *h = &f->header;
	bool memfd = h->flags & AICP_SHIM_F_MEMFD, socket = h->flags & AICP_SHIM_F_SOCKET;
	size_t inline_n = memfd ? 0 : h->request_bytes;

	if (h->magic != AICP_SHIM_MAGIC || h->version != AICP_SHIM_VERSION)
		wrong(f, "header");
	if (h->flags & ~31u)
		wrong(f, "unknown flags %x", h->flags);
	if (h->type == AICP_SHIM_REQUEST ? h->kind != 0
					 : h->type != AICP_SHIM_UNREADABLE || !h->kind ||
						   h->kind >= _AICP_SHIM_KIND_COUNT)
		wrong(f, "type %u with kind %u", h->type, h->kind);
	if (h->host_bytes == 0 || h->host_bytes > AICP_HOST_BYTES_MAX ||
	    h->request_bytes > AICP_SHIM_REQUEST_BYTES_MAX)
		wrong(f, "sizes");
	else if (n != sizeof(*h) + h->host_bytes + inline_n)
		wrong(f, "message has %zu bytes", n);
	if (f->fds_n != memfd + socket)
		wrong(f, "%d fds", f->fds_n);
	if (h->head_bytes > h->request_bytes)
		wrong(f, "head larger than request");
}

static bool receive(int conn, struct frame *f)
{
	static __thread uint8_t message[MESSAGE_BYTES_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = {message, sizeof(message)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(conn, &m, MSG_CMSG_CLOEXEC);
	const struct aicp_shim_request *h = &f->header;

	if (n < (ssize_t)sizeof(f->header) || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return false;
	memcpy(&f->header, message, sizeof(f->header));
	take_fds(f, &m);
	check_header(f, (size_t)n);
	if (f->wrong[0])
		return true;
	memcpy(f->host, message + sizeof(*h), h->host_bytes);
	if (!(h->flags & AICP_SHIM_F_CLEAR) != !strchr(f->host, ':'))
		wrong(f, "a port belongs to clear HTTP");
	f->request = calloc(1, (size_t)h->request_bytes + 1);
	if (h->flags & AICP_SHIM_F_SOCKET)
		check_socket(f, f->fds[0]);
	if (h->flags & AICP_SHIM_F_MEMFD)
		take_memfd(f, f->fds[f->fds_n - 1]);
	else
		memcpy(f->request, message + sizeof(*h) + h->host_bytes, h->request_bytes);
	return true;
}

static bool says(const struct frame *f, const char *word)
{
	return f->request &&
	       memmem(f->request, f->header.request_bytes, word, strlen(word)) != NULL;
}

/* milliseconds: of a hold; body_fd: of a new body, or -1 */
static void verdict_with(int conn, uint32_t action, const char *body, uint32_t milliseconds,
			 int body_fd, uint32_t body_bytes)
{
	struct {
		struct aicp_shim_verdict v;
		char answer[2048];
	} m = {.v = {.magic = AICP_SHIM_MAGIC,
		     .version = AICP_SHIM_VERSION,
		     .type = AICP_SHIM_VERDICT,
		     .action = action,
		     .extra = milliseconds,
		     .body_bytes = body_bytes}};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &m};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(m.v.decision_id, "test-decision-1", 15);
	if (body)
		m.v.answer_bytes =
			(uint32_t)snprintf(m.answer, sizeof(m.answer),
					   "HTTP/1.1 403 Forbidden\r\nContent-Type: "
					   "application/json\r\nx-should-retry: false\r\n"
					   "x-aicp-decision-id: test-decision-1\r\nConnection: "
					   "close\r\nContent-Length: %zu\r\n\r\n%s",
					   strlen(body), body);
	iov.iov_len = sizeof(m.v) + m.v.answer_bytes;
	if (body_fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &body_fd, sizeof(int));
	}
	(void)sendmsg(conn, &msg, MSG_NOSIGNAL);
}

static void verdict(int conn, uint32_t action, const char *body)
{
	verdict_with(conn, action, body, 0, -1, 0);
}

/* The verdict of what passes, which may ask for the response. */
static void pass(int conn, const struct frame *f)
{
	verdict_with(conn, AICP_SHIM_PASS, NULL, says(f, "x-test-SEEN") ? AICP_SHIM_V_WITNESS : 0,
		     -1, 0);
}

struct seen {
	uint64_t next, gaps;
	unsigned messages;
	bool end;
	EVP_MD_CTX *digest;
	const char *wrong;
};

/* false: that was the last. */
static bool see(int conn, struct seen *s)
{
	static __thread struct {
		struct aicp_shim_response head;
		uint8_t bytes[AICP_SHIM_INLINE_BYTES_MAX + 1];
	} m;
	ssize_t n = recv(conn, &m, sizeof(m), 0);

	if (n <= 0)
		return false;
	if (n < (ssize_t)sizeof(m.head) || m.head.magic != AICP_SHIM_MAGIC ||
	    m.head.version != AICP_SHIM_VERSION || m.head.type != AICP_SHIM_RESPONSE ||
	    m.head.flags & ~(unsigned)AICP_SHIM_R_END || s->end ||
	    m.head.bytes != (size_t)n - sizeof(m.head) ||
	    m.head.bytes > AICP_SHIM_INLINE_BYTES_MAX || m.head.offset < s->next)
		s->wrong = "response";
	s->messages++;
	s->gaps += m.head.offset != s->next;
	s->next = m.head.offset + m.head.bytes;
	s->end = m.head.flags & AICP_SHIM_R_END;
	EVP_DigestUpdate(s->digest, m.bytes, m.head.bytes);
	return true;
}

static void witness(int conn, const struct frame *f)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct seen s = {.wrong = "", .digest = EVP_MD_CTX_new()};
	struct timeval t = {.tv_sec = 20};

	if (!(f->header.flags & AICP_SHIM_F_CAN_WITNESS))
		s.wrong = "cannot-witness";
	EVP_DigestInit_ex(s.digest, EVP_sha256(), NULL);
	(void)setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	if (says(f, "x-test-SEEN-SLOW"))
		sleep(1);
	while (see(conn, &s)) {
		if (says(f, "x-test-SEEN-DIE"))
			_exit(0);
		if (says(f, "x-test-SEEN-CLOSE"))
			break;
	}
	EVP_DigestFinal_ex(s.digest, digest, NULL);
	EVP_MD_CTX_free(s.digest);
	fprintf(log_file,
		"seen bytes=%llu gaps=%llu end=%d sha256=%02x%02x%02x%02x messages=%u wrong=%s\n",
		(unsigned long long)s.next, (unsigned long long)s.gaps, s.end, digest[0], digest[1],
		digest[2], digest[3], s.messages, s.wrong);
}

#define REFUSED                                                                                    \
	"{\"error\":{\"message\":\"refused by test, decision "                                     \
	"test-decision-1\",\"type\":\"permission_error\",\"param\":null,\"code\":\"policy\"}}"
#define PENDING "{\"error\":{\"message\":\"test approval pending\",\"type\":\"permission_error\"}}"

/* A hold of some milliseconds, in which the program may give up. */
static const char *hold(int conn, const struct frame *f)
{
	static const char body[] = "{\"new\":\"body\"}";
	bool rewrites = says(f, "x-test-HOLD-REWRITE");
	struct pollfd p = {.fd = conn, .events = POLLIN};
	int fd = -1;

	if (!(f->header.flags & AICP_SHIM_F_CAN_HOLD))
		return "cannot-hold";
	if (rewrites) {
		fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (write(fd, body, sizeof(body) - 1) < 0 ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
			return "no-body";
	}
	verdict_with(conn, AICP_SHIM_HOLD, PENDING, 20000, fd, rewrites ? sizeof(body) - 1 : 0);
	if (fd >= 0)
		close(fd);
	if (says(f, "x-test-HOLD-DIE"))
		return "hold-die";
	if (poll(&p, 1, says(f, "x-test-HOLD-LONG") ? 20000 : 700) > 0)
		return "abandoned";
	if (says(f, "x-test-HOLD-BLOCK"))
		verdict(conn, AICP_SHIM_ANSWER, REFUSED);
	else if (says(f, "x-test-HOLD-GARBAGE"))
		verdict(conn, AICP_SHIM_HOLD, REFUSED);
	else
		pass(conn, f);
	return "held";
}

static const char *act(int conn, const struct frame *f)
{
	if (f->wrong[0])
		return "wrong";
	if (says(f, "x-test-DIE"))
		_exit(0);
	if (says(f, "x-test-HANG")) {
		sleep(4);
		return "hang";
	}
	if (says(f, "x-test-CLOSE"))
		return "close";
	if (says(f, "x-test-SHORT")) {
		(void)send(conn, "AI", 2, MSG_NOSIGNAL);
		return "short";
	}
	if (says(f, "x-test-GARBAGE")) {
		verdict(conn, 77, NULL);
		return "garbage";
	}
	if (says(f, "x-test-HOLD"))
		return hold(conn, f);
	if (says(f, "x-test-BLOCK") ||
	    (f->header.type == AICP_SHIM_UNREADABLE && strcmp(f->host, "monitored.example") != 0)) {
		verdict(conn, AICP_SHIM_ANSWER, REFUSED);
		return "answer";
	}
	pass(conn, f);
	return "pass";
}

static void *serve(void *arg)
{
	int conn = (int)(intptr_t)arg;
	struct frame f = {.fds_n = 0};
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	const char *what;

	if (!receive(conn, &f)) {
		fprintf(log_file, "frame unreadable\n");
		close(conn);
		return NULL;
	}
	SHA256(f.request ? f.request : (const uint8_t *)"", f.request ? f.header.request_bytes : 0,
	       digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	what = act(conn, &f);
	fprintf(log_file, "%s %s host=%s kind=%u bytes=%u socket=%d memfd=%d sha256=%s wrong=%s\n",
		f.header.type == AICP_SHIM_REQUEST ? "request" : "unreadable", what, f.host,
		f.header.kind, f.header.request_bytes, !!(f.header.flags & AICP_SHIM_F_SOCKET),
		!!(f.header.flags & AICP_SHIM_F_MEMFD), hex, f.wrong);
	for (int i = 0; i < f.fds_n; i++)
		close(f.fds[i]);
	if (says(&f, "x-test-SEEN") && (strcmp(what, "pass") == 0 || strcmp(what, "held") == 0))
		witness(conn, &f);
	free(f.request);
	close(conn);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (argc != 3 || strlen(argv[1]) >= sizeof(a.sun_path))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	log_file = fopen(argv[2], "ae");
	if (!log_file)
		return 1;
	setlinebuf(log_file);
	strcpy(a.sun_path, argv[1]);
	unlink(a.sun_path);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 128) < 0)
		return 1;
	chmod(a.sun_path, 0666);
	for (;;) {
		int conn = accept4(s, NULL, NULL, SOCK_CLOEXEC);
		pthread_t t;

		if (conn < 0)
			continue;
		if (pthread_create(&t, NULL, serve, (void *)(intptr_t)conn) == 0)
			pthread_detach(t);
		else
			close(conn);
	}
}
