/* SPDX-License-Identifier: MIT */
/* aicp preload: the shim in every dynamic program of this host, by /etc/ld.so.preload. */
#include "base/cleanup.h"
#include "base/json_write.h"
#include "cmd.h"
#include "preload_file.h"
#include "preload_list.h"
#include "preload_trial.h"
#include "shim_file.h"
#include "shim_path.h"
#include "show.h"

#include "aicp/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cannot(const char *what, int r)
{
	if (r == -EINVAL)
		return cmd_fail("%s is not a regular file; make it one, or take it away",
				PRELOAD_LIST_PATH);
	if (r == -EBUSY)
		return cmd_fail("%s is mounted there, so that it cannot be replaced in one step; "
				"%s has to be done where the mount comes from",
				PRELOAD_LIST_PATH, what);
	return cmd_fail("%s: %s: %s", what, PRELOAD_LIST_PATH, strerror(-r));
}

static int root_only(const char *what)
{
	return geteuid() == 0 ? 0
			      : cmd_fail("%s: only root may change %s", what, PRELOAD_LIST_PATH);
}

/* The text that is there, "" when there is none. */
static int read_list(const char *what, struct buf *text)
{
	int r = preload_file_read(text);

	return r && r != -ENOENT ? cannot(what, r) : 0;
}

/* Its path without links, as it will stand in the file. */
static int find(char *path)
{
	struct buf found = BUF_INIT(PATH_MAX);
	int rc = 0;

	if (shim_path(&found))
		rc = cmd_fail("the shim libaicp.so is not found: neither beside this program nor "
			      "at %s; install the package, or run `make install`",
			      SHIM_PATH_INSTALLED);
	else if (!realpath((const char *)found.p, path))
		rc = cmd_fail("%s: %s", (const char *)found.p, strerror(errno));
	else if (strpbrk(path, " \t\n:#$"))
		rc = cmd_fail("%s: the loader takes no path with a space, colon, # or $; move the "
			      "shim",
			      path);
	buf_deinit(&found);
	return rc;
}

/* Is this file fit to be loaded into every program of the host, root's among them? */
static int fit(const char *path)
{
	struct buf which = BUF_INIT(PATH_MAX);
	char version[16];
	enum shim_fault fault = shim_file_check(path, version);
	int rc = 0;

	if (fault)
		rc = cmd_fail("the shim %s is %s; install the package again", path,
			      shim_fault_text(fault));
	else if (!shim_file_open_to_all(path))
		rc = cmd_fail("%s or a folder above it is closed to other users: each of their "
			      "programs would complain; `make install` puts it where all may read",
			      path);
	else if (!shim_file_is_roots(path, &which))
		rc = cmd_fail("%.*s is not root's alone: who may change it could put code into "
			      "every program; `make install` puts the shim into a safe place",
			      SPAN_ARG(buf_span(&which)));
	buf_deinit(&which);
	return rc;
}

/* A power failure must not leave the line without the file. */
static int make_durable(const char *path)
{
	int fd CLEANUP(cleanup_closep) = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? cmd_fail("%s: %s", path, strerror(errno)) : 0;
}

static int try_out(const char *shim, const char *path, const char *when)
{
	struct buf why = BUF_INIT(4096);
	int rc = 0;

	if (!preload_trial(shim, path, &why)) {
		fprintf(stderr, "aicp: %s ", when);
		show_text(stderr, buf_span(&why));
		fputs("; nothing is changed\n", stderr);
		rc = CMD_FAILED;
	}
	buf_deinit(&why);
	return rc;
}

static int put_in(const char *path, struct span old)
{
	struct buf text = BUF_INIT(PRELOAD_FILE_BYTES_MAX + PATH_MAX);
	int r = preload_list_with_shim(old, path, &text), rc;

	if (!r)
		r = preload_file_write(buf_span(&text));
	buf_deinit(&text);
	if (r)
		return cannot("preload enable", r);
	/* As every program will meet it, beside the names that stood there before. */
	rc = try_out(NULL, path, "with the shim in " PRELOAD_LIST_PATH);
	r = rc ? preload_file_write(old) : 0;
	return r ? cmd_fail(
			   "and the old text cannot be put back: %s; take the name of the shim out "
			   "of %s",
			   strerror(-r), PRELOAD_LIST_PATH)
		 : rc;
}

