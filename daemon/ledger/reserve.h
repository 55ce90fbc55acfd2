/* SPDX-License-Identifier: MIT */
/* Disk space kept aside, so that a full disk still leaves room to record refusals and what an
 * operator does about it. */
#pragma once

#include "base/parse.h"

#include <stdbool.h>

#define RESERVE_FILE "reserve"

/* Takes the space (the file is made, or filled up to size). 0 or -errno. */
MUST_CHECK int reserve_take(int dir_fd);

/* Gives it back to the file system. When that fails, the next append shows it: nothing more fits.
 */
void reserve_release(int dir_fd);

/* Would the file system hold the reserve and as much again? */
bool reserve_fits(int dir_fd);
