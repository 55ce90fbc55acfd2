/* SPDX-License-Identifier: MIT */
/* GnuTLS as a transport, with the real library: notes, offers, and records that are made without
 * being sent. */
#include "aicp/limits.h"
#include "preload/arena.h"
#include "preload/gnutls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct real_gnutls *real;
static char dir[] = "/tmp/aicp-test-gnutls.XXXXXX";

/* ---- two ends in one process, over queues in memory ---- */

struct queue {
	uint8_t bytes[1 << 20];
	size_t at, n;
};

struct end {
	gnutls_session_t session;
	struct queue *out, *in;
	int calls; /* of the program's push function */
	bool blocked;
};

struct pair {
	struct end client, server;
	struct queue up, down;
	gnutls_psk_client_credentials_t client_key;
	gnutls_psk_server_credentials_t server_key;
};

static ssize_t push(void *ptr, const void *p, size_t n)
{
	struct end *end = ptr;

	end->calls++;
	if (end->blocked) {
		errno = EAGAIN;
		return -1;
	}
	assert_true(n <= sizeof(end->out->bytes) - end->out->n);
	memcpy(end->out->bytes + end->out->n, p, n);
	end->out->n += n;
	return (ssize_t)n;
}

static ssize_t vec_push(void *ptr, const struct iovec *iov, int n)
{
	ssize_t sent = 0;

	for (int i = 0; i < n; i++) {
		if (push(ptr, iov[i].iov_base, iov[i].iov_len) < 0)
			return sent ? sent : -1;
		sent += (ssize_t)iov[i].iov_len;
	}
	return sent;
}

static ssize_t pull(void *ptr, void *p, size_t n)
{
	struct queue *in = ((struct end *)ptr)->in;

	if (in->at == in->n) {
		errno = EAGAIN;
		return -1;
	}
	n = n < in->n - in->at ? n : in->n - in->at;
	memcpy(p, in->bytes + in->at, n);
	in->at += n;
	if (in->at == in->n)
		in->at = in->n = 0;
	return (ssize_t)n;
}

static int server_key(gnutls_session_t session, const char *name, gnutls_datum_t *key)
{
	(void)session, (void)name;
	key->data = gnutls_malloc(16);
	key->size = 16;
	memset(key->data, 'k', 16);
	return 0;
}

static void begin_end(struct end *end, unsigned flags, const char *version)
{
	char priority[200];

	snprintf(priority, sizeof(priority),
		 "NORMAL:-VERS-ALL:+VERS-TLS%s:-KX-ALL:+ECDHE-PSK:+PSK:+DHE-PSK", version);
	assert_int_equal(gnutls_init(&end->session, flags | GNUTLS_NONBLOCK), 0);
	assert_int_equal(gnutls_priority_set_direct(end->session, priority, NULL), 0);
	gnutls_transport_set_ptr(end->session, end);
	gnutls_transport_set_push_function(end->session, push);
	gnutls_transport_set_pull_function(end->session, pull);
	gnutls_handshake_set_timeout(end->session, 0);
}

static struct gnutls_note *begin(struct pair *p, const char *version)
{
	gnutls_datum_t key = {(unsigned char *)(uintptr_t) "kkkkkkkkkkkkkkkk", 16};
	struct gnutls_note *note;

	memset(p, 0, sizeof(*p));
	p->client.out = p->server.in = &p->up;
	p->client.in = p->server.out = &p->down;
	begin_end(&p->client, GNUTLS_CLIENT, version);
	begin_end(&p->server, GNUTLS_SERVER, version);
	assert_int_equal(gnutls_psk_allocate_client_credentials(&p->client_key), 0);
	assert_int_equal(gnutls_psk_allocate_server_credentials(&p->server_key), 0);
	gnutls_psk_set_client_credentials(p->client_key, "lab", &key, GNUTLS_PSK_KEY_RAW);
	gnutls_psk_set_server_credentials_function(p->server_key, server_key);
	gnutls_credentials_set(p->client.session, GNUTLS_CRD_PSK, p->client_key);
	gnutls_credentials_set(p->server.session, GNUTLS_CRD_PSK, p->server_key);
	note = gnutls_note_add(real, p->client.session);
	assert_non_null(note);
	note->push = push;
	return note;
}

static void shake_hands(struct pair *p, struct gnutls_note *note)
{
	int client = -1, server = -1;

	for (int i = 0; i < 10 && (client || server); i++) {
		if (client)
			client = gnutls_handshake(p->client.session);
		if (server)
			server = gnutls_handshake(p->server.session);
	}
	assert_int_equal(client, 0);
	assert_int_equal(server, 0);
	note->shaken = true;
	p->client.calls = 0;
}

static void end(struct pair *p)
{
	gnutls_note_end(p->client.session);
	gnutls_deinit(p->client.session);
	gnutls_deinit(p->server.session);
	gnutls_psk_free_client_credentials(p->client_key);
	gnutls_psk_free_server_credentials(p->server_key);
}

