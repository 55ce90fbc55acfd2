/* SPDX-License-Identifier: MIT */
/* Which connections are governed, and the life of what is known about one. */
#include "conn_state.h"

#include "arena.h"
#include "governed.h"
#include "hello.h"
#include "os.h"

#include <stdatomic.h>
#include <string.h>

/* Numbers of OpenSSL's headers, the same since 1.1.0. */
#define EX_INDEX_SSL	   0
#define NAMETYPE_host_name 0
#define STATE_BEFORE	   0
#define EX_DATA_ARGUMENTS  void *parent, void *data, void *ad, int index, long argl, void *argp

static void conn_free(struct conn *c)
{
	if (c->big)
		arena_unmap(c->bytes, c->cap);
	arena_unmap(c, CONN_BYTES);
}

static void on_free(EX_DATA_ARGUMENTS)
{
	(void)parent, (void)ad, (void)index, (void)argl, (void)argp;
	if (conn_is_governed(data))
		conn_free(data);
}

/* SSL_dup() makes another connection: it is looked at anew. */
static int on_dup(void *to, const void *from, void **from_d, int index, long argl, void *argp)
{
	(void)to, (void)from, (void)index, (void)argl, (void)argp;
	*from_d = NULL;
	return 1;
}

int conn_register(void *crypto_get_ex_new_index)
{
	int (*new_index)(int, long, void *, void (*)(EX_DATA_ARGUMENTS),
			 int (*)(void *, const void *, void **, int, long, void *),
			 void (*)(EX_DATA_ARGUMENTS));

	memcpy(&new_index, &crypto_get_ex_new_index, sizeof(new_index));
	return new_index(EX_INDEX_SSL, 0, NULL, NULL, on_dup, on_free);
}

/* Lower case, without the final dot. false: no name, or none that a table could hold. */
static bool normal_name(const char *name, char *ret_host)
{
	size_t n = name ? strnlen(name, AICP_HOST_BYTES_MAX + 2) : 0;

	if (n && name[n - 1] == '.')
		n--;
	if (!n || n > AICP_HOST_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		ret_host[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	ret_host[n] = '\0';
	return true;
}

static struct conn *conn_new(const struct real_ssl *real, const char *host)
{
	struct conn *c = arena_map(CONN_BYTES);

	if (!c)
		return NULL;
	c->real = real;
	c->fd = -1;
	c->bytes = c->inline_bytes;
	c->cap = CONN_INLINE_BYTES;
	memcpy(c->host, host, strlen(host) + 1);
	return c;
}

static struct conn *set(const struct real_ssl *real, SSL *ssl, struct conn *c)
{
	if (real->SSL_set_ex_data(ssl, real->index, c))
		return c;
	if (!conn_is_governed(c))
		return c;
	conn_free(c);
	return CONN_REFUSED;
}

static struct conn *first_look(const struct real_ssl *real, SSL *ssl, bool connecting)
{
	const bool started = real->SSL_get_state(ssl) != STATE_BEFORE;
	char host[AICP_HOST_BYTES_MAX + 1];
	struct conn *c;

	/* A method for both roles says "server" until the object is told to connect. */
	if (!connecting && real->SSL_is_server(ssl))
		return started ? set(real, ssl, CONN_UNGOVERNED) : NULL;
	if (!normal_name(real->SSL_get_servername(ssl, NAMETYPE_host_name), host) ||
	    !governed_find(host, NULL))
		return set(real, ssl, CONN_UNGOVERNED);
	if (!started)
		(void)real->SSL_set_alpn_protos(ssl, (const unsigned char *)"\x08http/1.1", 9);
	c = conn_new(real, host);
	return set(real, ssl, c ? c : CONN_REFUSED);
}

struct conn *conn_known(const struct real_ssl *real, const SSL *ssl)
{
	if (real->index < 0)
		return CONN_UNGOVERNED;
	return ssl ? real->SSL_get_ex_data(ssl, real->index) : NULL;
}

struct conn *conn_of(const struct real_ssl *real, SSL *ssl, bool connecting)
{
	struct conn *c = conn_known(real, ssl);

	return c || !ssl ? c : first_look(real, ssl, connecting);
}

void conn_forget(const struct real_ssl *real, SSL *ssl)
{
	struct conn *c = real->index < 0 ? NULL : conn_known(real, ssl);

	if (!c || (conn_is_governed(c) && lock_mine(&c->lock)))
		return;
	if (real->SSL_set_ex_data(ssl, real->index, NULL) && conn_is_governed(c))
		conn_free(c);
}

void conn_forget_ungoverned(const struct real_ssl *real, SSL *ssl)
{
	if (real->index >= 0 && conn_known(real, ssl) == CONN_UNGOVERNED)
		(void)real->SSL_set_ex_data(ssl, real->index, NULL);
}

static bool is_socket(int fd, uint64_t *ret_inode)
{
	struct stat st;

	if (fd < 0 || os_stat(fd, "", &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	*ret_inode = st.st_ino;
	return true;
}

int conn_socket(struct conn *c, SSL *ssl)
{
	unsigned char random[HELLO_RANDOM_BYTES] = {0};
	uint64_t inode;

	/* A program may have closed its socket and opened something else under the number. */
	if (is_socket(c->fd, &inode) && inode == c->inode)
		return c->fd;
	c->fd = -1;
	if (c->real->SSL_get_client_random(ssl, random, sizeof(random)) == sizeof(random))
		c->fd = hello_socket(random);
	if (c->fd < 0)
		c->fd = c->real->SSL_get_fd(ssl);
	if (!is_socket(c->fd, &c->inode))
		c->fd = -1;
	return c->fd;
}

bool conn_reserve(struct conn *c, size_t n)
{
	size_t want, cap;
	void *p;

	if (n <= c->cap - c->n)
		return true;
	if (n > AICP_SHIM_REQUEST_BYTES_MAX - c->n)
		return false;
	want = c->n + n;
	/* A declared length is mapped at once; else double, so that copies stay few. */
	if (c->http.head_done && c->http.has_length && c->http.length <= AICP_BODY_BYTES_MAX &&
	    c->http.head_bytes + c->http.length > want)
		want = c->http.head_bytes + (size_t)c->http.length;
	cap = c->cap * 2 > want ? c->cap * 2 : want;
	if (c->http.has_length || cap > AICP_SHIM_REQUEST_BYTES_MAX)
		cap = want;
	cap = (cap + 0xffff) & ~(size_t)0xffff;
	p = c->big ? arena_remap(c->bytes, c->cap, cap) : arena_map(cap);
	if (!p)
		return false;
	if (!c->big)
		memcpy(p, c->bytes, c->n);
	c->bytes = p;
	c->cap = cap;
	c->big = true;
	return true;
}

void conn_reset_request(struct conn *c)
{
	if (c->big)
		arena_unmap(c->bytes, c->cap);
	c->big = false;
	c->bytes = c->inline_bytes;
	c->cap = CONN_INLINE_BYTES;
	c->n = c->sent = c->swallowed = 0;
	c->http = (struct http){0};
}

size_t conn_pending(struct conn *c)
{
	/* Also from inside a call of ours: a look at two words. */
	return c->queue_n - c->queue_at;
}

void conn_did_read(struct conn *c)
{
	if (atomic_load_explicit(&c->awaiting, memory_order_relaxed))
		atomic_store_explicit(&c->awaiting, false, memory_order_relaxed);
}
