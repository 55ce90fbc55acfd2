/* SPDX-License-Identifier: MIT */
/* A request's head for another body: what the engine rewrote leaves under the program's own head.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Room that a new head may need beyond the old one: one Content-Length line. */
#define REFRAME_HEAD_GROWTH 48u

/*
 * Copies head[0..n), a request head up to and with its empty line, to out (room for n +
 * REFRAME_HEAD_GROWTH), with Content-Length: body_bytes in place of whatever framed, coded or
 * digested the old body (Content-Length, Transfer-Encoding, Trailer, Content-Encoding, Content-MD5,
 * Digest, Content-Digest, Repr-Digest). Returns the new length; 0 when head does not end in an
 * empty line, and nothing may be sent.
 */
size_t reframe_head(const uint8_t *head, size_t n, size_t body_bytes, uint8_t *out);
