/* SPDX-License-Identifier: MIT */
/* Asks another program (a second parser) about many texts at once, through two files of framed
 * texts. */
#pragma once

#include "base/buf.h"

/* Appends one text in its frame: 4 bytes of length, little-endian, and the bytes. */
void peer_put(struct buf *texts, struct span text);

/* The next framed text at *at, which moves behind it; false at the end. */
bool peer_next(struct span texts, size_t *at, struct span *ret_text);

/* Runs `command IN OUT` with texts in IN, and reads OUT. command is a shell's. False when it fails.
 */
bool peer_ask(const char *command, struct span texts, struct buf *ret_answers);