static void arrives(struct pair *p, const char *want, size_t n)
{
	char got[TRANSPORT_SLICE_BYTES];

	for (size_t at = 0; at < n;) {
		ssize_t r = gnutls_record_recv(p->server.session, got, sizeof(got));

		assert_true(r > 0 && (size_t)r <= n - at);
		assert_memory_equal(got, want + at, r);
		at += (size_t)r;
	}
	assert_int_equal(gnutls_record_recv(p->server.session, got, 1), GNUTLS_E_AGAIN);
}

/* ---- tests ---- */

static int set_up(void **state)
{
	char file[64];
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	setenv("AICP_RUNTIME_DIR", dir, 1);
	snprintf(file, sizeof(file), "%s/governed", dir);
	f = fopen(file, "we");
	fprintf(f, "aicp-governed\t1\nhost\tapi.example\tx\n");
	fclose(f);
	chmod(file, 0644);
	real = real_gnutls((const void *)(uintptr_t)set_up);
	return real && real->library.complete ? 0 : -1;
}

static int tear_down(void **state)
{
	char file[64];

	(void)state;
	snprintf(file, sizeof(file), "%s/governed", dir);
	unlink(file);
	return rmdir(dir);
}

#define SESSION(_n) ((gnutls_session_t)(uintptr_t)(0x10000 + 64ul * (_n)))

static void test_notes(void **state)
{
	enum { N = 5000 };

	(void)state;
	assert_null(gnutls_note_find(NULL));
	assert_null(gnutls_note_find(SESSION(1)));
	for (size_t i = 0; i < N; i++)
		assert_non_null(gnutls_note_add(real, SESSION(i)));
	for (size_t i = 0; i < N; i += 2)
		gnutls_note_end(SESSION(i));
	for (size_t i = 0; i < N; i++)
		assert_int_equal(!!gnutls_note_find(SESSION(i)), i % 2);
	/* Begun again at the same address, it is another session. */
	gnutls_note_find(SESSION(1))->shaken = true;
	assert_false(gnutls_note_add(real, SESSION(1))->shaken);
	for (size_t i = 0; i < N; i++)
		gnutls_note_end(SESSION(i));
	assert_null(gnutls_note_find(SESSION(1)));
}

static _Atomic(bool) stop;

static void *come_and_go(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	while (!stop) {
		assert_non_null(gnutls_note_add(real, SESSION(i)));
		gnutls_note_end(SESSION(i));
		i = i % 2000 + 100;
	}
	return NULL;
}

/* A session is found however others come and go. */
static void test_notes_beside_others(void **state)
{
	pthread_t t[3];

	(void)state;
	stop = false;
	for (size_t i = 0; i < 50; i++)
		gnutls_note_add(real, SESSION(i));
	for (size_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, come_and_go, (void *)(uintptr_t)(100 + 500 * i));
	for (size_t i = 0; i < 2000000; i++)
		assert_non_null(gnutls_note_find(SESSION(i % 50)));
	stop = true;
	for (size_t i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < 50; i++)
		gnutls_note_end(SESSION(i));
}

static void test_names(void **state)
{
	char host[AICP_HOST_BYTES_MAX + 1];
	struct gnutls_note *note = gnutls_note_add(real, SESSION(1));
	size_t before;

	(void)state;
	assert_true(conn_host("api.example", host));
	before = arena_used();
	assert_int_equal(gnutls_name(real, SESSION(1), "other.example", 13), 0);
	assert_null(note->conn);
	assert_int_equal(gnutls_name(real, SESSION(1), "API.example.!", 12), 0);
	assert_true(conn_is_governed(note->conn));
	assert_int_equal(gnutls_name(real, SESSION(1), "other.example", 13), 0);
	assert_true(conn_is_governed(note->conn));
	gnutls_note_end(SESSION(1));
	/* One whose beginning was not seen. */
	assert_int_equal(gnutls_name(real, SESSION(2), "api.example", 11), 0);
	assert_true(conn_is_governed(gnutls_note_find(SESSION(2))->conn));
	gnutls_note_end(SESSION(2));
	assert_int_equal(arena_used(), before);
}

