/* SPDX-License-Identifier: MIT */
#include "http/inflate.h"
#include "aicp/limits.h"
#include "base/cleanup.h"

#include <brotli/decode.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define STAGES_MAX 2
/* RFC 9659: HTTP's zstd windows are at most 8 MiB. */
#define ZSTD_WINDOW_LOG_MAX 23
/* Decoded at a time: between stages, and as room made in the caller's buffer. */
#define STEP_BYTES (16u << 10)
/* What zlib allocates to decode: its window, and some 7 KiB beside it (zconf.h). */
#define ZLIB_MEMORY_BYTES (40u << 10)
/* So much may come of any input, however short, before the ratio counts. */
#define RATIO_FREE_BYTES (1u << 20)

enum coding { CODING_IDENTITY, CODING_ZLIB, CODING_BR, CODING_ZSTD };

/* One decoder. */
struct stage {
	enum coding coding;
	bool ended;
	size_t br_bytes; /* that brotli has now */
	union {
		z_stream zlib;
		BrotliDecoderState *br;
		ZSTD_DStream *zstd;
	};
};

struct inflate {
	struct stage stage[STAGES_MAX]; /* in the order of decoding; none: identity */
	unsigned stages_n;
	uint64_t in_bytes, between_bytes, out_bytes;
	int outcome; /* of a failed one, for good */
	uint8_t between[STEP_BYTES];
};

/* Brotli does not tell what it has: its blocks carry their size in front. */
struct br_block {
	_Alignas(max_align_t) size_t n;
};

static void *br_alloc(void *opaque, size_t n)
{
	struct stage *s = opaque;
	struct br_block *block = n <= SIZE_MAX - sizeof(*block) ? malloc(sizeof(*block) + n) : NULL;

	if (!block)
		return NULL;
	block->n = n;
	s->br_bytes += n;
	return block + 1;
}

static void br_free(void *opaque, void *p)
{
	struct stage *s = opaque;
	struct br_block *block = p;

	if (!block)
		return;
	block--;
	s->br_bytes -= block->n;
	free(block);
}

static size_t stage_memory(const struct stage *s)
{
	switch (s->coding) {
	case CODING_IDENTITY:
		break;
	case CODING_ZLIB:
		return ZLIB_MEMORY_BYTES;
	case CODING_BR:
		return s->br_bytes;
	case CODING_ZSTD:
		return ZSTD_sizeof_DStream(s->zstd);
	}
	return 0;
}

static int stage_init(struct stage *s, enum coding coding, int window_bits)
{
	*s = (struct stage){.coding = CODING_IDENTITY};
	switch (coding) {
	case CODING_IDENTITY:
		break;
	case CODING_ZLIB:
		if (inflateInit2(&s->zlib, window_bits) != Z_OK)
			return -ENOMEM;
		break;
	case CODING_BR:
		s->br = BrotliDecoderCreateInstance(br_alloc, br_free, s);
		if (!s->br)
			return -ENOMEM;
		break;
	case CODING_ZSTD:
		s->zstd = ZSTD_createDStream();
		if (!s->zstd)
			return -ENOMEM;
		ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
		break;
	}
	s->coding = coding;
	return 0;
}

static void stage_deinit(struct stage *s)
{
	switch (s->coding) {
	case CODING_IDENTITY:
		break;
	case CODING_ZLIB:
		inflateEnd(&s->zlib);
		break;
	case CODING_BR:
		BrotliDecoderDestroyInstance(s->br);
		break;
	case CODING_ZSTD:
		ZSTD_freeDStream(s->zstd);
		break;
	}
	s->coding = CODING_IDENTITY;
}

