/* SPDX-License-Identifier: MIT */
/*
 * System calls for the shim: they bypass its own hooks, and leave errno as they found it.
 *
 * Every function returns the kernel's result, or -errno. The program's errno is its own:
 * SSL_get_error() and the program's code read it after our hooks return.
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* syscall(2), with the program's errno kept. */
long os_call(long number, long a, long b, long c, long d, long e, long f);

int os_open_read(const char *path);
int os_close(int fd);
/* fstat of a path or, with path empty, of fd. */
int os_stat(int fd, const char *path, struct stat *ret_st);
long os_read(int fd, void *p, size_t n);
long os_write(int fd, const void *p, size_t n);
int os_getpid(void);
int os_euid(void);
/* Milliseconds of CLOCK_MONOTONIC. */
int64_t os_now_ms(void);
/* Waits until fd is ready for events or timeout_ms passed. > 0 ready, 0 timeout, -EINTR and others.
 */
int os_poll(int fd, short events, int64_t timeout_ms);

/* A new file descriptor is close-on-exec and not below 3, where programs expect their own. Takes
 * fd. */
int os_fd_above_2(int fd);
int os_socket_seqpacket(void);
/* The user who made the other end listen. 0 or -errno. */
int os_peer_uid(int fd, uint32_t *ret_uid);
int os_connect_unix(int fd, const char *path, int64_t timeout_ms);
long os_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
	       socklen_t to_n);
long os_writev(int fd, const struct iovec *v, int n);
long os_sendmsg(int fd, const struct msghdr *m, int flags);
long os_recvmsg(int fd, struct msghdr *m, int flags);
long os_pread(int fd, void *p, size_t n, int64_t at);
int os_shutdown_read(int fd);
/* Is fd a stream socket of IPv4 or IPv6? */
bool os_is_stream(int fd);
/* A memfd of exactly these bytes, sealed against writing, growing and shrinking. -EFBIG: the
 * program may not write files as large. */
int os_memfd_sealed(const void *p, size_t n);

/* A descriptor far above those that programs count on, close-on-exec; of the same file. */
int os_dup_high(int fd);
/* The same, but only where a program will hardly miss the number: -EINVAL in one that may have no
 * more than 512. */
int os_dup_spare(int fd);
/* Is fd set to non-blocking? A descriptor that cannot be asked is. */
bool os_is_nonblocking(int fd);
int os_shutdown(int fd, int how);
/* Room for what is sent on a socket and not yet received. */
int os_send_buffer(int fd, int bytes);
/* Several; entries with a negative fd are left out. */
int os_poll_many(struct pollfd *p, size_t n, int64_t timeout_ms);
/* Two connected sockets where os_dup_high() puts them; one that there was no room for is < 0. */
int os_pair_high(int ret_fds[2]);
/* Blocks all signals of the program's in the calling thread, or puts back what it had; a mask is 8
 * bytes for the kernel. */
uint64_t os_signals_block(void);
void os_signals_restore(uint64_t mask);
void os_thread_name(const char *name);

/* Private memory; NULL when the kernel refuses. */
void *os_map(size_t n);
void *os_remap(void *p, size_t old_n, size_t n);
void os_unmap(void *p, size_t n);

/* Pages of the program's text: readable and executable, and writable for as long as it takes. */
int os_protect_text(uintptr_t begin, size_t n, bool writable);

void os_futex_wait(_Atomic(uint32_t) *word, uint32_t value, int64_t timeout_ms);
void os_futex_wake(_Atomic(uint32_t) *word);
