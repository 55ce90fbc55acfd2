/* SPDX-License-Identifier: MIT */
#include "io/process.h"

#include "base/cleanup.h"
#include "io/args.h"
#include "io/process_watch.h"
#include "io/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/sysmacros.h>

/* Most /proc texts are far shorter; what is longer is cut. */
#define TEXT_BYTES_MAX 8192
/* The kernel's TASK_COMM_LEN is 16; kernel threads print longer names. */
#define NAME_BYTES_MAX 64

struct process {
	int64_t pid; /* 0: free */
	int64_t start_ticks, loginuid, parent;
	int dir; /* /proc/PID */
	uint64_t used;
	struct span cgroup;
	char cgroup_text[TEXT_BYTES_MAX];
	char exe_path[PATH_MAX];
	size_t exe_path_n;
	struct buf args;
	char name[NAME_BYTES_MAX];
	size_t name_n;
	struct stat exe;
	bool has_exe;
	char exe_hash[HASH_HEX_BYTES];
	char exe_device[32], exe_inode[32];
	size_t parents_n;
	char parents[AICP_PARENTS_MAX][NAME_BYTES_MAX];
	size_t parent_n[AICP_PARENTS_MAX];
};

struct process_table {
	uint64_t clock;
	struct process *entry[AICP_PROCESSES_MAX];
};

struct process_table *process_table_new(void)
{
	return calloc(1, sizeof(struct process_table));
}

static void process_free(struct process *p)
{
	if (!p)
		return;
	if (p->dir >= 0)
		close(p->dir);
	buf_deinit(&p->args);
	free(p);
}

DEFINE_FREEP(struct process, process_free)

void process_table_free(struct process_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < AICP_PROCESSES_MAX; i++)
		process_free(table->entry[i]);
	free(table);
}

