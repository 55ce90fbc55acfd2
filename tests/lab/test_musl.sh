#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs of another C library (musl), and static ones: they load the shim, or never see it, and run as ever.
set -u
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
lib=$PWD/build/libaicp.so
n=0
trap 'rm -rf "$tmp"' EXIT

ok() { # ok NAME COMMAND...
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' <<<"$out" | tail -n 15
	fi
}
is() { # is WANT COMMAND...
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$want" ] || { printf 'expected: %s\ngot: %s\n' "$want" "$got"; return 1; }
}

# All families of functions that the shim stands before; a ClientHello among what is written; threads, fork, exec.
cat >"$tmp/program.c" <<'C'
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char hello[600] = {0x16, 3, 1, 2, 0x53, 1, 0, 2, 0x4f, 3, 3};
static int ends[2];

static long sent(long r)
{
	char back[600];

	return r == sizeof(hello) && recv(ends[1], back, sizeof(back), MSG_WAITALL) == r &&
	       memcmp(back, hello, sizeof(back)) == 0;
}

static void *all(void *arg)
{
	struct iovec v = {hello, sizeof(hello)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	long good = 1;

	for (int i = 0; i < 100; i++) {
		good &= sent(write(ends[0], hello, sizeof(hello)));
		good &= sent(send(ends[0], hello, sizeof(hello), 0));
		good &= sent(sendto(ends[0], hello, sizeof(hello), 0, NULL, 0));
		good &= sent(sendmsg(ends[0], &m, 0));
		good &= sent(writev(ends[0], &v, 1));
	}
	errno = 0;
	good &= write(-1, hello, sizeof(hello)) == -1 && errno == EBADF;
	return (void *)good;
}

int main(int argc, char **argv)
{
	pthread_t t;
	void *good;
	int st;

	if (argc > 1)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || !all(NULL))
		return 1;
	if (pthread_create(&t, NULL, all, NULL) || pthread_join(t, &good) || !good)
		return 2;
	if (fork() == 0)
		_exit(all(NULL) ? 0 : 1);
	if (wait(&st) < 0 || st)
		return 3;
	if (fork() == 0) {
		execl("/proc/self/exe", argv[0], "again", (char *)NULL);
		_exit(1);
	}
	if (wait(&st) < 0 || st)
		return 4;
	puts("good");
	return 0;
}
C
# A TLS library of that libc that has next to nothing: calls reach it, and nothing else happens.
echo 'int SSL_write(void *s, const void *p, int n) { return n + 1; } int SSL_read(void *s, void *p, int n) { return n + 2; }' >"$tmp/ssl.c"
cat >"$tmp/tls.c" <<'C'
#include <stdio.h>
int SSL_write(void *, const void *, int), SSL_read(void *, void *, int);
int main(void)
{
	char s[1];
	printf("%d %d\n", SSL_write(s, s, 1), SSL_read(s, s, 1));
	return 0;
}
C

for kind in 'musl musl-gcc' 'static-musl musl-gcc -static' 'static-glibc gcc -static' 'static-pie gcc -static-pie' 'glibc gcc'; do
	read -r name compile <<<"$kind"
	# shellcheck disable=SC2086
	ok "$name: builds" $compile -pthread -o "$tmp/$name" "$tmp/program.c"
	ok "$name: without the shim" is good "$tmp/$name"
	ok "$name: under the shim" is good env LD_PRELOAD="$lib" "$tmp/$name"
	ok "$name: under a shim that is cut off" is good env LD_PRELOAD="$lib" bash -c "
		head -c 50000 '$lib' >'$tmp/cut.so'; LD_PRELOAD='$tmp/cut.so' '$tmp/$name' 2>/dev/null"
	ok "$name: under a shim that is not there" is good bash -c "LD_PRELOAD=/nowhere/libaicp.so '$tmp/$name' 2>/dev/null"
done

mapped() { # the same without a debugger: a program that shows its own maps
	printf '#include <stdio.h>\nint main(void) { FILE *f = fopen("/proc/self/maps", "r"); int c; while ((c = getc(f)) != EOF) putchar(c); return 0; }\n' >"$tmp/maps.c"
	musl-gcc -o "$tmp/maps" "$tmp/maps.c" && LD_PRELOAD=$lib "$tmp/maps" | grep -q libaicp.so
}
ok "musl: it is loaded" mapped

tls() {
	musl-gcc -shared -fPIC -Wl,-soname,libssl.so.3 -o "$tmp/libssl.so.3" "$tmp/ssl.c" &&
		musl-gcc -o "$tmp/tls" "$tmp/tls.c" "$tmp/libssl.so.3" -Wl,-rpath,"$tmp" &&
		is '2 3' "$tmp/tls" && is '2 3' env LD_PRELOAD="$lib" "$tmp/tls"
}
ok "musl: a TLS library that is not OpenSSL is called as ever" tls
echo "1..$n"
