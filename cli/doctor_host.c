/* SPDX-License-Identifier: MIT */
/* This host: users, kernel and disk. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#define CGROUP2_MAGIC 0x63677270
#define MIB	      (1024.0 * 1024.0)

void doctor_users(struct doctor *d)
{
	static const char *const user[] = {"aicp", "aicp-ledger", "aicp-api", "aicp-courier"};
	bool all = true;

	if (d->cooperative)
		return;
	for (size_t i = 0; i < sizeof(user) / sizeof(*user); i++) {
		char mend[128];

		if (getpwnam(user[i]))
			continue;
		all = false;
		snprintf(mend, sizeof(mend),
			 "useradd --system --no-create-home --shell /usr/sbin/nologin %s", user[i]);
		doctor_say(d, geteuid() == 0 ? DOCTOR_FAIL : DOCTOR_INFO, "users", mend,
			   "there is no user %s: only `aicpd --rootless` can start", user[i]);
	}
	if (all)
		doctor_say(d, DOCTOR_OK, "users", NULL, "the roles have their users");
}

static void check_lockdown(struct doctor *d)
{
	char text[256] = "";
	int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = 0;
	doctor_say(d, DOCTOR_INFO, "lockdown", NULL, "%s",
		   n > 0 ? text : "not told by this kernel");
}

void doctor_kernel(struct doctor *d)
{
	static const char *const cgroup[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	const char *cgroup2 = NULL;
	struct utsname name;
	struct statfs fs;

	if (uname(&name) == 0)
		doctor_say(d, DOCTOR_INFO, "kernel", NULL, "%s %s", name.release, name.machine);
	for (size_t i = 0; i < 2 && !cgroup2; i++)
		if (statfs(cgroup[i], &fs) == 0 && (long)fs.f_type == CGROUP2_MAGIC)
			cgroup2 = cgroup[i];
	doctor_say(d, DOCTOR_INFO, "cgroup", NULL, "%s%s",
		   cgroup2 ? "version 2 at " : "no version 2 found: records have no cgroup",
		   cgroup2 ? cgroup2 : "");
	doctor_say(d, DOCTOR_INFO, "btf", NULL, "%s",
		   access("/sys/kernel/btf/vmlinux", R_OK) == 0
			   ? "the kernel describes its types (/sys/kernel/btf/vmlinux)"
			   : "the kernel does not describe its types");
	check_lockdown(d);
	/* What governs today, so that nobody takes a kernel for a wall. */
	doctor_say(d, DOCTOR_INFO, "enforcement", NULL,
		   "by the shim alone: programs that do not carry it are not governed");
}

void doctor_disk(struct doctor *d)
{
	struct statvfs fs;
	double left;

	if (statvfs(d->config->state_dir, &fs) < 0) {
		doctor_say(d, DOCTOR_INFO, "disk", NULL, "%s: %s", d->config->state_dir,
			   strerror(errno));
		return;
	}
	left = (double)fs.f_bavail * (double)fs.f_frsize / MIB;
	if (left < 64)
		doctor_say(
			d, DOCTOR_FAIL, "disk", "make room there",
			"%.0f MiB left for %s: soon nothing can be recorded, and governed requests "
			"are refused",
			left, d->config->state_dir);
	else if (left < 1024)
		doctor_say(d, DOCTOR_WARN, "disk", "make room there", "%.0f MiB left for %s", left,
			   d->config->state_dir);
	else
		doctor_say(d, DOCTOR_OK, "disk", NULL, "%.0f MiB left for %s", left,
			   d->config->state_dir);
}
