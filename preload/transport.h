/* SPDX-License-Identifier: MIT */
/*
 * What a governed connection needs of the TLS library below it, whichever that is.
 *
 * conn*.c know this alone; each family of libraries fills in the functions. None of them is one of
 * our hooks: they call the library itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSPORT_RANDOM_BYTES 32u
/* One record of TLS. */
#define TRANSPORT_SLICE_BYTES 16384u
/* A slice as records: even cut into the smallest fragments (512 bytes) with the largest overhead of
 * a cipher (85 bytes each), beside a key update. */
#define TRANSPORT_SEALED_BYTES_MAX 24576u

enum transport_seal {
	TRANSPORT_SEALED,
	TRANSPORT_CANNOT, /* nothing happened; the bytes can only be written */
	TRANSPORT_BROKEN, /* records were made and are lost: never send on this session again */
};

struct transport;

struct transport_ops {
	/* No TLS: hosts have their port, and engines are told. */
	bool clear;
	/* > 0: so many bytes are with the library. Else what it said, which the program has to
	 * hear; the call has to come again with the same bytes. */
	int (*write)(const struct transport *t, const void *p, size_t n);
	int (*read)(const struct transport *t, void *p, size_t n);
	/* > 0: the handshake is done. Else it was driven, and the library said this. */
	int (*handshake)(const struct transport *t);
	/* The random of the ClientHello; false before there is one. */
	bool (*random)(const struct transport *t, uint8_t ret_random[TRANSPORT_RANDOM_BYTES]);
	/* The socket that the program declared to the library, or -1. Not to be trusted. */
	int (*fd)(const struct transport *t);
	/* Behind what was served, the program reads the end, as if the peer had closed in order. */
	void (*end_input)(const struct transport *t);
	/*
	 * Turns p[0..n), n <= TRANSPORT_SLICE_BYTES, into the records that a write would have sent,
	 * and sends nothing; ret_sealed has room for TRANSPORT_SEALED_BYTES_MAX. The program's own
	 * I/O functions are not called, so that any thread may send the records on the socket
	 * itself; they must get there before anything that is written later.
	 *
	 * To be called inside a write of the program's that then succeeds: the program's message
	 * callback may run, and OpenSSL forgets why an earlier call failed, which another thread
	 * may be about to ask.
	 */
	enum transport_seal (*seal)(const struct transport *t, const void *p, size_t n,
				    uint8_t *ret_sealed, size_t *ret_n);
};

struct transport {
	const struct transport_ops *ops;
	const void *library; /* as the family knows it */
	void *session; /* the program's object, alive for as long as its connection is */
};
