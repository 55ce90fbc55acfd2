/* SPDX-License-Identifier: MIT */
/* The real functions of libc and the loader behind our hooks. */
#pragma once

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* libc's functions, or what another preloaded object put before them. */
struct real_libc {
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*writev)(int, const struct iovec *, int);
};

const struct real_libc *real_libc(void);

/* The loader's; NULL where there is none (yet). */
struct real_loader {
	void *(*dlopen)(const char *, int);
	void *(*dlsym)(void *, const char *);
	void *(*dlvsym)(void *, const char *, const char *);
};

const struct real_loader *real_loader(void);
