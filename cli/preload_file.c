/* SPDX-License-Identifier: MIT */
#include "preload_file.h"

#include "base/cleanup.h"
#include "preload_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FOLDER "/etc"
#define NEW    PRELOAD_LIST_PATH ".aicp-new"

int preload_file_read(struct buf *ret_text)
{
	int fd CLEANUP(cleanup_closep) =
		open(PRELOAD_LIST_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n = 1;

	if (fd < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	while (n > 0 && buf_reserve(ret_text, 4096) == 0) {
		n = read(fd, ret_text->p + ret_text->n, ret_text->cap - ret_text->n);
		if (n < 0)
			return -errno;
		ret_text->n += (size_t)n;
	}
	return ret_text->err;
}

static int sync_folder(void)
{
	int fd CLEANUP(cleanup_closep) = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_new(struct span text)
{
	/* What a killed run left. */
	int fd CLEANUP(cleanup_closep) = -1;

	if (unlink(NEW) < 0 && errno != ENOENT)
		return -errno;
	fd = open(NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0)
			return -errno;
		text = span_sub(text, (size_t)n, text.n);
	}
	/* Every user's programs read it, whatever the caller's umask. */
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int preload_file_write(struct span text)
{
	int r;

	if (!text.n) {
		if (unlink(PRELOAD_LIST_PATH) < 0 && errno != ENOENT)
			return -errno;
		return sync_folder();
	}
	r = write_new(text);
	if (!r && rename(NEW, PRELOAD_LIST_PATH) < 0)
		r = -errno;
	if (r) {
		(void)unlink(NEW);
		return r;
	}
	return sync_folder();
}
