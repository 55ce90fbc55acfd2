/* SPDX-License-Identifier: MIT */
/*
 * Closes descriptors that strangers passed or filled, beside the event loop.
 *
 * The last close of somebody else's file can wait as long as that somebody likes (a TCP socket with
 * SO_LINGER, a file of a FUSE server), and so can the last close of a Unix socket in whose queue
 * such a file lies. Here only a thread waits, and what can be interrupted is, when others stand
 * behind it.
 */
#pragma once

#include "io/loop.h"

struct closer;
/* The thread itself is made with the first descriptor. NULL: out of memory. */
struct closer *closer_new(struct loop *loop);
/* Closes what is queued, and ends the thread. */
void closer_free(struct closer *closer);

/* Takes fd; -1 is nothing. Closed before long, here when a thousand others wait or there is no
 * thread to be had. */
void closer_close(struct closer *closer, int fd);
