/* SPDX-License-Identifier: MIT */
/* The system calls of each role: one table. */
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>

#define CALL(_name) SCMP_SYS(_name)
#define CALLS_END   INT32_MIN

/* Memory, time, the event loop and messages on descriptors that are there already. */
static const int everyone[] = {
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(close),
	CALL(fstat),
	CALL(newfstatat),
	CALL(lseek),
	CALL(pread64),
	CALL(recvmsg),
	CALL(recvfrom),
	CALL(sendmsg),
	CALL(sendto),
	CALL(poll),
	CALL(ppoll),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_ctl),
	CALL(epoll_create1),
	CALL(fcntl),
	CALL(memfd_create),
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(futex),
	CALL(getrandom),
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(getpid),
	CALL(gettid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(tgkill),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(restart_syscall),
	CALL(getrusage),
	CALL(sysinfo),
	CALL(uname),
	CALL(exit),
	CALL(exit_group),
	CALLS_END,
};

static const int engine[] = {
	CALL(accept4),	       CALL(getsockopt), CALL(getsockname),
	CALL(set_robust_list), CALL(rseq),	 CALLS_END,
};

/* What SQLite and the ledger's key files need below a folder that is theirs. */
static const int ledger[] = {
	CALL(openat),	       CALL(open),	 CALL(stat),	  CALL(lstat),	  CALL(access),
	CALL(faccessat),       CALL(faccessat2), CALL(statx),	  CALL(readlink), CALL(readlinkat),
	CALL(getcwd),	       CALL(unlink),	 CALL(unlinkat),  CALL(rename),	  CALL(renameat),
	CALL(renameat2),       CALL(mkdir),	 CALL(mkdirat),	  CALL(rmdir),	  CALL(link),
	CALL(linkat),	       CALL(chmod),	 CALL(fchmod),	  CALL(fchmodat), CALL(fchown),
	CALL(umask),	       CALL(ftruncate),	 CALL(fallocate), CALL(fsync),	  CALL(fdatasync),
	CALL(sync_file_range), CALL(pwrite64),	 CALL(pwritev),	  CALL(flock),	  CALL(getdents64),
	CALL(statfs),	       CALL(fstatfs),	 CALL(utimensat), CALLS_END,
};

/* The reader of the database; sockets are only accepted. */
static const int api[] = {
	CALL(openat),	  CALL(open),	    CALL(stat),		  CALL(lstat),
	CALL(access),	  CALL(faccessat),  CALL(faccessat2),	  CALL(statx),
	CALL(readlink),	  CALL(readlinkat), CALL(getcwd),	  CALL(pwrite64),
	CALL(ftruncate),  CALL(fallocate),  CALL(fdatasync),	  CALL(fsync),
	CALL(statfs),	  CALL(fstatfs),    CALL(accept),	  CALL(accept4),
	CALL(getsockopt), CALL(setsockopt), CALL(getsockname),	  CALL(getpeername),
	CALL(shutdown),	  CALL(recvmmsg),   CALL(sendmmsg),	  CALL(sendfile),
	CALL(pipe2),	  CALL(eventfd2),   CALL(timerfd_create), CALL(timerfd_settime),
	CALLS_END,
};

static const int courier[] = {CALLS_END};

/* Reads /proc and hashes executables; setitimer is its watchdog. */
static const int reader[] = {
	CALL(readlink),
	CALL(readlinkat),
	CALL(setitimer),
	CALLS_END,
};

static const int *const calls_of[_LINK_ROLE_COUNT] = {
	[LINK_ENGINE] = engine,	  [LINK_LEDGER] = ledger, [LINK_API] = api,
	[LINK_COURIER] = courier, [LINK_READER] = reader,
};

/* Library code asks for these on its way and lives with a refusal; nothing is served by killing for
 * them. */
static const struct {
	int call;
	int error;
} refused[] = {
	{CALL(openat), EACCES},
	{CALL(open), EACCES},
	{CALL(stat), EACCES},
	{CALL(access), EACCES},
	{CALL(readlink), EACCES},
	{CALL(ioctl), ENOTTY},
	{CALL(prctl), EPERM},
	{CALL(membarrier), ENOSYS},
	{CALL(rseq), ENOSYS},
	{CALL(prlimit64), EPERM},
	/* Its flags lie in memory, where no filter sees them; the C library then takes clone. */
	{CALL(clone3), ENOSYS},
	{CALL(fchown), EPERM}, /* SQLite, when it reads as root */
};

static bool has(const int *calls, int call)
{
	for (size_t i = 0; calls[i] != CALLS_END; i++)
		if (calls[i] == call)
			return true;
	return false;
}

static int allow(scmp_filter_ctx filter, const int *calls)
{
	for (size_t i = 0; calls[i] != CALLS_END; i++) {
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		/* Old calls do not exist on newer architectures. */
		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

/* No memory that is both writable and executable, nor made executable later. */
static int allow_memory(scmp_filter_ctx filter)
{
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* Only to read: who may look into every process could otherwise write /proc/PID/mem. */
static int allow_reading(scmp_filter_ctx filter)
{
	const unsigned write_bits = O_ACCMODE | O_CREAT | O_TRUNC;

	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(openat), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, write_bits, 0));
}

/* Threads of this process, never another process. */
static int allow_threads(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
}

static int refuse(scmp_filter_ctx filter, enum link_role role)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int r = 0;

		/* A rule without a condition would win over allow_reading(). */
		if (role == LINK_READER && refused[i].call == CALL(openat))
			continue;
		if (!has(calls_of[role], refused[i].call))
			r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(refused[i].error),
					     refused[i].call, 0);
		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

int sandbox_filter(enum link_role role)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	r = allow(filter, everyone);
	if (!r)
		r = allow(filter, calls_of[role]);
	if (!r)
		r = allow_memory(filter);
	/* The engine alone has threads: for large requests, loading rules, and closing. */
	if (!r && role == LINK_ENGINE)
		r = allow_threads(filter);
	if (!r && role == LINK_READER)
		r = allow_reading(filter);
	if (!r)
		r = refuse(filter, role);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
