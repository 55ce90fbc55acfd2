/* SPDX-License-Identifier: MIT */
/* A plugin that brings its own TLS library, for two_libraries.c: what it is linked to is up to the
 * test. */
#include "talk.h"

/* Asks once on a connection of its own; returns the status. */
int plugin_ask(const char *name, int to_port, const char *word)
{
	SSL *ssl;
	int code;

	host = name;
	port = to_port;
	if (!context)
		open_context(0);
	ssl = session();
	code = ask(ssl, word);
	end(ssl);
	return code;
}
