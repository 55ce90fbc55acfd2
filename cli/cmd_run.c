/* SPDX-License-Identifier: MIT */
/* aicp run: a program under the shim. */
#include "aicp/shim.h"
#include "cmd.h"
#include "program.h"
#include "shim_file.h"
#include "shim_path.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* As env(1): what fails before the program runs cannot be taken for the program's own code. */
enum run_exit { RUN_REFUSED = 125, RUN_CANNOT = 126, RUN_NOT_FOUND = 127 };
/* Not an exit code: go on without the shim. */
#define RUN_WITHOUT (-1)

static int refuse(const char *name, enum program_fate fate, const char *file)
{
	static const char *const why[] = {
		[PROGRAM_SEEN] = "",
		[PROGRAM_STATIC] =
			"is linked statically: no loader runs, and nothing can be loaded into it",
		[PROGRAM_SECURE] =
			"runs with more rights than yours: the loader ignores LD_PRELOAD",
		[PROGRAM_OTHER_ARCH] = "is built for another machine than the shim",
		[PROGRAM_UNKNOWN] = "is neither a program nor a script that can be looked into",
	};

	fprintf(stderr,
		"aicp: run: %s will not be seen: %s %s. Its requests would pass ungoverned; "
		"`--unseen` runs it all the same.\n",
		name, file, why[fate]);
	return RUN_REFUSED;
}

/* LD_PRELOAD is a list that both spaces and colons part. */
static int set_preload(const char *shim)
{
	const char *old = getenv("LD_PRELOAD");
	struct buf list = BUF_INIT(128u << 10);
	int r;

	if (strpbrk(shim, " :")) {
		cmd_fail("%s: the loader takes no path with a space or a colon; move the shim",
			 shim);
		return RUN_REFUSED;
	}
	buf_put_str(&list, shim);
	if (old && old[0] && !strstr(old, shim))
		buf_printf(&list, ":%s", old);
	else if (old &&
		 strstr(old, shim)) /* it is in there; whoever put it there chose the order */
		buf_clear(&list), buf_put_str(&list, old);
	r = buf_str(&list) ? setenv("LD_PRELOAD", (const char *)list.p, 1) : -1;
	buf_deinit(&list);
	return r ? cmd_fail("LD_PRELOAD cannot be set: %s", strerror(errno)), RUN_REFUSED : 0;
}

/* Where the operator chose `fail: open`, a program runs rather than not, and it is said that
 * nobody sees it. */
static int without_shim(const struct config *config, const char *path, const char *why)
{
	if (config->fail == CONFIG_FAIL_CLOSED) {
		cmd_fail("the shim %s is %s; install the package again (`aicp doctor` says more)",
			 path, why);
		return RUN_REFUSED;
	}
	fprintf(stderr,
		"aicp: run: the shim %s is %s: the program runs without it and is not governed "
		"(fail: open)\n",
		path, why);
	return RUN_WITHOUT;
}

static int find_shim(const struct config *config, struct buf *path)
{
	char version[16];
	enum shim_fault fault = SHIM_MISSING;

	if (shim_path(path) == 0)
		fault = shim_file_check((const char *)path->p, version);
	return fault ? without_shim(config, (const char *)path->p, shim_fault_text(fault)) : 0;
}

/* What the shim asks of the file (preload/governed.h), in words; NULL: it will be read. */
static const char *distrust(const char *file)
{
	struct stat st;

	if (lstat(file, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_mode & 022)
		return "others may write it";
	if (access(file, R_OK) < 0)
		return strerror(errno);
	if (st.st_uid == 0 || st.st_uid == geteuid())
		return NULL;
	/* How a user namespace shows the host's root. */
	if (st.st_uid == 65534 &&
	    strncmp(file, AICP_RUNTIME_DIR_DEFAULT "/", sizeof(AICP_RUNTIME_DIR_DEFAULT)) == 0)
		return NULL;
	return "it belongs neither to root nor to you";
}

/* The file that the daemon keeps for shims: without it the shim governs nothing. */
static int set_runtime_dir(const struct config *config)
{
	char dir[PATH_MAX], file[PATH_MAX + 16];
	const char *why;

	cmd_runtime_dir(config, dir);
	snprintf(file, sizeof(file), "%s/%s", dir, AICP_GOVERNED_FILE);
	why = distrust(file);
	if (why) {
		cmd_fail(
			"%s: %s; without it the shim governs nothing. Start the daemon (`systemctl "
			"start aicp`), or name its configuration with -c FILE",
			file, why);
		return RUN_REFUSED;
	}
	if (setenv("AICP_RUNTIME_DIR", dir, 1) < 0) {
		cmd_fail("AICP_RUNTIME_DIR cannot be set: %s", strerror(errno));
		return RUN_REFUSED;
	}
	return 0;
}

static int load_shim(const struct config *config)
{
	struct buf path = BUF_INIT(PATH_MAX);
	int rc = find_shim(config, &path);

	if (!rc)
		rc = set_preload((const char *)path.p);
	buf_deinit(&path);
	return rc == RUN_WITHOUT ? 0 : rc;
}

static int check_program(const char *name, bool unseen)
{
	struct buf path = BUF_INIT(PATH_MAX), file = BUF_INIT(PATH_MAX);
	enum program_fate fate = PROGRAM_SEEN;
	int r = program_find(name, &path), rc = 0;

	if (!r)
		r = program_fate((const char *)path.p, &fate, &file);
	if (r == -ENOENT) {
		cmd_fail("run: %s: not found", name);
		rc = RUN_NOT_FOUND;
	} else if (r && !unseen) { /* may be run, but not read: nobody knows what it is */
		cmd_fail("run: %s cannot be looked into: %s; `--unseen` runs it all the same", name,
			 strerror(-r));
		rc = RUN_CANNOT;
	} else if (fate != PROGRAM_SEEN && !unseen) {
		rc = refuse(name, fate, (const char *)file.p);
	}
	buf_deinit(&path);
	buf_deinit(&file);
	return rc;
}

int cmd_run(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"unseen", no_argument, NULL, 'u'},
						{NULL, 0, NULL, 0}};
	struct config *config = NULL;
	bool unseen = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option != 'u')
			return cmd_bad_usage("run", "unknown option; put `--` before the program");
		unseen = true;
	}
	if (optind == argc)
		return cmd_bad_usage("run", "which program? `aicp run -- CMD ...`");
	rc = check_program(argv[optind], unseen);
	if (!rc && cmd_config(cli, &config))
		rc = RUN_REFUSED;
	if (!rc)
		rc = set_runtime_dir(config);
	if (!rc)
		rc = load_shim(config);
	config_free(config);
	if (rc)
		return rc;
	execvp(argv[optind], argv + optind);
	rc = errno == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT;
	cmd_fail("run: %s: %s", argv[optind], strerror(errno));
	return rc;
}