/* Programs that have it by /etc/ld.so.preload know the default runtime directory only. */
static void warn_of_runtime_dir(const struct cli *cli)
{
	struct config *config;

	if (cmd_config(cli, &config))
		return;
	if (strcmp(config->runtime_dir, AICP_RUNTIME_DIR_DEFAULT) != 0)
		fprintf(stderr,
			"aicp: programs look for the daemon in %s, but runtime_dir is %s: only "
			"those with AICP_RUNTIME_DIR in their environment are governed\n",
			AICP_RUNTIME_DIR_DEFAULT, config->runtime_dir);
	config_free(config);
}

int cmd_preload_enable(const struct cli *cli, int argc, char **argv)
{
	struct buf old = BUF_INIT(PRELOAD_FILE_BYTES_MAX);
	char path[PATH_MAX];
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("preload enable", "takes no arguments");
	rc = root_only("preload enable");
	if (!rc)
		rc = find(path);
	if (!rc)
		rc = fit(path);
	if (!rc)
		rc = try_out(path, path, "with the shim in LD_PRELOAD");
	if (!rc)
		rc = make_durable(path);
	if (!rc)
		rc = read_list("preload enable", &old);
	if (!rc)
		rc = put_in(path, buf_span(&old));
	buf_deinit(&old);
	if (rc)
		return rc;
	warn_of_runtime_dir(cli);
	if (cli->json)
		puts("{\"enabled\":true}");
	else
		printf("%s is now loaded into every dynamic program that starts; those that run "
		       "already have to be started again. `aicp preload disable` undoes it.\n",
		       path);
	return CMD_OK;
}

int cmd_preload_disable(const struct cli *cli, int argc, char **argv)
{
	struct buf old = BUF_INIT(PRELOAD_FILE_BYTES_MAX), text = BUF_INIT(PRELOAD_FILE_BYTES_MAX);
	int rc, r = 0;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("preload disable", "takes no arguments");
	rc = root_only("preload disable");
	if (!rc)
		rc = read_list("preload disable", &old);
	if (!rc)
		r = preload_list_without_shim(buf_span(&old), &text);
	if (!rc && !r && text.n != old.n)
		r = preload_file_write(buf_span(&text));
	if (r)
		rc = cannot("preload disable", r);
	if (!rc && cli->json)
		puts("{\"enabled\":false}");
	else if (!rc)
		puts(text.n == old.n ? PRELOAD_LIST_PATH " does not name the shim"
				     : PRELOAD_LIST_PATH
			     " does not name the shim any more; programs that run keep it "
			     "until they end");
	buf_deinit(&old);
	buf_deinit(&text);
	return rc;
}

struct listing {
	struct json_write *w; /* NULL: for people */
	unsigned shims, bad;
};

static bool tell(struct span name, void *data)
{
	struct listing *l = data;
	char path[PATH_MAX], version[16];
	enum shim_fault fault;

	if (!preload_list_is_shim(name) || name.n >= sizeof(path))
		return true;
	memcpy(path, name.p, name.n);
	path[name.n] = 0;
	fault = shim_file_check(path, version);
	l->shims++;
	l->bad += fault != SHIM_GOOD;
	if (l->w) {
		json_write_object(l->w, NULL);
		json_write_str(l->w, "path", path);
		json_write_str(l->w, "state", shim_fault_text(fault));
		json_write_str(l->w, "version", version[0] ? version : NULL);
		json_write_end_object(l->w);
	} else {
		show_text(stdout, name);
		printf(": %s%s%s\n", shim_fault_text(fault), version[0] ? ", version " : "",
		       version);
	}
	return true;
}

int cmd_preload_status(const struct cli *cli, int argc, char **argv)
{
	struct buf text = BUF_INIT(PRELOAD_FILE_BYTES_MAX), json = BUF_INIT(1u << 20);
	struct listing l = {0};
	struct json_write w;
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("preload status", "takes no arguments");
	rc = read_list("preload status", &text);
	json_write_init(&w, &json, false);
	json_write_object(&w, NULL);
	json_write_array(&w, "shims");
	l.w = cli->json ? &w : NULL;
	if (!rc)
		preload_list_each(buf_span(&text), tell, &l);
	json_write_end_array(&w);
	json_write_bool(&w, "enabled", l.shims > l.bad);
	json_write_end_object(&w);
	if (!rc && cli->json)
		rc = show_json(buf_span(&json));
	else if (!rc && !l.shims)
		puts(PRELOAD_LIST_PATH " does not name the shim");
	if (!rc && l.bad)
		rc = CMD_FAILED;
	buf_deinit(&text);
	buf_deinit(&json);
	return rc;
}
