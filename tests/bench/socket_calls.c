/* SPDX-License-Identifier: MIT */
/*
 * Time of write() and read() where nobody governs anything, on calls that the kernel is done with
 * at once, so that what is added to them shows: socket_calls file | socket. `file` writes 16 bytes
 * to /dev/null and reads as many from /dev/zero; `socket` is a connected TCP socket, to which
 * nothing is sent and from which nothing has come. Prints nanoseconds a call, the least of several
 * short passes: what disturbs one only ever makes it longer.
 */
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PASSES	 2000
#define PAIRS	 2000
#define TEXT_LEN 16

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "socket_calls: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A connection to this very program. */
static int connected(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || fd < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &n) < 0 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("a connection");
	return fd;
}

static double pass_ns(int to, int from, size_t n, ssize_t got)
{
	char text[TEXT_LEN] = "sixteen bytes ..";
	double begin = clock_seconds(CLOCK_MONOTONIC);

	for (int i = 0; i < PAIRS; i++)
		if (write(to, text, n) != (ssize_t)n || read(from, text, TEXT_LEN) != got)
			die("transfer");
	return (clock_seconds(CLOCK_MONOTONIC) - begin) * 1e9 / (2.0 * PAIRS);
}

int main(int argc, char **argv)
{
	const int is_socket = argc == 2 && strcmp(argv[1], "socket") == 0;
	const int to = is_socket ? connected() : open("/dev/null", O_WRONLY);
	const int from = is_socket ? to : open("/dev/zero", O_RDONLY);
	double least = 1e9;

	if (to < 0 || from < 0)
		die("files");
	for (int i = 0; i < PASSES; i++) {
		double ns = pass_ns(to, from, is_socket ? 0 : TEXT_LEN, is_socket ? -1 : TEXT_LEN);

		least = ns < least ? ns : least;
	}
	printf("%.2f\n", least);
	return 0;
}
