/* SPDX-License-Identifier: MIT */
/* System calls for the shim, through syscall(2): libc's own wrappers are what we hook. */
#include "os.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Programs that count on the numbers of their descriptors look at low ones. */
#define HIGH_FD 512

long os_call(long number, long a, long b, long c, long d, long e, long f)
{
	const int saved = errno;
	long r = syscall(number, a, b, c, d, e, f);

	if (r == -1)
		r = -errno;
	errno = saved;
	return r;
}

#define CALL0(_n)	      os_call((_n), 0, 0, 0, 0, 0, 0)
#define CALL1(_n, a)	      os_call((_n), (long)(a), 0, 0, 0, 0, 0)
#define CALL2(_n, a, b)	      os_call((_n), (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(_n, a, b, c)    os_call((_n), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(_n, a, b, c, d) os_call((_n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(_n, a, b, c, d, e)                                                                   \
	os_call((_n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL6(_n, a, b, c, d, e, f)                                                                \
	os_call((_n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

int os_open_read(const char *path)
{
	/* O_NONBLOCK: a FIFO put in the file's place must not stop the program. */
	long fd = CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			0);

	return fd < 0 ? (int)fd : os_fd_above_2((int)fd);
}

int os_close(int fd)
{
	return (int)CALL1(SYS_close, fd);
}

int os_stat(int fd, const char *path, struct stat *ret_st)
{
	int flags = path[0] ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;

	return (int)CALL4(SYS_newfstatat, path[0] ? AT_FDCWD : fd, path, ret_st, flags);
}

long os_read(int fd, void *p, size_t n)
{
	return CALL3(SYS_read, fd, p, n);
}

long os_write(int fd, const void *p, size_t n)
{
	return CALL3(SYS_write, fd, p, n);
}

int os_getpid(void)
{
	return (int)CALL0(SYS_getpid);
}

int os_euid(void)
{
	return (int)CALL0(SYS_geteuid);
}

int64_t os_now_ms(void)
{
	struct timespec t = {0};

	(void)CALL2(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int os_poll_many(struct pollfd *p, size_t n, int64_t timeout_ms)
{
	struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};

	return (int)CALL5(SYS_ppoll, p, n, &t, 0, 8);
}

int os_poll(int fd, short events, int64_t timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	return os_poll_many(&p, 1, timeout_ms);
}

int os_fd_above_2(int fd)
{
	long moved;

	if (fd < 0 || fd > 2)
		return fd;
	moved = CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
	(void)os_close(fd);
	return (int)moved;
}

int os_socket_seqpacket(void)
{
	long fd = CALL3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	return fd < 0 ? (int)fd : os_fd_above_2((int)fd);
}

int os_connect_unix(int fd, const char *path, int64_t timeout_ms)
{
	struct timeval t = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	if (n >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, n + 1);
	/* A full backlog blocks a Unix connect; the send time-out bounds that too. */
	(void)CALL5(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return (int)CALL3(SYS_connect, fd, &to, sizeof(to));
}

int os_peer_uid(int fd, uint32_t *ret_uid)
{
	struct ucred peer = {0};
	socklen_t n = sizeof(peer);
	int r = (int)CALL5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);

	if (r == 0)
		*ret_uid = peer.uid;
	return r;
}

long os_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
	       socklen_t to_n)
{
	return CALL6(SYS_sendto, fd, p, n, flags, to, to_n);
}

long os_writev(int fd, const struct iovec *v, int n)
{
	return CALL3(SYS_writev, fd, v, n);
}

long os_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return CALL3(SYS_sendmsg, fd, m, flags);
}

long os_recvmsg(int fd, struct msghdr *m, int flags)
{
	return CALL3(SYS_recvmsg, fd, m, flags);
}

long os_pread(int fd, void *p, size_t n, int64_t at)
{
	return CALL4(SYS_pread64, fd, p, n, at);
}

int os_shutdown(int fd, int how)
{
	return (int)CALL2(SYS_shutdown, fd, how);
}

static int socket_option(int fd, int name)
{
	int value = -1;
	socklen_t n = sizeof(value);

	return CALL5(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &n) < 0 ? -1 : value;
}

bool os_is_stream(int fd)
{
	const int domain = socket_option(fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) &&
	       socket_option(fd, SO_TYPE) == SOCK_STREAM;
}

int os_shutdown_read(int fd)
{
	return os_shutdown(fd, SHUT_RD);
}

int os_dup_high(int fd)
{
	long r = CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGH_FD);

	/* Over the program's limit: wherever there is room. */
	return (int)(r == -EINVAL ? CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3) : r);
}

