/* SPDX-License-Identifier: MIT */
/* A program that exports functions of OpenSSL's names which are none that the shim knows: prints
 * "good" when it is left as it was built. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int SSL_write(void *ssl, const void *p, int n);
int SSL_read(void *ssl, void *p, int n);
int SSL_write_ex(void *ssl, const void *p, size_t n, size_t *written);
int SSL_read_ex(void *ssl, void *p, size_t n, size_t *got);

static int calls;

int SSL_write(void *ssl, const void *p, int n)
{
	calls++;
	return ssl && p ? n : 0;
}

int SSL_read(void *ssl, void *p, int n)
{
	calls += 2;
	return ssl && p ? n : 0;
}

int SSL_write_ex(void *ssl, const void *p, size_t n, size_t *written)
{
	calls += 4;
	*written = n;
	return ssl && p;
}

int SSL_read_ex(void *ssl, void *p, size_t n, size_t *got)
{
	calls += 8;
	*got = n;
	return ssl && p;
}

int main(void)
{
	static const unsigned char jump[2] = {0xff, 0x25};

	if (memcmp((const void *)SSL_write, jump, sizeof(jump)) == 0 ||
	    memcmp((const void *)SSL_read, jump, sizeof(jump)) == 0)
		puts("changed");
	else
		puts(calls ? "called" : "good");
	return 0;
}
