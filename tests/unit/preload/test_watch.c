/* SPDX-License-Identifier: MIT */
/* What hangs on descriptors, through everything that may happen to them. */
#include "preload/os.h"
#include "preload/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int ended;

static void end(struct watched *w)
{
	ended++;
	free(w);
}

static int socket_new(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	return fd;
}

/* Something that hangs on fd; the test keeps no reference. */
static void hang(int fd)
{
	struct watched *w = calloc(1, sizeof(*w));
	struct stat st;

	assert_int_equal(os_stat(fd, "", &st), 0);
	*w = (struct watched){.refs = 1, .inode = st.st_ino, .end = end};
	assert_true(watch_hang(fd, w));
	watch_drop(w);
}

static void expect_hanging(int fd, bool want)
{
	struct watched *w = watch_take(fd);

	assert_int_equal(w != NULL, want);
	if (w)
		watch_drop(w);
}

static void test_marks(void **state)
{
	int fd = socket_new();

	(void)state;
	assert_int_equal(watch_mark(-1), WATCH_NONE);
	assert_int_equal(watch_mark((int)WATCH_FDS), WATCH_NONE);
	assert_int_equal(watch_mark(fd), WATCH_NONE);
	watch_note(fd, WATCH_HTTP);
	assert_int_equal(watch_mark(fd), WATCH_HTTP);
	watch_copy(fd, fd + 1);
	assert_int_equal(watch_mark(fd + 1), WATCH_HTTP);
	watch_close(fd);
	watch_close(fd + 1);
	assert_int_equal(watch_mark(fd), WATCH_NONE);
	assert_int_equal(watch_mark(fd + 1), WATCH_NONE);
	watch_note(-1, WATCH_TCP);
	watch_note((int)WATCH_FDS, WATCH_TCP);
	assert_false(watch_hang((int)WATCH_FDS, NULL));
	close(fd);
}

static void test_life(void **state)
{
	int fd = socket_new(), copy;

	(void)state;
	ended = 0;
	hang(fd);
	assert_int_equal(watch_mark(fd), WATCH_GOVERNED);
	expect_hanging(fd, true);
	copy = dup(fd);
	watch_copy(fd, copy);
	expect_hanging(copy, true);
	watch_close(fd);
	close(fd);
	expect_hanging(copy, true);
	assert_int_equal(ended, 0);
	/* A user keeps it beyond its last descriptor. */
	{
		struct watched *w = watch_take(copy);

		watch_close(copy);
		assert_int_equal(ended, 0);
		watch_drop(w);
		assert_int_equal(ended, 1);
	}
	hang(copy);
	/* A new connection under the number, and one in the place of another. */
	watch_note(copy, WATCH_TCP);
	assert_int_equal(ended, 2);
	hang(copy);
	hang(copy);
	assert_int_equal(ended, 3);
	watch_close(copy);
	assert_int_equal(ended, 4);
	close(copy);
}

static void test_unseen_close(void **state)
{
	int fd = socket_new(), other;

	(void)state;
	ended = 0;
	hang(fd);
	close(fd);
	other = socket_new();
	assert_int_equal(other, fd);
	expect_hanging(fd, false);
	assert_int_equal(ended, 1);
	assert_int_equal(watch_mark(fd), WATCH_NONE);
	close(other);
}

/* Another process, perhaps in this one's memory, takes nothing away. */
static void test_other_process(void **state)
{
	int fd = socket_new(), status = 0;
	pid_t child;

	(void)state;
	ended = 0;
	hang(fd);
	watch_note(fd + 1, WATCH_TCP);
	child = fork();
	if (child == 0) {
		watch_close(fd);
		watch_close(fd + 1);
		watch_copy(fd, fd + 2);
		if (ended || watch_mark(fd) != WATCH_GOVERNED || watch_mark(fd + 1) != WATCH_TCP ||
		    watch_mark(fd + 2) != WATCH_TCP)
			_exit(1);
		/* Once it has a connection of its own, the numbers are its own too. */
		watch_note(fd + 3, WATCH_TCP);
		watch_close(fd + 1);
		_exit(watch_mark(fd + 1) == WATCH_NONE ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	expect_hanging(fd, true);
	watch_close(fd);
	watch_close(fd + 1);
	assert_int_equal(ended, 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_unseen_close),
		cmocka_unit_test(test_other_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
