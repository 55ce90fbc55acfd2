/* SPDX-License-Identifier: MIT */
#include "io/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Three descriptors for each shim connection, one for each response that is witnessed, those that
 * wait to be closed, two for each process that is known, and some for links; the API's connections
 * are far fewer. */
#define DESCRIPTORS_ENGINE                                                                         \
	(3u * AICP_ENGINE_CONNECTIONS_MAX + AICP_ENGINE_RESPONSES_MAX + 1024u +                    \
	 2u * AICP_IDENTITIES_MAX + 512u)
#define DESCRIPTORS_READER (2u * AICP_PROCESSES_MAX + 256u)
#define DESCRIPTORS_OTHER  1024u

/* To start roles as their users, and to end them. The last two are the reader's: what a process
 * does not hold its child cannot have. DAC_READ_SEARCH also keeps policy files of other users'
 * folders readable at a reload. */
static const unsigned warden_caps[] = {CAP_SETUID, CAP_SETGID,	   CAP_SETPCAP,
				       CAP_KILL,   CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
/* /proc/PID/exe of other users needs both. */
static const unsigned reader_caps[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};

static int keep_caps(const unsigned *caps, size_t n)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				 caps[i]) < 0)
			return -EINVAL;
	/* The bounding set first: dropping from it needs CAP_SETPCAP, which may go with the rest.
	 */
	if (geteuid() == 0 && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return 0;
}

static int set_limit(int resource, rlim_t value)
{
	struct rlimit now, limit = {value, value};

	if (getrlimit(resource, &now) < 0)
		return -errno;
	/* Without privilege a limit can only fall; what the host allows less is less. */
	if (limit.rlim_max > now.rlim_max)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static rlim_t descriptors(enum link_role role)
{
	switch (role) {
	case LINK_ENGINE:
		return DESCRIPTORS_ENGINE;
	case LINK_READER:
		return DESCRIPTORS_READER;
	case LINK_WARDEN: /* its children can only lower what it has */
		return DESCRIPTORS_ENGINE;
	case LINK_LEDGER:
	case LINK_API:
	case LINK_COURIER:
	case _LINK_ROLE_COUNT:
		break;
	}
	return DESCRIPTORS_OTHER;
}

static int change_user(const struct sandbox *s)
{
	if (setgroups(0, NULL) < 0)
		return -errno;
	if (setresgid(s->gid, s->gid, s->gid) < 0)
		return -errno;
	if (setresuid(s->uid, s->uid, s->uid) < 0)
		return -errno;
	/* Believing without looking has been a root hole in other daemons. */
	return setuid(0) == 0 && s->uid != 0 ? -EPERM : 0;
}

static int drop_caps(const struct sandbox *s)
{
	if (geteuid() == 0 && s->role == LINK_WARDEN)
		return keep_caps(warden_caps, sizeof(warden_caps) / sizeof(warden_caps[0]));
	if (geteuid() == 0 && s->role == LINK_READER)
		return keep_caps(reader_caps, sizeof(reader_caps) / sizeof(reader_caps[0]));
	return keep_caps(NULL, 0);
}

/* The bounding set of a role that is about to become somebody else. */
static int drop_bounds(const struct sandbox *s)
{
	if (!s->change_user)
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) < 0 ? -EPERM : 0;
}

int sandbox_enter(const struct sandbox *s, const char **ret_step)
{
	int r;

	*ret_step = "limit of descriptors";
	r = set_limit(RLIMIT_NOFILE, descriptors(s->role));
	if (r < 0)
		return r;
	*ret_step = "limit of core dumps";
	r = set_limit(RLIMIT_CORE, 0);
	if (r < 0)
		return r;
	*ret_step = "capability bounding set";
	capng_get_caps_process();
	r = drop_bounds(s);
	if (r < 0)
		return r;
	*ret_step = "user and groups";
	if (s->change_user)
		r = change_user(s);
	if (r < 0)
		return r;
	*ret_step = "capabilities";
	capng_get_caps_process();
	r = drop_caps(s);
	if (r < 0)
		return r;
	*ret_step = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	*ret_step = "dumpable";
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#if !defined(__SANITIZE_ADDRESS__)
	/* The sanitizer's own run-time would need half of the kernel. */
	*ret_step = "system call filter";
	if (s->role != LINK_WARDEN)
		return sandbox_filter(s->role);
#endif
	return 0;
}
