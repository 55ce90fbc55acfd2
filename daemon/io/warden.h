/* SPDX-License-Identifier: MIT */
/*
 * The warden: makes folders and sockets, starts the other roles and starts them again when they
 * die, connects them with each other, reads root-owned files for them, and stops them in order. It
 * parses nothing that programs or the network send.
 *
 * Without root (rootless) all roles run as the calling user, and folders that the configuration
 * leaves at their defaults are $XDG_RUNTIME_DIR/aicp and $XDG_STATE_HOME/aicp
 * (~/.local/state/aicp).
 */
#pragma once

#include "io/source.h"

struct warden_options {
	struct source source; /* without a configuration file: rootless only */
	bool rootless;
	bool debug;
};

/* Runs until SIGTERM or SIGINT; the exit status. */
int warden_run(const struct warden_options *options);

/* aicpd -t: reads and loads everything as a start would, changes nothing. The exit status; errors
 * go to standard error. */
int warden_check(const struct warden_options *options);
