/* SPDX-License-Identifier: MIT */
/* Texts of /proc, with names that try to look like other fields. */
#include "io/procfs.h"

#include "support/guard.h"
#include "support/split.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* proc(5): the 52 fields of a process, name in place of %s. */
#define STAT(_name)                                                                                \
	"1234 (" _name                                                                             \
	") S 77 1234 1234 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 98765 1000000 200 "              \
	"18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static void reads_stat(void **state)
{
	static const struct {
		struct span text;
		const char *name;
	} rows[] = {
		{SPAN_LIT(STAT("bash")), "bash"},
		{SPAN_LIT(STAT("")), ""},
		{SPAN_LIT(STAT(")")), ")"},
		{SPAN_LIT(STAT("a) R 1 (b")), "a) R 1 (b"},
		{SPAN_LIT(STAT("two\nlines) S 1")), "two\nlines) S 1"},
		{SPAN_LIT(STAT("((((")), "(((("},
	};
	struct procfs_stat s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(procfs_stat(rows[i].text, &s), PARSE_DONE);
		assert_int_equal(s.pid, 1234);
		assert_int_equal(s.ppid, 77);
		assert_int_equal(s.start_ticks, 98765);
		assert_true(span_eq_str(s.name, rows[i].name));
	}
}

static void refuses_other_stats(void **state)
{
	static const char *const rows[] = {
		"",
		"1",
		"1 ",
		"1 (",
		"1 (a",
		"1 (a)",
		"1 (a) S",
		"1 (a) S x 1",
		"-1 (a) S 1 2",
		"x (a) S 1 2 3",
		"99999999999999999999 (a) S 1 1 1",
		"1(a) S 1",
		"1 (a)S 1 2 3",
		"1 (a) S 1 1 1 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 99999999999999999999 1\n",
		"1 (a) S  1 1 1 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 9 1\n",
	};
	struct procfs_stat s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(procfs_stat(span_str(rows[i]), &s), PARSE_E_BAD);
}

static void one_cut_stat(void *ctx, struct span part)
{
	struct procfs_stat s;
	size_t *whole = ctx;

	/* Field 22 ends at this byte; what is cut behind it is not missed. */
	if (procfs_stat(part, &s) == PARSE_DONE) {
		assert_true(part.n >= *whole);
		assert_int_equal(s.start_ticks, 98765);
	}
}

static void cut_stats_are_no_other_stats(void **state)
{
	struct span text = SPAN_LIT(STAT("a) b"));
	size_t whole = (size_t)(strstr((const char *)text.p, "98765 ") - (const char *)text.p) + 6;

	(void)state;
	split_truncated(text, one_cut_stat, &whole);
}

static void reads_numbers(void **state)
{
	int64_t n;

	(void)state;
	assert_int_equal(procfs_number(SPAN_LIT("1000"), &n), PARSE_DONE);
	assert_int_equal(n, 1000);
	assert_int_equal(procfs_number(SPAN_LIT("4294967295\n"), &n), PARSE_DONE);
	assert_int_equal(n, UINT32_MAX);
	assert_int_equal(procfs_number(SPAN_LIT(""), &n), PARSE_E_BAD);
	assert_int_equal(procfs_number(SPAN_LIT("-1"), &n), PARSE_E_BAD);
	assert_int_equal(procfs_number(SPAN_LIT("1 2"), &n), PARSE_E_BAD);
	assert_int_equal(procfs_number(SPAN_LIT("1\n\n"), &n), PARSE_E_BAD);
	assert_int_equal(procfs_number(SPAN_LIT("99999999999999999999"), &n), PARSE_E_BAD);
}

static void reads_cgroups(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{"0::/\n", "/"},
		{"0::/user.slice/user-0.slice/session-1.scope\n",
		 "/user.slice/user-0.slice/session-1.scope"},
		{"12:cpu:/a\n1:name=systemd:/b\n0::/c\n", "/c"},
		{"12:cpu:/0::/evil\n0::/c\n", "/c"},
		{"0::/no line feed", "/no line feed"},
		{"12:cpu:/a\n", NULL},
		{"0::relative\n", NULL},
		{"0::\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span path = SPAN_NULL;
		int r = procfs_cgroup(span_str(rows[i].text), &path);

		assert_int_equal(r, rows[i].path ? PARSE_DONE : PARSE_E_BAD);
		assert_true(span_eq_str(path, rows[i].path));
	}
}

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void finds_containers_and_units(void **state)
{
	static const struct {
		const char *path, *container, *unit;
	} rows[] = {
		{"/system.slice/docker-" ID ".scope", ID, "docker-" ID ".scope"},
		{"/docker/" ID, ID, ""},
		{"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope", ID,
		 "cri-containerd-" ID ".scope"},
		{"/kubepods/besteffort/pod12/" ID, ID, ""},
		{"/machine.slice/libpod-" ID ".scope/container", ID, "libpod-" ID ".scope"},
		{"/system.slice/docker-" ID ".scope/nested/" ID2, ID2, "docker-" ID ".scope"},
		{"/system.slice/containerd.service/kubepods:cri-containerd:" ID, ID,
		 "containerd.service"},
		{"/system.slice/ssh.service", "", "ssh.service"},
		{"/user.slice/user-1.slice/user@1.service/app.slice/app-a.scope", "",
		 "app-a.scope"},
		{"/", "", ""},
		{"", "", ""},
		{"/.service", "", ""},
		{"/x" ID, "", ""},
		{"/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "", ""},
		{"/" ID "0", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(
			span_eq_str(procfs_container(span_str(rows[i].path)), rows[i].container));
		assert_true(span_eq_str(procfs_unit(span_str(rows[i].path)), rows[i].unit));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_stat),
		cmocka_unit_test(refuses_other_stats),
		cmocka_unit_test(cut_stats_are_no_other_stats),
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(reads_cgroups),
		cmocka_unit_test(finds_containers_and_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