/* Reads a file below dir into text, cut to n. Bytes read, or -errno. */
static ssize_t read_at(int dir, const char *name, char *text, size_t n)
{
	int fd CLEANUP(cleanup_closep) = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < n) {
		ssize_t got = read(fd, text + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static size_t copy_name(char to[NAME_BYTES_MAX], struct span name)
{
	struct span cut = span_sub(name, 0, NAME_BYTES_MAX);

	if (cut.n)
		memcpy(to, cut.p, cut.n);
	return cut.n;
}

/* Names of the ancestors, nearest first. What they are may change under us; they are claims. */
static void read_parents(struct process *p)
{
	int64_t pid = p->parent;

	p->parents_n = 0;
	while (pid > 0 && p->parents_n < AICP_PARENTS_MAX) {
		char path[40], text[1024];
		struct procfs_stat stat;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
		n = read_at(AT_FDCWD, path, text, sizeof(text));
		if (n <= 0 || procfs_stat(span_of(text, (size_t)n), &stat) != PARSE_DONE)
			return;
		p->parent_n[p->parents_n] = copy_name(p->parents[p->parents_n], stat.name);
		p->parents_n++;
		pid = stat.ppid;
	}
}

/* Number, name, start and parents. */
static int read_stat(struct process *p, bool fresh)
{
	struct procfs_stat stat;
	char text[1024];
	ssize_t n = read_at(p->dir, "stat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (procfs_stat(span_of(text, (size_t)n), &stat) != PARSE_DONE)
		return -EPROTO;
	p->start_ticks = stat.start_ticks;
	p->name_n = copy_name(p->name, stat.name);
	if (fresh || stat.ppid != p->parent) {
		p->parent = stat.ppid;
		read_parents(p);
	}
	return 0;
}

/* The audit subsystem's "not set" is the largest unsigned number. */
static void read_loginuid(struct process *p)
{
	char text[32];
	ssize_t n = read_at(p->dir, "loginuid", text, sizeof(text));
	int64_t value;

	p->loginuid = IDENTITY_NONE;
	if (n > 0 && procfs_number(span_of(text, (size_t)n), &value) == PARSE_DONE &&
	    value != UINT32_MAX)
		p->loginuid = value;
}

static void read_cgroup(struct process *p)
{
	ssize_t n = read_at(p->dir, "cgroup", p->cgroup_text, sizeof(p->cgroup_text));

	if (n <= 0 || procfs_cgroup(span_of(p->cgroup_text, (size_t)n), &p->cgroup) != PARSE_DONE)
		p->cgroup = SPAN_NULL;
}

static void read_args(struct process *p)
{
	char text[TEXT_BYTES_MAX];
	ssize_t n = read_at(p->dir, "cmdline", text, sizeof(text));

	buf_clear(&p->args);
	/* Out of memory leaves them empty, as for a process that has none. */
	if (n > 0 && args_put(span_of(text, (size_t)n), n < TEXT_BYTES_MAX, &p->args) < 0)
		buf_clear(&p->args);
}

static void read_exe(struct process *p)
{
	ssize_t n = readlinkat(p->dir, "exe", p->exe_path, sizeof(p->exe_path));

	p->exe_path_n = n > 0 ? (size_t)n : 0;
	/* Follows the link to the very file, whatever stands at that path by now. */
	p->has_exe = fstatat(p->dir, "exe", &p->exe, 0) == 0;
	if (!p->has_exe)
		return;
	snprintf(p->exe_device, sizeof(p->exe_device), "%u:%u", major(p->exe.st_dev),
		 minor(p->exe.st_dev));
	snprintf(p->exe_inode, sizeof(p->exe_inode), "%llu", (unsigned long long)p->exe.st_ino);
}

static size_t find(const struct process_table *table, int64_t pid)
{
	for (size_t i = 0; i < AICP_PROCESSES_MAX; i++)
		if (table->entry[i] && table->entry[i]->pid == pid)
			return i;
	return AICP_PROCESSES_MAX;
}

static size_t room(const struct process_table *table)
{
	size_t oldest = 0;

	for (size_t i = 0; i < AICP_PROCESSES_MAX; i++) {
		if (!table->entry[i])
			return i;
		if (table->entry[i]->used < table->entry[oldest]->used)
			oldest = i;
	}
	return oldest;
}

static int open_process(struct process_table *table, int64_t pid, struct process **ret_process)
{
	struct process *p CLEANUP(process_freep) = calloc(1, sizeof(*p));
	char path[32];
	size_t at;
	int r;

	if (!p)
		return -ENOMEM;
	p->pid = pid;
	p->args = BUF_INIT(AICP_ARGS_BYTES_MAX + 2 * ARGS_ONE_BYTES_MAX);
	snprintf(path, sizeof(path), "/proc/%lld", (long long)pid);
	p->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return errno == ENOENT ? PROCESS_E_GONE : -errno;
	r = read_stat(p, true);
	if (r < 0)
		return r == -ESRCH || r == -ENOENT ? PROCESS_E_GONE : r;
	at = room(table);
	process_free(table->entry[at]);
	table->entry[at] = p;
	*ret_process = TAKE(p);
	return 0;
}

/* The held process of that number if it still runs, else the one that has the number now. */
static int hold(struct process_table *table, int64_t pid, struct process **ret_process)
{
	size_t at = find(table, pid);

	if (at < AICP_PROCESSES_MAX) {
		if (read_stat(table->entry[at], false) == 0) {
			*ret_process = table->entry[at];
			return 0;
		}
		process_free(TAKE(table->entry[at]));
	}
	return open_process(table, pid, ret_process);
}

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return pidfd >= 0 && poll(&p, 1, 0) > 0;
}

static void describe(const struct process *p, bool hashed, struct identity *who)
{
	*who = (struct identity){
		.pid = p->pid,
		.start_ticks = p->start_ticks,
		.uid = IDENTITY_NONE,
		.gid = IDENTITY_NONE,
		.loginuid = p->loginuid,
		.cgroup = p->cgroup,
		.container_id = procfs_container(p->cgroup),
		.unit = procfs_unit(p->cgroup),
		.exe = span_of(p->exe_path, p->exe_path_n),
		.name = span_of(p->name, p->name_n),
		.args = buf_span(&p->args),
		.parents_n = p->parents_n,
	};
	if (p->has_exe) {
		who->exe_device = span_str(p->exe_device);
		who->exe_inode = span_str(p->exe_inode);
	}
	if (hashed)
		who->exe_sha256 = span_of(p->exe_hash, HASH_HEX_BYTES);
	for (size_t i = 0; i < p->parents_n; i++)
		who->parents[i] = span_of(p->parents[i], p->parent_n[i]);
}

int process_look(struct process_table *table, struct exe_hash *hashes, int64_t pid, int pidfd,
		 struct identity *ret_who, int *ret_watch)
{
	int watch CLEANUP(cleanup_closep) = -1;
	struct process *p = NULL;
	bool hashed;
	int r = hold(table, pid, &p);

	if (r)
		return r;
	p->used = ++table->clock;
	/* Before all reading, so that nothing was read of another program than it watches. */
	watch = pidfd >= 0 ? process_watch_open(p->dir) : -1;
	read_exe(p);
	read_cgroup(p);
	read_loginuid(p);
	read_args(p);
	/* Alive behind all reading: the number meant the same process all the while. */
	if (has_ended(pidfd))
		return PROCESS_E_GONE;
	hashed = p->has_exe && exe_hash_find(hashes, &p->exe, p->exe_hash) == 0;
	describe(p, hashed, ret_who);
	if (p->has_exe && !hashed)
		return PROCESS_E_HASH;
	if (watch >= 0 && process_watch_holds(watch)) {
		*ret_watch = watch;
		watch = -1;
	} else {
		*ret_watch = -1;
	}
	return 0;
}

int process_open_exe(struct process_table *table, int64_t pid, struct stat *ret_exe)
{
	size_t at = find(table, pid);
	int fd;

	if (at == AICP_PROCESSES_MAX)
		return -ESRCH;
	/* A regular file, as it is being executed; the link cannot lead to a device or pipe. */
	fd = openat(table->entry[at]->dir, "exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_exe = table->entry[at]->exe;
	return fd;
}