/* HTTP/1.1 is offered alone, whatever comes first, the name or the offer. */
static void test_offers(void **state)
{
	static unsigned char h2[] = "h2", http1[] = "http/1.1";
	const struct gnutls_datum both[] = {{h2, 2}, {http1, 8}};
	const gnutls_datum_t server[] = {{h2, 2}, {http1, 8}};
	gnutls_datum_t chosen;

	(void)state;
	for (int way = 0; way < 4; way++) {
		const char *name = way & 1 ? "api.example" : "other.example";
		const bool name_first = way & 2;
		static struct pair p;
		struct gnutls_note *note = begin(&p, "1.3");

		if (name_first)
			gnutls_name(real, p.client.session, name, strlen(name));
		assert_int_equal(gnutls_offer(note, both, 2, 0), 0);
		if (!name_first)
			gnutls_name(real, p.client.session, name, strlen(name));
		assert_int_equal(gnutls_offer_late(note), 0);
		assert_int_equal(gnutls_offer_late(note), 0);
		assert_int_equal(gnutls_alpn_set_protocols(p.server.session, server, 2,
							   GNUTLS_ALPN_SERVER_PRECEDENCE),
				 0);
		shake_hands(&p, note);
		assert_int_equal(gnutls_alpn_get_selected_protocol(p.client.session, &chosen), 0);
		assert_int_equal(chosen.size, way & 1 ? 8 : 2);
		end(&p);
	}
}

static void test_seal(void **state)
{
	static const size_t sizes[] = {1, 100, 511, 513, TRANSPORT_SLICE_BYTES};
	static uint8_t sealed[TRANSPORT_SEALED_BYTES_MAX];
	static char text[TRANSPORT_SLICE_BYTES];
	static struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 2654435761u >> 11);
	for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct gnutls_note *note = begin(&p, i % 2 ? "1.3" : "1.2");
		const struct transport t = gnutls_transport(note);
		const size_t n = sizes[i / 4];
		size_t sealed_n = 0;

		if (i / 2 % 2) {
			gnutls_transport_set_vec_push_function(p.client.session, vec_push);
			note->push = NULL;
			note->vec_push = vec_push;
		}
		shake_hands(&p, note);
		assert_int_equal(gnutls_record_send(p.client.session, "before", 6), 6);
		arrives(&p, "before", 6);
		p.client.calls = 0;
		for (int twice = 0; twice < 2; twice++) {
			errno = 77;
			assert_int_equal(t.ops->seal(&t, text, n, sealed, &sealed_n),
					 TRANSPORT_SEALED);
			assert_int_equal(errno, 77);
			assert_true(sealed_n > n && sealed_n <= TRANSPORT_SEALED_BYTES_MAX);
			assert_int_equal(p.client.calls, 0);
			memcpy(p.up.bytes + p.up.n, sealed, sealed_n);
			p.up.n += sealed_n;
			arrives(&p, text, n);
		}
		assert_int_equal(gnutls_record_send(p.client.session, "behind", 6), 6);
		assert_true(p.client.calls > 0);
		arrives(&p, "behind", 6);
		end(&p);
	}
}

static void expect_cannot(struct pair *p, const struct transport *t)
{
	static uint8_t sealed[TRANSPORT_SEALED_BYTES_MAX];
	const int calls = p->client.calls;
	size_t n = 7;

	assert_int_equal(t->ops->seal(t, "x", 1, sealed, &n), TRANSPORT_CANNOT);
	assert_int_equal(n, 7);
	assert_int_equal(p->client.calls, calls);
}

static void test_seal_that_cannot_be(void **state)
{
	static struct pair p;
	struct gnutls_note *note = begin(&p, "1.3");
	const struct transport t = gnutls_transport(note);

	(void)state;
	expect_cannot(&p, &t); /* no handshake yet */
	assert_true(t.ops->handshake(&t) < 0);
	shake_hands(&p, note);
	assert_int_equal(t.ops->handshake(&t), 1);
	/* Records of another write are on their way. */
	p.client.blocked = true;
	assert_int_equal(t.ops->write(&t, "blocked", 7), GNUTLS_E_AGAIN);
	expect_cannot(&p, &t);
	p.client.blocked = false;
	assert_int_equal(t.ops->write(&t, "blocked", 7), 7);
	arrives(&p, "blocked", 7);
	note->corked = true;
	expect_cannot(&p, &t);
	note->corked = false;
	/* The program's function is not known, so it could not be put back. */
	note->push = NULL;
	expect_cannot(&p, &t);
	end(&p);
}

static void test_other_functions(void **state)
{
	static struct pair p;
	struct gnutls_note *note = begin(&p, "1.2");
	const struct transport t = gnutls_transport(note);
	uint8_t random[TRANSPORT_RANDOM_BYTES];
	gnutls_datum_t client, server;
	char got[8];

	(void)state;
	shake_hands(&p, note);
	assert_true(t.ops->random(&t, random));
	gnutls_session_get_random(p.server.session, &client, &server);
	assert_memory_equal(random, client.data, sizeof(random));
	assert_int_equal(t.ops->fd(&t), -1);
	assert_int_equal(gnutls_record_send(p.server.session, "hello", 5), 5);
	assert_int_equal(t.ops->read(&t, got, sizeof(got)), 5);
	assert_int_equal(t.ops->read(&t, got, sizeof(got)), GNUTLS_E_AGAIN);
	t.ops->end_input(&t);
	assert_true(note->ended);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_notes_beside_others),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_seal_that_cannot_be),
		cmocka_unit_test(test_other_functions),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
