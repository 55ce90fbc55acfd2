/* SPDX-License-Identifier: MIT */
/* Reads RUNTIME_DIR/governed, and reads it again when it changes. */
#include "governed.h"

#include "aicp/limits.h"
#include "aicp/shim.h"
#include "arena.h"
#include "lock.h"
#include "os.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define PATH_BYTES_MAX 256
/* How the kernel shows an owner that the user namespace does not map. */
#define OVERFLOW_UID 65534u

static struct lock governed_lock;
static _Atomic(int) governed_ready; /* 0 not looked, 1 active, 2 inert */
static bool built_in_dir;
static char file_path[PATH_BYTES_MAX], socket_path[PATH_BYTES_MAX];
static char *table_text;
static size_t table_n, table_cap;
static _Atomic(uint32_t) table_owner;
static struct stat table_stat; /* of the file that table_text came from */

static void path_of(char *ret_path, const char *dir, const char *name)
{
	const size_t dir_n = strlen(dir), name_n = strlen(name);

	if (dir_n + 1 + name_n + 1 > PATH_BYTES_MAX)
		return;
	memcpy(ret_path, dir, dir_n);
	ret_path[dir_n] = '/';
	memcpy(ret_path + dir_n + 1, name, name_n + 1);
}

static void look(void)
{
	const char *dir;

	/* getauxval cannot fail for AT_SECURE on Linux; without it secure mode is not known, so
	 * stay out. */
	if (getauxval(AT_SECURE)) {
		atomic_store_explicit(&governed_ready, 2, memory_order_release);
		return;
	}
	dir = getenv("AICP_RUNTIME_DIR");
	built_in_dir = !dir || dir[0] != '/';
	if (built_in_dir)
		dir = AICP_RUNTIME_DIR_DEFAULT;
	path_of(file_path, dir, AICP_GOVERNED_FILE);
	path_of(socket_path, dir, AICP_SHIM_SOCKET);
	atomic_store_explicit(&governed_ready, 1, memory_order_release);
}

bool governed_active(void)
{
	int ready = atomic_load_explicit(&governed_ready, memory_order_acquire);
	uint64_t signals;

	if (ready)
		return ready == 1;
	signals = lock_take_alone(&governed_lock);
	if (!atomic_load_explicit(&governed_ready, memory_order_relaxed))
		look();
	lock_drop_alone(&governed_lock, signals);
	return atomic_load_explicit(&governed_ready, memory_order_relaxed) == 1;
}

uint32_t governed_owner(void)
{
	return atomic_load_explicit(&table_owner, memory_order_relaxed);
}

const char *governed_socket_path(void)
{
	return governed_active() ? socket_path : "";
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool trusted(const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || (st->st_mode & 022))
		return false;
	if (st->st_size <= 0 || st->st_size > (off_t)AICP_GOVERNED_BYTES_MAX)
		return false;
	return st->st_uid == 0 || st->st_uid == (uid_t)os_euid() ||
	       (built_in_dir && st->st_uid == OVERFLOW_UID);
}

/* The whole file in memory of the arena, or NULL. */
static char *read_whole(int fd, size_t n)
{
	char *text = arena_map(n);
	size_t at = 0;

	while (text && at < n) {
		long r = os_read(fd, text + at, n - at);

		if (r == -EINTR)
			continue;
		if (r <= 0) {
			arena_unmap(text, n);
			return NULL;
		}
		at += (size_t)r;
	}
	return text;
}

static void load(void)
{
	struct stat st;
	char *text;
	size_t n;
	int fd;

	fd = os_open_read(file_path);
	if (fd < 0)
		return;
	if (os_stat(fd, "", &st) < 0 || !trusted(&st)) {
		(void)os_close(fd);
		return;
	}
	n = (size_t)st.st_size;
	text = read_whole(fd, n);
	(void)os_close(fd);
	if (!text)
		return;
	table_stat = st; /* also of a broken file: it need not be read again until it changes */
	if (!table_valid(text, n)) {
		arena_unmap(text, n);
		return;
	}
	arena_unmap(table_text, table_cap);
	table_text = text;
	table_n = table_cap = n;
	atomic_store_explicit(&table_owner, st.st_uid, memory_order_relaxed);
}

/* Reads the file when it is another one by now; under the lock. */
static void refresh(void)
{
	struct stat st;

	if (os_stat(-1, file_path, &st) == 0 && !unchanged(&st, &table_stat))
		load();
}

bool governed_find(const char *host, struct table_entry *ret_entry)
{
	uint64_t signals;
	bool found;

	if (!governed_active() || !file_path[0])
		return false;
	signals = lock_take_alone(&governed_lock);
	refresh();
	found = table_text && table_find(table_text, table_n, host, ret_entry);
	lock_drop_alone(&governed_lock, signals);
	return found;
}

bool governed_any(void)
{
	uint64_t signals;
	bool any;

	if (!governed_active() || !file_path[0])
		return false;
	signals = lock_take_alone(&governed_lock);
	refresh();
	any = table_text != NULL;
	lock_drop_alone(&governed_lock, signals);
	return any;
}
