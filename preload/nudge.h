/* SPDX-License-Identifier: MIT */
/*
 * Makes a program that keeps its TLS in memory ask the TLS library, when an answer of ours waits
 * there.
 *
 * Such a program (an event loop with a memory BIO) reads its socket itself. When we shut the
 * reading side to wake it, it reads an end; most then ask the library once more and find the
 * answer, but some (uvloop) throw away whatever the library has from then on. So the first read
 * after the wake gets one byte in front of that end. The library never looks at it: its next read
 * is ours, and behind our answer the connection is over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The socket fd, of this inode, is about to be shut for reading. */
void nudge_put(int fd, uint64_t inode);

/* Is it the first read of such a socket? Takes it back: true once. */
bool nudge_take(int fd);