int os_dup_spare(int fd)
{
	return (int)CALL3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGH_FD);
}

int os_send_buffer(int fd, int bytes)
{
	return (int)CALL5(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

bool os_is_nonblocking(int fd)
{
	long r = CALL2(SYS_fcntl, fd, F_GETFL);

	return r < 0 || (r & O_NONBLOCK);
}

int os_pair_high(int ret_fds[2])
{
	int fds[2], r;

	r = (int)CALL4(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
	for (int i = 0; r == 0 && i < 2; i++) {
		ret_fds[i] = os_dup_high(fds[i]);
		(void)os_close(fds[i]);
	}
	return r;
}

uint64_t os_signals_block(void)
{
	uint64_t all, before = 0;
	sigset_t set;

	/* Without those that libc keeps for itself: setuid() waits until every thread took one. */
	(void)sigfillset(&set);
	memcpy(&all, &set, sizeof(all));
	(void)CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
	return before;
}

void os_signals_restore(uint64_t mask)
{
	(void)CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof(mask));
}

void os_thread_name(const char *name)
{
	(void)CALL2(SYS_prctl, PR_SET_NAME, name);
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		long r = os_write(fd, p, n);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? (int)r : -EIO;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/* A memfd is a file to the kernel: beyond this limit a write ends the program by SIGXFSZ. */
static bool may_write(size_t n)
{
	uint64_t limit[2] = {UINT64_MAX, 0}; /* struct rlimit64 */

	(void)CALL4(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, limit);
	return n <= limit[0];
}

int os_memfd_sealed(const void *p, size_t n)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int fd, r;

	if (!may_write(n))
		return -EFBIG;
	fd = (int)CALL2(SYS_memfd_create, "aicp-request", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fd = fd < 0 ? fd : os_fd_above_2(fd);
	if (fd < 0)
		return fd;
	r = write_all(fd, p, n);
	if (r == 0)
		r = (int)CALL3(SYS_fcntl, fd, F_ADD_SEALS, seals);
	if (r < 0) {
		(void)os_close(fd);
		return r;
	}
	return fd;
}

static void *mapped(long r)
{
	return r < 0 && r > -4096 ? NULL : (void *)r; /* NOLINT(performance-no-int-to-ptr) */
}

void *os_map(size_t n)
{
	return mapped(
		CALL6(SYS_mmap, 0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void *os_remap(void *p, size_t old_n, size_t n)
{
	return mapped(CALL4(SYS_mremap, p, old_n, n, MREMAP_MAYMOVE));
}

void os_unmap(void *p, size_t n)
{
	(void)CALL2(SYS_munmap, p, n);
}

int os_protect_text(uintptr_t begin, size_t n, bool writable)
{
	return (int)CALL3(SYS_mprotect, begin, n,
			  PROT_READ | PROT_EXEC | (writable ? PROT_WRITE : 0));
}

void os_futex_wait(_Atomic(uint32_t) *word, uint32_t value, int64_t timeout_ms)
{
	struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};

	(void)CALL6(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &t, 0, 0);
}

void os_futex_wake(_Atomic(uint32_t) *word)
{
	(void)CALL6(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
