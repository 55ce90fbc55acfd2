/* SPDX-License-Identifier: MIT */
/* A plugin that is linked to OpenSSL 1.1: asks once, and says what came back and what was sent. */
#include "ssl11.h"

#include <stdio.h>
#include <string.h>

int ssl11_ask(const char *host, const char *word, int *ret_sent);

int ssl11_ask(const char *host, const char *word, int *ret_sent)
{
	SSL *s = SSL_new(NULL);
	char request[1024], name[256], answer[2048] = "";
	int n, code = -1;

	snprintf(name, sizeof(name), "%s", host);
	SSL_ctrl(s, SSL11_SET_HOST_NAME, 0, name);
	SSL_connect(s);
	n = snprintf(request, sizeof(request),
		     "POST /c HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%s", host,
		     strlen(word), word);
	if (SSL_write(s, request, n) != n || SSL_read(s, answer, sizeof(answer) - 1) <= 0)
		return -1;
	(void)sscanf(answer, "HTTP/1.1 %d", &code);
	*ret_sent = strcmp(ssl11_sent(s), request) == 0;
	if (!*ret_sent && ssl11_sent(s)[0])
		return -2;
	SSL_clear(s);
	return code;
}