static struct span trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_sub(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int stage_named(struct stage *s, struct span name)
{
	if (span_ieq(name, SPAN_LIT("gzip")) || span_ieq(name, SPAN_LIT("x-gzip")))
		return stage_init(s, CODING_ZLIB, 16 + MAX_WBITS);
	if (span_ieq(name, SPAN_LIT("deflate")))
		return stage_init(s, CODING_ZLIB, MAX_WBITS);
	if (span_ieq(name, SPAN_LIT("br")))
		return stage_init(s, CODING_BR, 0);
	if (span_ieq(name, SPAN_LIT("zstd")))
		return stage_init(s, CODING_ZSTD, 0);
	return INFLATE_E_UNKNOWN;
}

void inflate_free(struct inflate *inflate)
{
	if (!inflate)
		return;
	for (unsigned i = 0; i < inflate->stages_n; i++)
		stage_deinit(&inflate->stage[i]);
	free(inflate);
}

DEFINE_FREEP(struct inflate, inflate_free)

bool inflate_is_identity(struct span content_encoding)
{
	struct span name = trim(content_encoding);

	return !name.n || span_ieq(name, SPAN_LIT("identity"));
}

int inflate_new(struct span content_encoding, struct inflate **ret_inflate)
{
	struct inflate *inflate CLEANUP(inflate_freep) = malloc(sizeof(*inflate));
	struct span rest = content_encoding;
	int err;

	if (!inflate)
		return -ENOMEM;
	inflate->stages_n = 0;
	inflate->in_bytes = inflate->between_bytes = inflate->out_bytes = 0;
	inflate->outcome = 0;
	/* The last coding that was applied is the first to be taken off. */
	while (!inflate_is_identity(rest)) {
		size_t comma = rest.n;

		while (comma && rest.p[comma - 1] != ',')
			comma--;
		if (inflate->stages_n == STAGES_MAX)
			return INFLATE_E_UNKNOWN;
		err = stage_named(&inflate->stage[inflate->stages_n],
				  trim(span_sub(rest, comma, rest.n)));
		if (err)
			return err;
		inflate->stages_n++;
		if (!comma)
			break;
		rest = span_sub(rest, 0, comma - 1);
		if (inflate_is_identity(rest))
			return INFLATE_E_UNKNOWN;
	}
	*ret_inflate = TAKE(inflate);
	return 0;
}

static int step_zlib(struct stage *s, struct span *in, uint8_t *out, size_t *room)
{
	z_stream *z = &s->zlib;
	/* zlib counts in 32 bits. */
	size_t in_n = in->n < UINT32_MAX ? in->n : UINT32_MAX;
	int r;

	/* zlib never writes through next_in; its type lacks a const unless ZLIB_CONST is set. */
	z->next_in = (uint8_t *)(uintptr_t)in->p;
	z->avail_in = (uInt)in_n;
	z->next_out = out;
	z->avail_out = (uInt)*room;
	r = inflate(z, Z_NO_FLUSH);
	*in = span_sub(*in, in_n - z->avail_in, in->n);
	*room = z->avail_out;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	if (r == Z_STREAM_END)
		s->ended = true;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return PARSE_E_BAD;
	return 0;
}

static int step_br(struct stage *s, struct span *in, uint8_t *out, size_t *room)
{
	const uint8_t *next = in->p;
	size_t left = in->n;

	switch (BrotliDecoderDecompressStream(s->br, &left, &next, room, &out, NULL)) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		s->ended = true;
		break;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
	case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
		break;
	case BROTLI_DECODER_RESULT_ERROR:
		/* Codes from here up to -30 say that memory ran out. */
		return BrotliDecoderGetErrorCode(s->br) <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES
			       ? -ENOMEM
			       : PARSE_E_BAD;
	}
	*in = span_sub(*in, in->n - left, in->n);
	return 0;
}

static int step_zstd(struct stage *s, struct span *in, uint8_t *out, size_t *room)
{
	ZSTD_inBuffer i = {in->p, in->n, 0};
	ZSTD_outBuffer o = {out, *room, 0};
	size_t r = ZSTD_decompressStream(s->zstd, &o, &i);

	if (ZSTD_isError(r))
		return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? -ENOMEM : PARSE_E_BAD;
	s->ended = r == 0;
	*in = span_sub(*in, i.pos, in->n);
	*room -= o.pos;
	return 0;
}

/* Decodes some of *in into out, nothing once the stage has ended; *room is what is left of out. 0,
 * PARSE_E_BAD or -ENOMEM. */
