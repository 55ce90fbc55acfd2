/* SPDX-License-Identifier: MIT */
#include "own.h"

#include "os.h"

struct own own_of(int fd)
{
	struct own own = {.fd = fd};
	struct stat st;

	if (fd < 0 || os_stat(fd, "", &st) < 0)
		return (struct own){.fd = -1};
	own.device = st.st_dev;
	own.inode = st.st_ino;
	return own;
}

bool own_is_ours(const struct own *own)
{
	struct stat st;

	return own->fd >= 0 && os_stat(own->fd, "", &st) == 0 && st.st_dev == own->device &&
	       st.st_ino == own->inode;
}

void own_close(struct own *own)
{
	if (own_is_ours(own))
		(void)os_close(own->fd);
	own->fd = -1;
}
