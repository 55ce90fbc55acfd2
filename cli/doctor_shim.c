/* SPDX-License-Identifier: MIT */
/* The shim's file, and what loads it into programs. */
#include "doctor.h"
#include "preload_file.h"
#include "preload_list.h"
#include "shim_file.h"
#include "shim_path.h"

#include "aicp/shim.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const char *const mend_shim[_SHIM_FAULTS] = {
	[SHIM_MISSING] = "install the package, or run `make`",
	[SHIM_UNREADABLE] = "chmod 644 it, or install the package again",
	[SHIM_NOT_ELF] = "install the package again",
	[SHIM_OTHER_ARCH] = "install the package of this machine",
	[SHIM_CUT] = "install the package again; never copy over the file: programs that run have "
		     "it mapped, and it is replaced by rename alone",
	[SHIM_UNSEALED] = "install the package again, and do not strip it: without its seal a file "
			  "that is cut off would end every program",
	[SHIM_DAMAGED] = "install the package again, and look after the disk",
	[SHIM_OTHER_WIRE] = "install shim and daemon of one version, and restart both daemon and "
			    "programs",
	[SHIM_EXPOSED] = "give it to root and chmod 644 it: who can change it is in every program",
};

void doctor_shim(struct doctor *d)
{
	struct buf path = BUF_INIT(PATH_MAX);
	enum shim_fault fault = SHIM_MISSING;
	const char *file = SHIM_PATH_INSTALLED;
	char version[16] = "";

	if (shim_path(&path) == 0) {
		file = (const char *)path.p;
		fault = shim_file_check(file, version);
	}
	if (fault)
		doctor_say(d, DOCTOR_FAIL, "shim", mend_shim[fault],
			   "%s is %s: `aicp run` cannot work", file, shim_fault_text(fault));
	else if (!shim_file_open_to_all(file))
		doctor_say(d, DOCTOR_WARN, "shim",
			   "install it where every user may read (`make install`)",
			   "%s or a folder above it is closed to other users: their programs run "
			   "unseen",
			   file);
	else if (strcmp(version, AICP_VERSION) != 0)
		doctor_say(d, DOCTOR_WARN, "shim", "install one version of all",
			   "%s is of version %s, and this program of %s", file, version,
			   AICP_VERSION);
	else
		doctor_say(d, DOCTOR_OK, "shim", NULL,
			   "%s is whole, of version %s, and can be loaded by all", file, version);
	buf_deinit(&path);
}

struct preloaded {
	struct doctor *d;
	unsigned shims, good;
};

static void check_ours(struct preloaded *p, const char *path)
{
	struct buf which = BUF_INIT(PATH_MAX);
	char version[16];
	enum shim_fault fault = shim_file_check(path, version);

	p->shims++;
	if (path[0] != '/')
		doctor_say(p->d, DOCTOR_FAIL, "ld.so.preload",
			   "`aicp preload enable` writes its full path",
			   "%s names %s without its folder: the loader will not find it",
			   PRELOAD_LIST_PATH, path);
	else if (fault == SHIM_MISSING || fault == SHIM_UNREADABLE || fault == SHIM_NOT_ELF ||
		 fault == SHIM_OTHER_ARCH || fault == SHIM_CUT)
		doctor_say(p->d, DOCTOR_FAIL, "ld.so.preload",
			   "install the package again and `aicp preload enable`, or `aicp preload "
			   "disable`",
			   "%s names %s, which is %s: every program says so on stderr, and runs "
			   "unseen",
			   PRELOAD_LIST_PATH, path, shim_fault_text(fault));
	else if (fault)
		doctor_say(p->d, DOCTOR_FAIL, "ld.so.preload", mend_shim[fault],
			   "%s names %s, which is %s", PRELOAD_LIST_PATH, path,
			   shim_fault_text(fault));
	else if (!shim_file_open_to_all(path))
		doctor_say(p->d, DOCTOR_FAIL, "ld.so.preload",
			   "`make install`, then `aicp preload enable` of the installed aicp",
			   "%s names %s, which is closed to other users: their programs say so on "
			   "stderr, and run unseen",
			   PRELOAD_LIST_PATH, path);
	else if (!shim_file_is_roots(path, &which))
		doctor_say(p->d, DOCTOR_FAIL, "ld.so.preload",
			   "`make install`, then `aicp preload enable` of the installed aicp",
			   "%s names %s, but %.*s is not root's alone: who may change it can put "
			   "code into every program",
			   PRELOAD_LIST_PATH, path, SPAN_ARG(buf_span(&which)));
	else
		p->good++;
	buf_deinit(&which);
}

static bool check_one(struct span name, void *data)
{
	struct preloaded *p = data;
	char path[PATH_MAX];
	enum shim_fault fault;

	if (name.n >= sizeof(path))
		return true;
	memcpy(path, name.p, name.n);
	path[name.n] = 0;
	if (preload_list_is_shim(name)) {
		check_ours(p, path);
		return true;
	}
	/* Without a folder, or with $LIB in it, only the loader knows which file it is. */
	fault = path[0] == '/' && !strchr(path, '$') ? shim_file_loads(path) : SHIM_GOOD;
	if (fault)
		doctor_say(p->d, DOCTOR_WARN, "ld.so.preload",
			   "take the name out, or mend the file",
			   "%s names %s, which is not aicp's and is %s", PRELOAD_LIST_PATH, path,
			   shim_fault_text(fault));
	return true;
}

void doctor_preload(struct doctor *d)
{
	struct buf text = BUF_INIT(PRELOAD_FILE_BYTES_MAX);
	struct preloaded p = {.d = d};
	int r = preload_file_read(&text);

	if (r && r != -ENOENT)
		doctor_say(d, DOCTOR_WARN, "ld.so.preload",
			   "make it a regular file that all may read", "%s cannot be looked at: %s",
			   PRELOAD_LIST_PATH, strerror(-r));
	else
		preload_list_each(buf_span(&text), check_one, &p);
	if (p.shims > 1)
		doctor_say(d, DOCTOR_WARN, "ld.so.preload",
			   "`aicp preload enable` leaves one of them", "%s names %u shims",
			   PRELOAD_LIST_PATH, p.shims);
	if (p.good && d->config && strcmp(d->config->runtime_dir, AICP_RUNTIME_DIR_DEFAULT) != 0)
		doctor_say(d, DOCTOR_WARN, "ld.so.preload",
			   "leave runtime_dir at its default, or set AICP_RUNTIME_DIR for programs",
			   "programs that have the shim by %s look for the daemon in %s, but "
			   "runtime_dir is %s",
			   PRELOAD_LIST_PATH, AICP_RUNTIME_DIR_DEFAULT, d->config->runtime_dir);
	if (p.good)
		doctor_say(d, DOCTOR_OK, "ld.so.preload", NULL,
			   "every dynamic program of this host that was started since carries the "
			   "shim");
	else if (!p.shims && (!r || r == -ENOENT))
		doctor_say(d, DOCTOR_INFO, "ld.so.preload", NULL,
			   "%s does not name the shim: only what `aicp run` starts carries it",
			   PRELOAD_LIST_PATH);
	buf_deinit(&text);
}