static int step(struct stage *s, struct span *in, uint8_t *out, size_t *room)
{
	if (s->ended)
		return 0;
	switch (s->coding) {
	case CODING_ZLIB:
		return step_zlib(s, in, out, room);
	case CODING_BR:
		return step_br(s, in, out, room);
	case CODING_ZSTD:
		return step_zstd(s, in, out, room);
	case CODING_IDENTITY:
		break;
	}
	abort();
}

/* The last stage, into the caller's buffer. */
static int decode_last(struct stage *s, struct span in, struct buf *out)
{
	for (;;) {
		size_t want = out->max - out->n < STEP_BYTES ? out->max - out->n : STEP_BYTES;
		uint8_t probe[1];
		size_t room = want ? want : sizeof(probe), room_before = room, in_before = in.n;
		int err = want ? buf_reserve(out, want) : 0;

		/* With a full buffer one byte more tells an end from a body that is too large. */
		if (!err)
			err = step(s, &in, want ? out->p + out->n : probe, &room);
		if (err)
			return err;
		if (!want && room != room_before)
			return PARSE_E_LIMIT;
		if (want)
			out->n += room_before - room;
		if (in.n && (s->ended || (in.n == in_before && room == room_before)))
			return PARSE_E_BAD;
		/* Room to spare: the decoder has no more to give for what it was given. */
		if (!in.n && (room || s->ended))
			return 0;
	}
}

/* What the first of two stages yields is what the second reads. */
static int decode_two(struct inflate *inflate, struct span in, struct buf *out)
{
	struct stage *first = &inflate->stage[0];

	for (;;) {
		size_t room = sizeof(inflate->between), in_before = in.n, n;
		int err = step(first, &in, inflate->between, &room);

		if (err)
			return err;
		n = sizeof(inflate->between) - room;
		/* A bomb inside a bomb: what lies between is bounded like what comes out. */
		inflate->between_bytes += n;
		if (inflate->between_bytes > out->max)
			return PARSE_E_LIMIT;
		if (n) {
			err = decode_last(&inflate->stage[1], span_of(inflate->between, n), out);
			if (err)
				return err;
		}
		if (in.n && (first->ended || (in.n == in_before && !n)))
			return PARSE_E_BAD;
		if (!in.n && (room || first->ended))
			return 0;
	}
}

static bool all_ended(const struct inflate *inflate)
{
	for (unsigned i = 0; i < inflate->stages_n; i++)
		if (!inflate->stage[i].ended)
			return false;
	return inflate->stages_n > 0;
}

int inflate_feed(struct inflate *inflate, struct span in, struct buf *out)
{
	size_t before = out->n;
	int err = 0;

	if (inflate->outcome)
		return inflate->outcome;
	if (!inflate->stages_n)
		err = buf_put(out, in);
	else if (in.n && inflate->stages_n == 1)
		err = decode_last(&inflate->stage[0], in, out);
	else if (in.n)
		err = decode_two(inflate, in, out);
	inflate->in_bytes += in.n;
	inflate->out_bytes += out->n - before;
	/* Looked at when all is there, so that the outcome is the same however the bytes come. */
	if (!err && all_ended(inflate) && inflate->out_bytes > RATIO_FREE_BYTES &&
	    inflate->out_bytes / AICP_INFLATE_RATIO_MAX > inflate->in_bytes)
		err = PARSE_E_LIMIT;
	if (err == -E2BIG)
		err = PARSE_E_LIMIT;
	if (err)
		return inflate->outcome = err;
	return all_ended(inflate) ? PARSE_DONE : PARSE_E_MORE;
}

size_t inflate_memory(const struct inflate *inflate)
{
	size_t n = sizeof(*inflate);

	for (unsigned i = 0; i < inflate->stages_n; i++)
		n += stage_memory(&inflate->stage[i]);
	return n;
}

int inflate_end(struct inflate *inflate)
{
	if (inflate->outcome)
		return inflate->outcome;
	return !inflate->stages_n || all_ended(inflate) ? PARSE_DONE : PARSE_E_BAD;
}
