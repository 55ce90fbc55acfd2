/* SPDX-License-Identifier: MIT */
/* The system call filters: what each role cannot do kills it, what it needs works. Each try is a
 * child of its own. */
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A call with arguments that would work, or fail harmlessly. */
struct call {
	const char *name;
	long number;
	long a, b, c;
};

#define ALLOWED 0
#define KILLED	(-SIGSYS)

/* What becomes of a child that makes the call in the role's sandbox: its errno (0: it worked), or
 * -signal. */
static int outcome(enum link_role role, const struct call *call)
{
	const struct rlimit no_core = {0, 0};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		long r;

		setrlimit(RLIMIT_CORE, &no_core);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sandbox_filter(role) < 0)
			_exit(255);
		errno = 0;
		r = syscall(call->number, call->a, call->b, call->c, 0, 0, 0);
		_exit(r < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static const enum link_role roles[] = {LINK_ENGINE, LINK_LEDGER, LINK_API, LINK_COURIER,
				       LINK_READER};

static void nobody_leaves(void **state)
{
	static const struct call calls[] = {
		{"socket", SYS_socket, AF_INET, SOCK_STREAM, 0},
		{"socket unix", SYS_socket, AF_UNIX, SOCK_STREAM, 0},
		{"connect", SYS_connect, -1, 0, 0},
		{"bind", SYS_bind, -1, 0, 0},
		{"listen", SYS_listen, -1, 0, 0},
		{"execve", SYS_execve, (long)"/bin/true", 0, 0},
		{"execveat", SYS_execveat, -1, (long)"", 0},
		{"clone of a process", SYS_clone, SIGCHLD, 0, 0},
		{"ptrace", SYS_ptrace, 0, 0, 0},
		{"process_vm_readv", SYS_process_vm_readv, 1, 0, 0},
		{"kill", SYS_kill, 1, 0, 0},
		{"setuid", SYS_setuid, 0, 0, 0},
		{"unshare", SYS_unshare, 0, 0, 0},
		{"mount", SYS_mount, 0, 0, 0},
		{"bpf", SYS_bpf, 0, 0, 0},
		{"io_uring_setup", SYS_io_uring_setup, 1, 0, 0},
		{"executable memory", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC},
		{"writable code", SYS_mprotect, 0, 4096, PROT_WRITE | PROT_EXEC},
	};

	(void)state;
	for (size_t r = 0; r < sizeof(roles) / sizeof(roles[0]); r++) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			int got = outcome(roles[r], &calls[i]);

			if (got != KILLED)
				fail_msg("%s: %s gives %d", link_role_name(roles[r]), calls[i].name,
					 got);
		}
	}
}

static void files_are_for_some(void **state)
{
	static const struct {
		struct call call;
		int engine, ledger, api, courier, reader;
	} rows[] = {
		{{"openat to write", SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR},
		 EACCES,
		 0,
		 0,
		 EACCES,
		 KILLED},
		{{"openat to make", SYS_openat, AT_FDCWD, (long)"/dev/null", O_CREAT},
		 EACCES,
		 0,
		 0,
		 EACCES,
		 KILLED},
		{{"openat", SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY},
		 EACCES,
		 0,
		 0,
		 EACCES,
		 0},
		{{"unlinkat", SYS_unlinkat, AT_FDCWD, (long)"/nowhere/x", 0},
		 KILLED,
		 ENOENT,
		 KILLED,
		 KILLED,
		 KILLED},
		{{"fchmodat", SYS_fchmodat, AT_FDCWD, (long)"/nowhere/x", 0},
		 KILLED,
		 ENOENT,
		 KILLED,
		 KILLED,
		 KILLED},
		{{"fsync", SYS_fsync, -1, 0, 0}, KILLED, EBADF, EBADF, KILLED, KILLED},
		{{"accept4", SYS_accept4, -1, 0, 0}, EBADF, KILLED, EBADF, KILLED, KILLED},
		{{"setitimer", SYS_setitimer, 99, 0, 0}, KILLED, KILLED, KILLED, KILLED, EINVAL},
		{{"getpid", SYS_getpid, 0, 0, 0}, 0, 0, 0, 0, 0},
		{{"memfd_create", SYS_memfd_create, (long)"x", 0, 0}, 0, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int expected[] = {rows[i].engine, rows[i].ledger, rows[i].api,
					rows[i].courier, rows[i].reader};

		for (size_t r = 0; r < sizeof(roles) / sizeof(roles[0]); r++) {
			int got = outcome(roles[r], &rows[i].call);

			if (got != expected[r])
				fail_msg("%s: %s gives %d", link_role_name(roles[r]),
					 rows[i].call.name, got);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_leaves),
		cmocka_unit_test(files_are_for_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
