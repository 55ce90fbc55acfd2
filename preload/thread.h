/* SPDX-License-Identifier: MIT */
/* One thread of our own in a program that is not ours. */
#pragma once

#include <stdbool.h>

/*
 * Starts run() in a thread with all signals blocked, detached, with a small stack. false: the
 * program's C library has no threads, or there is no room for one.
 *
 * The functions are looked up, not linked: a program without threads needs none of them, and a
 * library that lacks one of them would not let the program start.
 */
bool thread_start(void (*run)(void));
