/* SPDX-License-Identifier: MIT */
/* A descriptor of ours in a program that may close it, or put something else under its number: to
 * be looked at before each use. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct own {
	int fd; /* -1: none */
	dev_t device;
	ino_t inode;
};

/* fd is -1 when there is none, or it cannot be told. */
struct own own_of(int fd);
bool own_is_ours(const struct own *own);
/* Closes it if it is still ours. */
void own_close(struct own *own);
