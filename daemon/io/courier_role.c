/* SPDX-License-Identifier: MIT */
/*
 * The courier, which will carry everything outbound. Nothing in this version is sent anywhere, so
 * it does nothing but stand ready in its sandbox, which has no call that makes a socket.
 */
#include "io/role.h"

#include <unistd.h>

static void take(struct peer *peer, struct link_message *message)
{
	if (message->fd >= 0)
		close(message->fd);
	if (message->type == LINK_STOP)
		loop_stop(peer->loop, 0);
}

static void gone(struct peer *peer, int error)
{
	(void)error;
	loop_stop(peer->loop, 1);
}

int courier_role_run(const struct role *role)
{
	struct peer warden = {.message = take, .gone = gone};
	struct role_bundle *bundle;
	int r = 1;

	warden.loop = loop_new();
	if (!warden.loop || role_start_peer(role, &warden, &bundle) < 0)
		return 1;
	role_bundle_free(bundle);
	if (peer_send(&warden, LINK_READY, 0, SPAN_LIT("{}"), -1) == 0)
		r = loop_run(warden.loop);
	peer_close(&warden);
	loop_free(warden.loop);
	return r ? 1 : 0;
}
