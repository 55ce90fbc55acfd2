/* SPDX-License-Identifier: MIT */
#include "io/role.h"

#include "base/json_write.h"
#include "io/fields.h"
#include "io/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The warden sends the bundle right behind the start; this long it may be busy. */
#define BUNDLE_WAIT_MS 20000

/* Terminals and service managers signal whole groups; roles stop when their warden says so. */
static void ignore_group_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	/* A file over RLIMIT_FSIZE is an error to handle, not a death. */
	sigaction(SIGXFSZ, &ignore, NULL);
}

static int wait_bundle(struct link *warden, struct role_bundle **ret_bundle)
{
	struct pollfd p = {.fd = link_fd(warden), .events = POLLIN};
	struct link_message m;
	int r;

	if (poll(&p, 1, BUNDLE_WAIT_MS) <= 0)
		return -ETIMEDOUT;
	r = link_receive(warden, &m);
	if (r < 0)
		return r;
	if (r == 1 || m.type != LINK_BUNDLE || m.fd >= 0)
		return -EBADMSG;
	r = role_bundle_read(m.payload, ret_bundle);
	return r > 0 ? -EBADMSG : r;
}

int role_start(const struct role *role, struct link **ret_warden, struct role_bundle **ret_bundle)
{
	struct sandbox sandbox = {
		.role = role->self,
		.change_user = role->change_user,
		.uid = role->uid,
		.gid = role->gid,
	};
	struct link *warden;
	const char *step;
	char name[16]; /* the kernel's limit */
	int r;

	log_open(link_role_name(role->self), role->debug);
	snprintf(name, sizeof(name), "aicp-%s", link_role_name(role->self));
	prctl(PR_SET_NAME, name, 0, 0, 0);
	ignore_group_signals();
	r = sandbox_enter(&sandbox, &step);
	if (r < 0) {
		log_say(LOG_ERROR, "sandbox", "cannot set %s: %s", step, strerror(-r));
		return r;
	}
	warden = link_new(ROLE_FD_WARDEN);
	if (!warden)
		return -ENOMEM;
	r = wait_bundle(warden, ret_bundle);
	if (r < 0) {
		log_say(LOG_ERROR, "start", "the warden sent no bundle: %s", strerror(-r));
		link_free(warden);
		return r;
	}
	*ret_warden = warden;
	return 0;
}

int role_start_peer(const struct role *role, struct peer *warden, struct role_bundle **ret_bundle)
{
	struct link *link;
	int r = role_start(role, &link, ret_bundle);

	if (r < 0)
		return r;
	warden->role = LINK_WARDEN;
	return peer_adopt(warden, link);
}

enum link_role role_named(struct span payload)
{
	struct fields f;
	char name[16];
	enum link_role found = _LINK_ROLE_COUNT;

	if (fields_open(&f, payload) == PARSE_DONE && fields_text(&f, "role", name, sizeof(name)))
		for (unsigned i = 0; i < _LINK_ROLE_COUNT; i++)
			if (strcmp(name, link_role_name((enum link_role)i)) == 0)
				found = (enum link_role)i;
	fields_close(&f);
	return found;
}

enum link_role role_take_peer(struct link_message *message, struct peer *const *peers, size_t n)
{
	enum link_role role = role_named(message->payload);
	int fd = message->fd;

	message->fd = -1;
	for (size_t i = 0; i < n && fd >= 0; i++) {
		int r;

		if (peers[i]->role != role)
			continue;
		r = peer_open(peers[i], fd);
		fd = -1;
		if (r < 0)
			log_say(LOG_ERROR, "peer", "cannot talk to %s: %s", link_role_name(role),
				strerror(-r));
	}
	if (fd >= 0)
		close(fd);
	return role;
}

void role_report_broken(struct peer *warden, enum link_role broken)
{
	struct buf out = BUF_INIT(128);
	struct json_write w;

	log_say(LOG_ERROR, "broken-peer", "%s broke the message format", link_role_name(broken));
	json_write_init(&w, &out, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "role", link_role_name(broken));
	json_write_end_object(&w);
	if (!out.err)
		peer_send(warden, LINK_BROKEN, 0, buf_span(&out), -1);
	buf_deinit(&out);
}
